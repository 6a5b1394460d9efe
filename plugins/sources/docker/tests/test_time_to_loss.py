"""How soon unread lines are rotated away, as far as it can be known without asking Docker."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from penstock.api import Log
from penstock.testing import RecordingOutlet
from penstock_source_docker.pace import Pace
from penstock_source_docker.retention import retention
from penstock_source_docker.risk import Risk

SECOND = 1_000_000_000
MEGA = 1_000_000


@pytest.mark.parametrize(
    ("driver", "options", "held"),
    [
        ("json-file", {}, 0),
        ("json-file", {"max-size": "-1", "max-file": "5"}, 0),
        ("json-file", {"max-size": "10m"}, 0),
        ("json-file", {"max-size": "10m", "max-file": "3"}, 20 * MEGA),
        ("json-file", {"max-size": "1.5kB", "max-file": "2"}, 1500),
        ("local", {}, 4 * (20 << 20)),
        ("local", {"max-size": "1g", "max-file": "2"}, 1000 * MEGA),
        ("syslog", {"cache-max-size": "5m"}, 20 * MEGA),
        ("journald", {}, 0),
        ("none", {}, 0),
    ],
)
def test_what_docker_certainly_keeps(driver: str, options: dict[str, str], held: int) -> None:
    assert retention(driver, options).held == held


def line(time: int) -> Log:
    return Log(time, "x" * 60, "stdout")


def written(risk: Risk, start: int, seconds: int, *, every_s: float = 0.1) -> int:
    """Read 10,000 bytes of local log a second, in batches; return the time of the last."""
    end = start + seconds * SECOND
    for at in range(start, end + 1, int(every_s * SECOND)):
        risk.read([line(at)], int(10_000 * every_s))
    return end


LOCAL = retention("local", {"max-size": "100k", "max-file": "4"})


def test_a_pace_that_goes_on_fills_what_is_held() -> None:
    risk = Risk(LOCAL)
    last = written(risk, 1000 * SECOND, 20)
    assert risk.seconds(last + SECOND, 0) is None
    # 300,000 bytes are held, 10,000 a second are written: 30 s, less those that have passed.
    assert risk.seconds(last + 5 * SECOND, 0) == pytest.approx(25, abs=1)
    assert risk.seconds(last + 20 * SECOND, 0) == pytest.approx(10, abs=1)
    assert risk.seconds(last + 60 * SECOND, 0) == 0


def test_what_was_there_at_the_opening_is_held_by_docker() -> None:
    risk = Risk(LOCAL)
    last = written(risk, 1000 * SECOND, 20)
    opened = last + 3600 * SECOND
    assert risk.seconds(opened + SECOND, opened) is None
    assert risk.seconds(opened + 5 * SECOND, opened) == pytest.approx(25, abs=1)


def test_the_pace_is_the_present_one() -> None:
    risk = Risk(LOCAL)
    last = written(risk, 1000 * SECOND, 20)
    last = written(risk, last + SECOND, 20, every_s=1)
    for at in range(last, last + 20 * SECOND, SECOND):
        risk.read([line(at)], 1000)
    assert risk.seconds(last + 24 * SECOND, 0) == pytest.approx(300 - 5, abs=40)


def test_a_burst_after_a_silence_is_a_pace_of_its_own() -> None:
    risk = Risk(LOCAL)
    last = written(risk, 1000 * SECOND, 20) + 3600 * SECOND
    written(risk, last, 2)
    assert risk.seconds(last + 7 * SECOND, 0) == pytest.approx(25, abs=2)


def test_a_clock_that_goes_back_begins_anew() -> None:
    risk = Risk(LOCAL)
    written(risk, 5000 * SECOND, 20)
    last = written(risk, 1000 * SECOND, 20)
    assert risk.seconds(last + 5 * SECOND, 0) == pytest.approx(25, abs=1)


def test_silence_since_all_was_read_lowers_the_pace() -> None:
    risk = Risk(LOCAL)
    last = written(risk, 1000 * SECOND, 20)
    risk.caught_up(last + 3600 * SECOND)
    left = risk.seconds(last + 3605 * SECOND, 0)
    assert left is not None
    assert left > 3600


def test_a_log_that_only_grows_loses_nothing() -> None:
    risk = Risk(retention("json-file", {}))
    last = written(risk, 1000 * SECOND, 20)
    assert risk.seconds(last + 3600 * SECOND, 0) is None


OFTEN = Pace(assess_every_s=0.05, behind_ns=SECOND // 2)
"""Look every 50 ms, and take half a second for being behind."""

ROTATED = {"max-size": "10m", "max-file": "3"}


async def flood(web: Any, lines: int) -> None:
    """Print more than a socket holds, in portions."""
    for number in range(0, lines, 100):
        web.print(*(f"{number + i:060}" for i in range(100)))
        await asyncio.sleep(0.01)


async def test_a_blocked_outlet_is_at_risk_until_it_is_open(engine: Any, reading: Any) -> None:
    web = engine.add("web", options=ROTATED)
    calm = engine.add("calm")
    origin = f"docker:{web.id}"
    out = RecordingOutlet(settle=True)
    async with reading(outlet=out, pace=OFTEN):
        await flood(web, 1000)
        calm.print("one")
        await out.until(lambda: len(out.lines()) == 1001)
        assert out.risks == {}
        out.shut()
        await flood(web, 5000)
        calm.print("two")
        await until(lambda: origin in out.risks)
        first = out.risks[origin]
        assert first is not None
        assert 0 < first < 60
        await until(lambda: out.risks[origin] is not None and out.risks[origin] < first)
        assert out.risks.keys() == {origin}
        out.open()
        await out.until_lines(6002)
        await until(lambda: out.risks == {origin: None})


async def test_a_container_that_has_said_all_is_not_at_risk(engine: Any, reading: Any) -> None:
    web = engine.add("web", options=ROTATED)
    out = RecordingOutlet(settle=True)
    async with reading(outlet=out, pace=OFTEN):
        await flood(web, 1000)
        await out.until_lines(1000)
        out.shut()
        web.print("two", "three")
        await asyncio.sleep(1)
        assert out.risks == {}


async def test_a_container_that_was_quiet_before_the_engine_went_away(
    engine: Any, reading: Any
) -> None:
    web = engine.add("web", options=ROTATED)
    origin = f"docker:{web.id}"
    async with reading(pace=OFTEN) as out:
        await flood(web, 1000)
        await asyncio.sleep(1.5)
        await engine.stop()
        await until(lambda: origin in out.risks)
        # It went on for a tenth of a second: at that pace there would be twenty seconds.
        assert out.risks[origin] > 100
        await engine.start()
        await until(lambda: out.risks[origin] is None)


async def test_a_container_that_has_ended_is_not_at_risk(engine: Any, reading: Any) -> None:
    web = engine.add("web", options=ROTATED)
    origin = f"docker:{web.id}"
    out = RecordingOutlet(settle=True)
    async with reading(outlet=out, pace=OFTEN):
        await flood(web, 1000)
        await out.until_lines(1000)
        out.shut()
        await flood(web, 5000)
        await until(lambda: out.risks.get(origin) is not None)
        web.stop()
        engine.emit("die", web)
        await until(lambda: out.risks[origin] is None)


async def until(condition: Any) -> None:
    """Wait for what is seen only now and then."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)

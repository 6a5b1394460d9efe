"""Logs that rotate while nobody reads: what Docker no longer has is a gap, the rest arrives."""

from __future__ import annotations

import asyncio

import pytest

from penstock.api import Gap, Log
from penstock.testing import RecordingOutlet
from tests.system.parts.docker_source import logs, reading, run
from tests.system.parts.engine import Engine

ROTATE = {"max-size": "1m", "max-file": "3"}
LINES = 200_000
# In bursts, as a line printed in a tight loop rotates the log before any reader has a chance.
SCRIPT = (
    f"i=0; while [ $i -lt {LINES} ]; do seq $((i+1)) $((i+500)); i=$((i+500)); sleep 0.01; done"
)


def account(out: RecordingOutlet, container: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the numbers that arrived, and each step that is more than one with a gap before it.

    A step of more than one without a gap event is silent loss, and fails.
    """
    numbers: list[int] = []
    gaps: list[tuple[int, int]] = []
    said: Gap | None = None
    last: Log | None = None
    for event in out.events(container):
        if type(event) is Gap:
            said = event
            continue
        assert type(event) is Log
        number = int(event.body)
        if numbers and number != numbers[-1] + 1:
            assert number > numbers[-1], f"{number} after {numbers[-1]}"
            assert said is not None, f"{number} after {numbers[-1]} without a gap event"
            assert last is not None
            assert said.from_unix_nano == last.time_unix_nano
            assert said.to_unix_nano == event.time_unix_nano
            gaps.append((numbers[-1], number))
        said, last = None, event
        numbers.append(number)
    return numbers, gaps


@pytest.mark.parametrize("driver", ["json-file", "local"])
async def test_a_blocked_pipeline(docker_engine: Engine, driver: str) -> None:
    out = RecordingOutlet(settle=True)
    options = {**ROTATE, "compress": "false"} if driver == "local" else ROTATE
    async with reading(docker_engine.host, outlet=out):
        container = await run(docker_engine, "fast", SCRIPT, driver=driver, log_opts=options)
        await out.until_lines(2000)
        out.shut()
        await asyncio.to_thread(docker_engine.wait, container)
        out.open()
        await out.until(lambda: logs(out, container)[-1].body == str(LINES), timeout=30)
        await asyncio.sleep(1)
    numbers, gaps = account(out, container)
    kept = [int(line) for line in docker_engine.logs(container)[0]]
    assert numbers[-len(kept) :] == kept
    assert gaps, f"Docker kept {len(kept)} lines"


async def test_a_pause_that_loses_nothing_is_no_gap(docker_engine: Engine) -> None:
    out = RecordingOutlet(settle=True)
    script = "seq 1 10000; sleep 2.5; seq 10001 20000"
    async with reading(docker_engine.host, outlet=out):
        container = await run(docker_engine, "calm", script)
        await out.until_lines(100)
        out.shut()
        await asyncio.sleep(1.5)
        out.open()
        await out.until_lines(20_000, timeout=20)
        await asyncio.sleep(0.5)
    numbers, gaps = account(out, container)
    assert numbers == list(range(1, 20_001))
    assert gaps == out.gaps == []


async def test_rotation_at_a_pace_that_is_kept_up_with(docker_engine: Engine) -> None:
    script = (
        "i=0; while [ $i -lt 30000 ]; do seq $((i+1)) $((i+20)); i=$((i+20)); sleep 0.003; done"
    )
    options = {"max-size": "200k", "max-file": "5"}
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "paced", script, log_opts=options)
        await out.until(
            lambda: logs(out, container)[-1:] and logs(out, container)[-1].body == "30000",
            timeout=50,
        )
        await asyncio.sleep(0.5)
    numbers, gaps = account(out, container)
    assert numbers == list(range(1, 30_001))
    assert gaps == []


async def test_rotated_away_while_penstock_was_down(docker_engine: Engine) -> None:
    script = "seq 1 1000; while [ ! -e /go ]; do sleep 0.02; done; seq 1001 200000"
    container = docker_engine.run("rotated", script, log_opts=ROTATE)
    async with reading(docker_engine.host, start_at="beginning") as first:
        await first.until_lines(1000)
    docker_engine.docker_raw("exec", container, "touch", "/go")
    docker_engine.wait(container)
    async with reading(docker_engine.host, first.committed) as out:
        await out.until(
            lambda: logs(out, container)[-1:] and logs(out, container)[-1].body == "200000"
        )
        await asyncio.sleep(0.5)
    kept = [int(line) for line in docker_engine.logs(container)[0]]
    assert [int(log.body) for log in logs(out, container)] == kept
    gap = out.events(container)[0]
    assert type(gap) is Gap
    assert gap.from_unix_nano == logs(first, container)[-1].time_unix_nano
    assert gap.to_unix_nano == logs(out, container)[0].time_unix_nano
    assert len(out.gaps) == 1

"""A stop with full buffers: what cannot be delivered is on disk, and comes once afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from penstock.api import BatchSettings, BufferSettings, ConfigError, RetryableError
from tests.delivery.durable_lab import DurableLab
from tests.delivery.load import LANES, Load

SMALL = 80_000
OVERFLOW = BufferSettings(type="overflow", max_memory_bytes=SMALL)


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("type_", ["overflow", "disk"])
@pytest.mark.parametrize("fault", ["fail", "hang", "retry_after", "closed"])
async def test_what_a_dead_sink_leaves_is_on_disk_and_comes_once(
    durable: DurableLab, fault: str, type_: str, in_flight: int, waited: Callable[[], float]
) -> None:
    buffer = BufferSettings(type=type_, max_memory_bytes=SMALL, max_disk_bytes=50_000)  # type: ignore[arg-type]
    durable.settings("x", buffer=buffer, in_flight=in_flight, write_timeout_s=None)
    far, lines = durable.destination("x"), Load(durable, "a")
    if fault == "fail":
        far.fail()
    elif fault == "hang":
        far.hang()
    elif fault == "retry_after":
        far.fail(RetryableError("throttled", retry_after=3600))
    else:
        far.open_failure = RetryableError("not there")
    lines.write(12_000)
    runtime = await durable.start(durable.plan(main="a > grep > join > x y"))
    await asyncio.sleep(5)
    assert runtime.graph.sources["a"].outlet.blocked_on == "sinks.x"
    assert await durable.stop() == 0
    assert waited() <= 13
    read = durable.services.ledger.received["sources.a"]
    assert read < 12_000
    assert durable.lines("x") == []
    assert "abandoned" not in durable.counts("x")
    assert durable.spooled("x") == read
    kept = durable.shut()
    assert len(kept.lines["sinks.x"]) == read
    assert sum(int(kept.positions["sources.a", lane]) for lane in LANES) == read
    far.open_failure = None
    far.mend()
    durable.boot()
    assert durable.spooled("x") == read
    await durable.start(durable.plan(main="a > grep > join > x y"))
    await far.until_lines(12_000)
    assert await durable.stop() == 0
    for sink in "xy":
        lines.check(durable.lines(sink))
        assert durable.repeated(sink) == []
        assert durable.outcomes(sink) == {"delivered": 12_000}
    assert durable.shut().lines == {}


async def test_a_stop_puts_on_disk_at_once_what_a_dead_sink_will_hardly_take(
    durable: DurableLab,
) -> None:
    durable.settings("x", buffer=BufferSettings(type="overflow"))
    durable.destination("x").fail()
    durable.origin("a").write(str(number) for number in range(100))
    runtime = await durable.start(durable.plan(main="a > x"))
    await asyncio.sleep(3)
    assert durable.spooled("x") == 0, "there is room in memory"
    runtime.stop()
    await asyncio.sleep(1)
    durable.origin("a").write(["one more"])
    await asyncio.sleep(1)
    assert durable.spooled("x") == 100, "well before the deadline"
    assert await durable.ended() == 0


async def test_a_second_stop_leaves_it_on_disk_too(
    durable: DurableLab, waited: Callable[[], float]
) -> None:
    durable.drain_timeout_s = 3600
    durable.settings("x", buffer=OVERFLOW, write_timeout_s=None)
    durable.destination("x").hang()
    durable.origin("a").write([f"{number}" for number in range(100)])
    runtime = await durable.start(durable.plan(main="a > x"))
    runtime.stop()
    await asyncio.sleep(10)
    runtime.stop()
    assert await durable.ended() == 0
    assert waited() < 12
    assert len(durable.shut().lines["sinks.x"]) == 100


async def test_starts_and_stops_with_a_dead_sink_pile_nothing_up(durable: DurableLab) -> None:
    durable.settings(
        "x", buffer=OVERFLOW, batch=BatchSettings(max_events=40, max_wait_ms=0), order="stream"
    )
    durable.drain_timeout_s = 1
    far, lines = durable.destination("x"), Load(durable, "a")
    far.fail()
    for _ in range(5):
        lines.write(60)
        await durable.start(durable.plan(main="a > x"))
        await asyncio.sleep(1)
        assert await durable.stop() == 0
        assert len(durable.shut().lines["sinks.x"]) == lines.count
        durable.boot()
        assert durable.spooled("x") == lines.count
    far.mend()
    far.fail(times=2)
    await durable.start(durable.plan(main="a > x"))
    await far.until_lines(lines.count)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    assert durable.outcomes("x") == {"delivered": lines.count}


async def test_what_was_half_delivered_leaves_only_its_rest(durable: DurableLab) -> None:
    durable.settings("x", buffer=BufferSettings(type="disk", max_memory_bytes=SMALL))
    durable.settings("x", batch=BatchSettings(max_events=10, max_wait_ms=0))
    far = durable.destination("x")
    lines = [f"{number}" for number in range(100)]
    durable.origin("a").write(lines)
    far.slow(0.01)
    await durable.start(durable.plan(main="a > x"))
    await far.until_lines(50)
    far.hang()
    assert await durable.stop() == 0
    left = 100 - len(durable.lines("x"))
    assert 0 < left <= 50
    assert durable.shut().lines["sinks.x"] == lines[-left:]
    far.mend()
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    assert durable.lines("x") == lines


async def test_a_disk_that_fails_at_the_stop_is_told_by_the_exit_code(
    durable: DurableLab, waited: Callable[[], float], caplog: pytest.LogCaptureFixture
) -> None:
    durable.settings("x", buffer=OVERFLOW)
    far, lines = durable.destination("x"), Load(durable, "a")
    lines.write(300)
    await durable.start(durable.plan(main="a > x"))
    await far.until_lines(300)
    await asyncio.sleep(1)
    far.fail()
    durable.disk.error = "no space left on device"
    lines.write(300)
    await asyncio.sleep(2)
    assert await durable.stop() == 1
    assert waited() < 12
    assert durable.counts("x") == {"delivered": 300, "abandoned": 300}
    assert sum(int(p) for p in durable.shut().positions.values()) == 300
    far.mend()
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    assert durable.outcomes("x") == {"delivered": 600}, "the row of the failed stop was not kept"


async def test_a_disk_that_fails_only_then_is_told_too(durable: DurableLab) -> None:
    durable.settings("x", buffer=OVERFLOW)
    far, lines = durable.destination("x"), Load(durable, "a")
    far.fail()
    lines.write(300)
    await durable.start(durable.plan(main="a > x"))
    await asyncio.sleep(2)
    assert durable.journal_of_state.trouble == ""
    durable.disk.error = "no space left on device"
    assert await durable.stop() == 1
    assert durable.counts("x") == {"abandoned": 300}
    assert durable.shut().positions == {}
    far.mend()
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))


# --- sinks that are no more --------------------------------------------------------------------


async def left_by(durable: DurableLab, sink: str, count: int) -> None:
    """Leave so many lines on disk for a sink."""
    durable.settings(sink, buffer=OVERFLOW)
    durable.destination(sink).fail()
    Load(durable, "a").write(count)
    await durable.start(durable.plan(main=f"a > {sink}"))
    assert await durable.stop() == 0
    durable.shut()
    durable.boot()


async def test_a_renamed_sink_stops_the_start_with_count_and_remedy(durable: DurableLab) -> None:
    await left_by(durable, "x", 300)
    with pytest.raises(ConfigError) as told:
        await durable.run(durable.plan(main="a > renamed"))
    for part in ("sinks.x", "300 events", str(durable.folder), 'orphans = "dead_letter"'):
        assert part in str(told.value)
    assert durable.lines("renamed") == []
    assert durable.spooled("x") == 300
    assert len(durable.shut().lines["sinks.x"]) == 300
    durable.destination("x").mend()
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    assert len(durable.lines("x")) == 300


async def test_orphans_become_dead_letters_where_that_was_chosen(durable: DurableLab) -> None:
    await left_by(durable, "x", 300)
    durable.orphans = "dead_letter"
    await durable.start(durable.plan(main="a > y"))
    assert await durable.stop() == 0
    assert durable.outcomes("x") == {"dead_lettered orphaned": 300}
    kept = durable.shut()
    assert kept.lines == {}
    assert sorted(line for _, _, line in kept.letters) == sorted(
        f"{lane} a{number}" for number, lane in enumerate(LANES * 100)
    )
    assert {(sink, reason) for sink, reason, _ in kept.letters} == {("sinks.x", "orphaned")}
    durable.boot()
    durable.orphans = "refuse"
    await durable.start(durable.plan(main="a > y"))
    assert await durable.stop() == 0


async def test_a_sink_that_no_pipeline_has_is_an_orphan_too_and_an_empty_one_is_not(
    durable: DurableLab,
) -> None:
    durable.origin("a").write(["one"])
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    durable.shut()
    durable.boot()
    await durable.start(durable.plan(main="a > y"))
    assert await durable.stop() == 0


@pytest.mark.parametrize("table", ["loads", "opens"])
async def test_a_broken_sink_leaves_alone_what_waits_on_disk(
    durable: DurableLab, table: str
) -> None:
    await left_by(durable, "x", 300)
    if table == "loads":
        durable.broken["sinks.x"] = "its plugin does not load"
    else:
        durable.destination("x").open_failure = KeyError("a defect")
    durable.origin("a").write(["meanwhile"])
    await durable.start(durable.plan(main="a > x"))
    await asyncio.sleep(600)
    assert await durable.stop() == 0
    assert durable.outcomes("x") == {"dead_lettered plugin_error": 1}
    assert durable.spooled("x") == 300
    durable.shut()
    durable.boot()
    durable.broken.clear()
    durable.destination("x").open_failure = None
    durable.destination("x").mend()
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    assert len(durable.lines("x")) == 300

"""Overflow and disk buffers: what memory cannot hold waits on disk, and comes back in order."""

from __future__ import annotations

import asyncio

import pytest

from penstock.api import BatchSettings, BufferSettings, RetryableError
from penstock.bus.spooling import SpoolingBuffer
from tests.delivery.durable_lab import FOREVER, DurableLab
from tests.delivery.load import LANES, Load, load

SMALL = 80_000
LITTLE = BufferSettings(type="disk", max_memory_bytes=SMALL // 2, max_disk_bytes=20_000)
OVERFLOW = BufferSettings(type="overflow", max_memory_bytes=SMALL, max_disk_bytes=FOREVER)
DISK = BufferSettings(type="disk", max_memory_bytes=SMALL, max_disk_bytes=FOREVER)
MEMORY = BufferSettings(type="memory", max_memory_bytes=SMALL)


def buffer_of(lab: DurableLab, sink: str) -> SpoolingBuffer:
    assert lab.runtime
    buffer = lab.runtime.graph.sinks[sink].buffer
    assert isinstance(buffer, SpoolingBuffer)
    return buffer


async def written(lab: DurableLab, lines: Load, count: int) -> None:
    """Have so many lines read, however full the buffers are."""
    for _ in range(count // 30):
        lines.write(30)
        await asyncio.sleep(0.001)
    await lab.until(lambda: lab.services.ledger.received.get("sources.a") == lines.count)


async def test_what_fits_into_memory_touches_no_disk(durable: DurableLab) -> None:
    durable.settings("x", buffer=OVERFLOW)
    async with load(durable) as lines:
        await durable.start(durable.plan(main="a > x"))
        durable.destination("x").slow(0.01)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    assert not any(unit.pages for unit in durable.disk.units)


@pytest.mark.parametrize("order", ["stream", "resource"])
@pytest.mark.parametrize("fault", ["fail", "hang", "closed"])
async def test_an_outage_goes_to_disk_and_comes_back_in_order(
    durable: DurableLab, fault: str, order: str
) -> None:
    durable.settings("x", buffer=OVERFLOW, order=order, write_timeout_s=None)
    far, lines = durable.destination("x"), Load(durable, "a")
    lines.write(300)
    if fault == "closed":
        far.open_failure = RetryableError("not there")
    await durable.start(durable.plan(main="a > x y"))
    if fault == "fail":
        far.fail()
    elif fault == "hang":
        far.hang()
    await written(durable, lines, 9000)
    assert durable.spooled("x") > 8000
    assert buffer_of(durable, "x").heap_bytes <= SMALL
    await durable.destination("y").until_lines(lines.count)
    lines.check(durable.lines("y"))
    on_disk = [3100] * 3  # And so it is settled.
    await durable.until(lambda: [durable.position("a", lane) for lane in LANES] == on_disk)
    far.open_failure = None
    far.mend()
    await far.until_lines(lines.count)
    lines.write(300)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    assert durable.repeated("x") == []
    assert durable.outcomes("x") == {"delivered": lines.count}
    assert durable.shut().lines == {}


async def test_all_that_is_newer_goes_through_the_disk_until_it_is_empty(
    durable: DurableLab,
) -> None:
    durable.settings("x", buffer=OVERFLOW)
    far, lines = durable.destination("x"), Load(durable, "a")
    far.fail()
    await durable.start(durable.plan(main="a > x"))
    await written(durable, lines, 3000)
    far.mend()
    far.slow(0.001)
    while durable.spooled("x"):
        lines.write(3)
        assert buffer_of(durable, "x").heap_bytes <= SMALL
        await asyncio.sleep(0.002)
    durable.disk.units.clear()
    lines.write(300)
    await far.until_lines(lines.count)
    assert not any(unit.pages for unit in durable.disk.units), "back to memory"
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))


async def test_a_sink_that_is_only_slow_does_not_spill(durable: DurableLab) -> None:
    durable.settings("x", buffer=OVERFLOW, batch=BatchSettings(max_events=100, max_wait_ms=0))
    durable.destination("x").slow(0.05)
    await durable.start(durable.plan(main="a > x"))
    lines = Load(durable, "a")
    lines.write(3000)
    await durable.destination("x").until_lines(3000)
    assert await durable.stop() == 0
    assert not any(unit.pages for unit in durable.disk.units)


async def test_a_slow_sink_spills_before_it_slows_others(durable: DurableLab) -> None:
    durable.settings("x", buffer=OVERFLOW, batch=BatchSettings(max_events=20, max_wait_ms=0))
    durable.destination("x").slow(0.4)
    await durable.start(durable.plan(main="a > x y"))
    lines = Load(durable, "a")
    lines.write(6000)
    await durable.until(lambda: len(durable.lines("y")) == 6000, timeout=20)
    assert len(durable.lines("x")) < 3000
    durable.destination("x").mend()
    await durable.destination("x").until_lines(6000)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))


# --- disk ----------------------------------------------------------------------------------


async def test_on_disk_before_it_is_acknowledged(durable: DurableLab) -> None:
    durable.settings("x", buffer=DISK)
    durable.disk.stand_still()
    durable.destination("x").hang()
    durable.origin("a").write(["one"])
    runtime = await durable.start(durable.plan(main="a > x"))
    await durable.until(lambda: durable.services.ledger.received)
    lane = durable.services.lanes["sources.a", "web"]
    await asyncio.sleep(5)
    assert len(lane._open) == 1
    assert durable.position("a") is None
    durable.disk.go_on()
    await durable.until(lambda: not lane._open)
    assert durable.position("a") == 1
    await asyncio.sleep(1)
    assert runtime.graph.sinks["x"].sink
    kept = await durable.crash()
    assert kept.positions == {("sources.a", "web"): 1}
    assert kept.lines == {"sinks.x": ["one"]}
    durable.destination("x").mend()
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    assert durable.lines("x") == ["one"]


async def test_everything_passes_the_disk_in_order(durable: DurableLab) -> None:
    durable.settings("x", buffer=DISK, order="stream")
    async with load(durable) as lines:
        await durable.start(durable.plan(main="a > x"))
        await asyncio.sleep(0.2)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    pages = [page for unit in durable.disk.units for page in unit.pages]
    assert len(pages) > 3
    assert durable.spooled("x") == 0
    assert durable.journal_of_state.budget.used == 0
    assert durable.services.spools["sinks.x"].disk_bytes == 0


async def test_the_room_taken_is_what_is_there(durable: DurableLab) -> None:
    """A fast sink settles pages before they are written: their room is given back once."""
    durable.settings("x", buffer=DISK)
    await durable.start(durable.plan(main="a > x"))
    lines = Load(durable, "a")
    for _ in range(40):
        lines.write(90)
        await asyncio.sleep(0.003)
    await durable.destination("x").until_lines(lines.count)
    await asyncio.sleep(2)
    assert durable.services.spools["sinks.x"].disk_bytes == 0
    assert durable.journal_of_state.budget.used == 0
    assert await durable.stop() == 0


# --- memory --------------------------------------------------------------------------------


async def test_a_memory_buffer_first_delivers_what_an_earlier_process_left(
    durable: DurableLab,
) -> None:
    durable.settings("x", buffer=OVERFLOW)
    durable.destination("x").fail()
    await durable.start(durable.plan(main="a > x"))
    lines = Load(durable, "a")
    await written(durable, lines, 3000)
    assert await durable.stop() == 0
    durable.shut()
    durable.settings("x", buffer=MEMORY)
    durable.boot()
    left = durable.spooled("x")
    assert left == 3000
    await durable.start(durable.plan(main="a > x"))
    await asyncio.sleep(1)
    assert await durable.stop() == 0, "what is on disk stays there: nothing is abandoned"
    assert "abandoned" not in durable.outcomes("x")
    assert durable.spooled("x") == 3000
    durable.destination("x").mend()
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    lines.write(300)
    await durable.destination("x").until_lines(3300)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    assert durable.repeated("x") == []


async def test_a_memory_buffer_writes_no_page(durable: DurableLab) -> None:
    durable.settings("x", buffer=MEMORY)
    durable.destination("x").fail()
    runtime = await durable.start(durable.plan(main="a > x"))
    lines = Load(durable, "a")
    lines.write(3000)
    await asyncio.sleep(10)
    assert runtime.graph.sources["a"].outlet.blocked_on == "sinks.x"
    assert await durable.stop() == 1
    assert durable.outcomes("x").keys() == {"abandoned drain_timeout"}
    assert not any(unit.pages for unit in durable.disk.units)
    assert durable.shut().positions == {}


@pytest.mark.parametrize("dead", [1, 2])
async def test_a_dead_sink_slows_no_other(durable: DurableLab, dead: int) -> None:
    for sink in "xy"[:dead]:
        durable.settings(sink, buffer=OVERFLOW)
        durable.destination(sink).fail(RetryableError("down"))
    await durable.start(durable.plan(main="a > x y z"))
    lines = Load(durable, "a")
    began = asyncio.get_running_loop().time()
    for _ in range(100):
        lines.write(60)
        await asyncio.sleep(0.01)
    await durable.until(lambda: len(durable.lines("z")) == 6000)
    assert asyncio.get_running_loop().time() - began < 10
    assert await durable.stop() == 0
    lines.check(durable.lines("z"))
    assert durable.spooled("x") == 6000


@pytest.mark.parametrize("later", [False, True])
async def test_a_broken_sink_whose_disk_is_full_holds_up_nobody(
    durable: DurableLab, later: bool
) -> None:
    durable.settings("x", buffer=LITTLE)
    durable.source_settings["a"] = {"batch_events": 5}
    durable.destination("x").fail()
    durable.origin("a").write(["x" * 1000] * 200)
    durable.drain_timeout_s = 1
    await durable.start(durable.plan(main="a > x y"))
    await asyncio.sleep(5)
    assert await durable.stop() == 0
    waiting = durable.spooled("x")
    assert waiting
    durable.shut()
    durable.boot()
    durable.destination("x").open_failure = (RetryableError if later else KeyError)("not open")
    await durable.start(durable.plan(main="a > x y"))
    await asyncio.sleep(5)
    durable.destination("x").open_failure = KeyError("a bug")
    await durable.destination("y").until_lines(200)
    assert await durable.stop() == 0
    assert 0 < durable.spooled("x") <= waiting

"""Where there is no more room: waiting, dropping by the owner's choice, and the disk's budget."""

from __future__ import annotations

import asyncio

import pytest

from penstock.api import BufferSettings
from tests.delivery.durable_lab import FOREVER, DurableLab
from tests.delivery.load import LANES, Load

SMALL = 80_000
PAGE = 20_000
DISK_BYTES = 40_000


def settings(type_: str, when_full: str, disk: int = DISK_BYTES) -> BufferSettings:
    return BufferSettings(
        type=type_,  # type: ignore[arg-type]
        when_full=when_full,  # type: ignore[arg-type]
        max_memory_bytes=SMALL,
        max_disk_bytes=disk,
    )


async def paced(lab: DurableLab, lines: Load, count: int) -> None:
    """Offer so many lines, as fast as the disk of one sink keeps up."""
    spool = lab.services.spools["sinks.x"]
    for _ in range(count // 30):
        lines.write(30)
        await asyncio.sleep(0.001)
        await lab.until(lambda: spool.heap_bytes <= SMALL / 8)


def check_order(lab: DurableLab, lines: Load) -> None:
    """See that what arrived of a lane arrived in its order."""
    for lane in LANES:
        arrived = [line for line in lab.lines("x") if line.startswith(lane)]
        assert arrived == [line for line in lines.lines(lane) if line in set(arrived)]


def disk_bytes(lab: DurableLab, *sinks: str) -> int:
    return sum(lab.services.spools[f"sinks.{sink}"].disk_bytes for sink in sinks)


@pytest.mark.parametrize("type_", ["overflow", "disk"])
async def test_block_waits_and_loses_nothing(durable: DurableLab, type_: str) -> None:
    durable.settings("x", buffer=settings(type_, "block"))
    far, lines = durable.destination("x"), Load(durable, "a")
    far.fail()
    runtime = await durable.start(durable.plan(main="a > x y"))
    await lines.offer(9000)
    await asyncio.sleep(20)
    assert runtime.graph.sources["a"].outlet.blocked_on == "sinks.x"
    assert durable.services.ledger.received["sources.a"] < 9000
    assert 0 < disk_bytes(durable, "x") <= DISK_BYTES
    assert runtime.graph.sinks["x"].buffer.heap_bytes <= SMALL
    far.mend()
    await far.until_lines(9000)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    assert durable.outcomes("x") == {"delivered": 9000}


@pytest.mark.parametrize("type_", ["overflow", "disk", "memory"])
@pytest.mark.parametrize("when_full", ["drop_newest", "drop_oldest"])
async def test_what_is_dropped_is_counted_to_the_event(
    durable: DurableLab, type_: str, when_full: str
) -> None:
    durable.settings("x", buffer=settings(type_, when_full))
    far, lines = durable.destination("x"), Load(durable, "a")
    far.fail()
    await durable.start(durable.plan(main="a > x y"))
    await lines.offer(9000)
    await durable.until(lambda: len(durable.lines("y")) == 9000)
    dropped = durable.outcomes("x")[f"dropped {when_full}"]
    assert 0 < dropped < 9000
    if type_ != "memory":
        assert 0 < disk_bytes(durable, "x") <= DISK_BYTES
    far.mend()
    await durable.until(lambda: len(durable.lines("x")) == 9000 - dropped)
    assert await durable.stop() == 0
    assert durable.outcomes("x") == {"delivered": 9000 - dropped, f"dropped {when_full}": dropped}
    assert durable.repeated("x") == []
    newest = {f"{lane} a{number}" for lane, number in (("red", 8997), ("blue", 8999))}
    assert newest.isdisjoint(durable.lines("x")) is (when_full == "drop_newest")
    check_order(durable, lines)
    assert durable.position("a", "red") == 3000


@pytest.mark.parametrize("when_full", ["drop_newest", "drop_oldest"])
async def test_an_outage_that_the_disk_can_hold_drops_nothing(
    durable: DurableLab, when_full: str
) -> None:
    durable.settings("x", buffer=settings("overflow", when_full, FOREVER))
    far, lines = durable.destination("x"), Load(durable, "a")
    far.fail()
    await durable.start(durable.plan(main="a > x y"))
    await paced(durable, lines, 9000)
    await durable.until(lambda: len(durable.lines("y")) == 9000)
    far.mend()
    await far.until_lines(9000)
    assert await durable.stop() == 0
    assert durable.outcomes("x") == {"delivered": 9000}


@pytest.mark.parametrize("type_", ["overflow", "disk"])
async def test_a_burst_that_the_disk_cannot_follow_costs_only_itself(
    durable: DurableLab, type_: str
) -> None:
    """What is on disk stays there: to drop it would make no room in memory."""
    durable.settings("x", buffer=settings(type_, "drop_oldest", FOREVER))
    durable.destination("x").fail()
    lines = Load(durable, "a")
    await durable.start(durable.plan(main="a > x y"))
    await paced(durable, lines, 6000)
    assert "dropped drop_oldest" not in durable.outcomes("x")
    await asyncio.sleep(1)
    durable.disk.stand_still()
    await lines.offer(3000)
    assert durable.runtime
    assert durable.runtime.graph.sinks["x"].buffer.heap_bytes <= SMALL
    assert 0 < durable.outcomes("x")["dropped drop_oldest"] <= 3000
    durable.disk.go_on()
    await asyncio.sleep(1)
    durable.destination("x").mend()
    left = 9000 - durable.outcomes("x")["dropped drop_oldest"]
    await durable.destination("x").until_lines(left)
    assert await durable.stop() == 0
    check_order(durable, lines)


# --- the budget over all -------------------------------------------------------------------


async def test_all_sinks_together_keep_to_the_budget(durable: DurableLab) -> None:
    durable.max_disk_bytes = 100_000
    durable.boot()
    for sink in "xyz":
        durable.settings(sink, buffer=settings("overflow", "block", FOREVER))
        durable.destination(sink).fail()
    lines = Load(durable, "a")
    await durable.start(durable.plan(main="a > x y z"))
    await lines.offer(9000)
    await asyncio.sleep(20)
    budget = durable.journal_of_state.budget
    assert budget.used == disk_bytes(durable, "x", "y", "z")
    assert 20_000 < budget.used <= 100_000
    for sink in "xyz":
        durable.destination(sink).mend()
    await durable.until(lambda: all(len(durable.lines(sink)) == 9000 for sink in "xyz"))
    assert await durable.stop() == 0
    assert budget.used == 0


async def test_room_that_one_sink_gives_back_is_used_by_another(durable: DurableLab) -> None:
    durable.max_disk_bytes = 60_000
    durable.boot()
    for sink in "xy":
        durable.settings(sink, buffer=settings("overflow", "block", FOREVER))
        durable.destination(sink).fail()
    lines, others = Load(durable, "a"), Load(durable, "b")
    runtime = await durable.start(durable.plan(main="a > x", other="b > y"))
    await lines.offer(9000)
    await asyncio.sleep(10)
    assert disk_bytes(durable, "x") > 30_000
    await others.offer(3000)
    await asyncio.sleep(10)
    assert runtime.graph.sources["b"].outlet.blocked_on == "sinks.y"
    durable.destination("x").mend()
    await durable.destination("x").until_lines(9000)
    before = durable.services.ledger.received["sources.b"]
    await asyncio.sleep(10)
    assert durable.services.ledger.received["sources.b"] > before
    durable.destination("y").mend()
    await durable.destination("y").until_lines(3000)
    assert await durable.stop() == 0


@pytest.mark.parametrize("type_", ["overflow", "disk"])
async def test_without_a_disk_budget_a_sink_still_delivers(durable: DurableLab, type_: str) -> None:
    durable.settings("x", buffer=settings(type_, "block", 0))
    far, lines = durable.destination("x"), Load(durable, "a")
    far.fail()
    await durable.start(durable.plan(main="a > x"))
    await lines.offer(3000)
    await asyncio.sleep(10)
    assert disk_bytes(durable, "x") <= PAGE
    assert type_ == "disk" or not any(unit.pages for unit in durable.disk.units)
    far.mend()
    await far.until_lines(3000)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))

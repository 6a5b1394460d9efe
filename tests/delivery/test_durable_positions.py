"""Positions on disk: none before what comes first is settled, and all of them after a stop."""

from __future__ import annotations

import asyncio

from penstock.api import BatchSettings, BufferSettings, RetryableError
from penstock.testing.events import log
from tests.delivery.durable_lab import DurableLab

MEMORY = BufferSettings(type="memory", max_memory_bytes=80_000)
LANE = ("sources.a", "web")


def lines(count: int, prefix: str = "") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


async def test_a_stop_replays_nothing(durable: DurableLab) -> None:
    durable.origin("a").write(lines(250))
    await durable.start(durable.plan(main="a > x y"))
    assert await durable.stop() == 0
    assert durable.shut().positions == {LANE: 250}
    durable.boot()
    durable.origin("a").write(lines(50, "more "))
    await durable.start(durable.plan(main="a > x y"))
    assert await durable.stop() == 0
    assert durable.lines("x") == durable.lines("y") == lines(250) + lines(50, "more ")
    assert durable.outcomes("x") == {"delivered": 300}
    assert durable.services.ledger.received == {"sources.a": 300}


async def test_the_end_of_input_replays_nothing(durable: DurableLab) -> None:
    durable.origin("a").write(lines(250))
    durable.origin("a").end()
    assert await durable.run(durable.plan(main="a > join > x")) == 0
    assert durable.shut().positions == {LANE: 250}
    durable.boot()
    assert await durable.run(durable.plan(main="a > join > x")) == 0
    assert durable.lines("x") == lines(250)


async def test_a_position_waits_for_what_is_before_it(durable: DurableLab) -> None:
    durable.settings(
        "x",
        buffer=MEMORY,
        order="none",
        in_flight=4,
        batch=BatchSettings(max_events=10, max_wait_ms=0),
    )
    durable.source_settings["a"] = {"batch_events": 10}
    far = durable.destination("x")
    far.postpone(lambda event: event.body == "25", times=100)  # type: ignore[union-attr]
    durable.origin("a").write(lines(100))
    await durable.start(durable.plan(main="a > x"))
    await durable.until(lambda: len(durable.lines("x")) == 99)
    await asyncio.sleep(3)
    kept = await durable.crash()
    assert kept.positions == {LANE: 20}
    assert kept.lines == {}
    far.mend()
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    assert sorted(durable.repeated("x")) == sorted(lines(100)[20:25] + lines(100)[26:])
    assert set(durable.lines("x")) == {*lines(100)}


async def test_a_position_waits_for_every_sink(durable: DurableLab) -> None:
    durable.settings("y", buffer=MEMORY)
    durable.destination("y").hang()
    durable.settings("y", write_timeout_s=None)
    durable.origin("a").write(lines(30))
    await durable.start(durable.plan(main="a > x", other="a > y"))
    await durable.until(lambda: len(durable.lines("x")) == 30)
    await asyncio.sleep(3)
    assert (await durable.crash()).positions == {}
    durable.destination("y").mend()
    durable.boot()
    await durable.start(durable.plan(main="a > x", other="a > y"))
    assert await durable.stop() == 0
    assert durable.lines("y") == lines(30)
    assert durable.lines("x") == lines(30) * 2


async def test_a_position_waits_for_what_a_transform_holds(durable: DurableLab) -> None:
    durable.source_settings["a"] = {"batch_events": 1}
    durable.origin("a").write(lines(9))
    await durable.start(durable.plan(main="a > pairs > x"))
    await durable.until(lambda: len(durable.lines("x")) == 4)
    await asyncio.sleep(3)
    kept = await durable.crash()
    assert kept.positions == {LANE: 8}
    durable.boot()
    await durable.start(durable.plan(main="a > pairs > x"))
    assert await durable.stop() == 0
    assert durable.lines("x") == ["0+1", "2+3", "4+5", "6+7", "8"]


async def test_positions_are_soon_on_disk_though_nothing_follows(durable: DurableLab) -> None:
    durable.origin("a").write(lines(30))
    await durable.start(durable.plan(main="a > x"))
    await durable.destination("x").until_lines(30)
    await asyncio.sleep(0.5)
    assert (await durable.crash()).positions == {LANE: 30}
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    assert durable.lines("x") == lines(30)
    assert durable.outcomes("x") == {"delivered": 30}


async def test_many_positions_are_written_in_groups(durable: DurableLab) -> None:
    durable.source_settings["a"] = {"batch_events": 1}
    await durable.start(durable.plan(main="a > x"))
    for number in range(500):
        durable.origin("a").write([log(f"{number}")])
        await asyncio.sleep(0.01)
    assert await durable.stop() == 0
    assert durable.shut().positions == {LANE: 500}
    assert 10 < len(durable.disk.units) < 60, "in five seconds"


async def test_a_retired_lane_is_forgotten_once_it_is_settled(durable: DurableLab) -> None:
    durable.destination("x").fail(RetryableError("down"))
    durable.settings("x", buffer=MEMORY)
    durable.origin("a").write(lines(10))
    runtime = await durable.start(durable.plan(main="a > x"))
    outlet = runtime.graph.sources["a"].outlet
    outlet.retire("web")
    await asyncio.sleep(2)
    assert durable.disk.units == [] or all(not unit.positions for unit in durable.disk.units)
    durable.destination("x").mend()
    await durable.destination("x").until_lines(10)
    assert await durable.stop() == 0
    assert [origin for _, origin, _ in durable.services.ledger.rows()] == ["(gone)"]
    kept = durable.shut()
    assert kept.positions == {}
    durable.boot()
    assert durable.outcomes("x") == {"delivered": 10}
    assert [origin for _, origin, _ in durable.services.ledger.rows()] == ["(gone)"]

"""Reloads over a state folder: a removed sink's rest goes to disk, a changed one's goes on."""

from __future__ import annotations

import asyncio

import pytest

from penstock.api import BatchSettings, BufferSettings, ConfigError
from tests.delivery.durable_lab import FOREVER, DurableLab
from tests.delivery.load import LANES, Load, load

SMALL = 80_000


def buffer(type_: str) -> BufferSettings:
    return BufferSettings(type=type_, max_memory_bytes=SMALL, max_disk_bytes=FOREVER)  # type: ignore[arg-type]


@pytest.mark.parametrize("type_", ["overflow", "disk"])
async def test_what_a_removed_sink_leaves_is_on_disk_and_is_not_forgotten(
    durable: DurableLab, type_: str
) -> None:
    durable.settings("y", buffer=buffer(type_))
    durable.drain_timeout_s = 1
    lines = Load(durable, "a")
    durable.destination("y").fail()
    await durable.start(durable.plan(main="a > x y"))
    await lines.offer(3000)
    read = durable.services.ledger.total("sinks.y").read
    assert await durable.reload(durable.plan(main="a > x"))
    await durable.until(lambda: durable.journal.count("close sinks.y"))
    await lines.offer(300)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    kept = durable.shut()
    assert len(kept.lines["sinks.y"]) == read
    assert sum(int(p) for p in kept.positions.values()) == 3300
    durable.boot()
    with pytest.raises(ConfigError, match=f"sinks.y: {read} events wait on disk"):
        await durable.run(durable.plan(main="a > x"))
    durable.shut()
    durable.boot()
    durable.destination("y").mend()
    await durable.start(durable.plan(main="a > x y"))
    await durable.destination("y").until_lines(read)
    assert await durable.stop() == 0
    for lane in LANES:
        mine = [line for line in durable.lines("y") if line.startswith(lane)]
        assert mine == lines.lines(lane)[: len(mine)]
    assert len(durable.lines("y")) == read
    assert durable.repeated("y") == []


async def test_a_sink_that_comes_back_goes_on_where_it_left(durable: DurableLab) -> None:
    durable.settings("y", buffer=buffer("overflow"))
    durable.drain_timeout_s = 1
    lines = Load(durable, "a")
    durable.destination("y").fail()
    await durable.start(durable.plan(main="a > x y"))
    await lines.offer(3000)
    assert await durable.reload(durable.plan(main="a > x"))
    await durable.until(lambda: durable.journal.count("close sinks.y"))
    await durable.until(lambda: durable.spooled("y") == 3000)
    durable.destination("y").mend()
    assert await durable.reload(durable.plan(main="a > x y"))
    await durable.destination("y").until_lines(3000)
    await lines.offer(300)
    assert await durable.stop() == 0
    lines.check(durable.lines("y"))
    assert durable.outcomes("y") == {"delivered": 3300}


@pytest.mark.parametrize("order", ["stream", "resource"])
@pytest.mark.parametrize("before", ["overflow", "disk"])
@pytest.mark.parametrize("after", ["overflow", "disk", "memory"])
async def test_a_changed_sink_goes_on_in_order(
    durable: DurableLab, before: str, after: str, order: str
) -> None:
    durable.settings("x", buffer=buffer(before), order=order)
    durable.drain_timeout_s = 1
    far, lines = durable.destination("x"), Load(durable, "a")
    async with load(durable, "a") as steady:
        lines = steady
        far.fail()
        await durable.start(durable.plan(main="a > x y"))
        await lines.offer(3000)
        durable.settings(
            "x", buffer=buffer(after), batch=BatchSettings(max_events=70, max_wait_ms=0)
        )
        assert await durable.reload(durable.plan(main="a > x y"))
        await asyncio.sleep(0.3)
        far.mend()
        await durable.until(lambda: durable.journal.count("close sinks.x") == 1)
        await durable.until(lambda: len(durable.lines("x")) > 3000)
        assert await durable.reload(durable.plan(main="a > x y", other="b > y"))
    await far.until_lines(lines.count)
    assert await durable.stop() == 0
    for sink in "xy":
        lines.check(durable.lines(sink))
        assert durable.repeated(sink) == []
    assert durable.outcomes("x") == {"delivered": lines.count}
    assert durable.shut().lines == {}


@pytest.mark.parametrize("seed", range(4))
async def test_reloads_under_load_and_a_crash_lose_nothing(durable: DurableLab, seed: int) -> None:
    durable.drain_timeout_s = 0.5
    async with load(durable) as lines:
        await durable.start(durable.plan(main="a > x y"))
        for number in range(8):
            far = durable.destination("x")
            if (number + seed) % 3 == 0:
                far.fail()
            else:
                far.mend()
            type_ = ("overflow", "disk", "memory")[(number * (seed + 1)) % 3]
            durable.settings("x", buffer=buffer(type_))
            await asyncio.sleep(0.1)
            await durable.reload(durable.plan(main="a > x y"))
            await asyncio.sleep(0.1 * (seed + 1))
    kept = await durable.crash()
    for lane in LANES:
        committed = int(kept.positions.get(("sources.a", lane), 0))
        have = set(durable.lines("x")) | set(kept.lines.get("sinks.x", ()))
        assert have.issuperset(lines.lines(lane)[:committed])
    durable.destination("x").mend()
    durable.boot()
    await durable.start(durable.plan(main="a > x y"))
    await durable.until(lambda: set(durable.lines("x")).issuperset(everything(lines)))
    assert await durable.stop() == 0
    for sink in "xy":
        assert set(durable.lines(sink)) == everything(lines)


def everything(lines: Load) -> set[str]:
    return {line for lane in LANES for line in lines.lines(lane)}


async def test_a_refused_reload_leaves_the_spool_to_whom_it_belongs(durable: DurableLab) -> None:
    durable.settings("x", buffer=buffer("overflow"))
    far, lines = durable.destination("x"), Load(durable, "a")
    far.fail()
    await durable.start(durable.plan(main="a > x"))
    await lines.offer(1500)
    durable.settings("x", buffer=buffer("disk"))
    durable.destination("z").open_failure = ConfigError("mend me")
    assert not await durable.reload(durable.plan(main="a > x z"))
    assert not await durable.reload(ConfigError("a bad file"))
    await lines.offer(1500)
    far.mend()
    await far.until_lines(3000)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    assert durable.repeated("x") == []

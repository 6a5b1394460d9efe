"""A buffer with a spool behind it: when it spills, who may come in, and what memory it takes."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.delivery.durable_lab import FOREVER
from tests.delivery.shelf import SINK, Shelf, lines_of, steps, until

from penstock.api import Batch, BufferSettings
from penstock.bus.buffer import lane_of
from penstock.bus.spooling import SpoolingBuffer
from penstock.delivery.spool import Spool

BOUND = 80_000
SHARE = BOUND // 8


class Desk:
    """A spooling buffer, senders that do as an outlet does, and a sink that is behind or not."""

    def __init__(self, shelf: Shelf, **settings: Any) -> None:
        self.shelf = shelf
        self.is_behind = True
        self.dropped: list[str] = []
        self.lost: list[tuple[int, str]] = []
        self.entered: list[str] = []
        self.peak = 0
        self.buffer = SpoolingBuffer(
            BufferSettings(max_memory_bytes=BOUND, **{"max_disk_bytes": FOREVER, **settings}),
            lambda: None,
            lambda batch, policy: self.dropped.extend(lines_of([batch])),
            shelf.spool(),
            lambda: self.is_behind,
            lambda counts, policy: self.lost.append((sum(counts.values()), policy)),
        )
        self.buffer.attach()

    def put(self, name: str, lane: str = "a", size: int = 1000) -> None:
        batch = self.shelf.batch(name, lane=lane, size=size)
        self.buffer.put(batch)
        self.shelf.receipts[name].release()
        self.entered.append(name)
        self.peak = max(self.peak, self.buffer.heap_bytes)

    async def send(self, name: str, lane: str = "a", size: int = 1000) -> None:
        waited = False
        while not self.buffer.has_room(("sources.a", lane), size, waited=waited):
            await self.buffer.room(("sources.a", lane), size)
            waited = True
        self.put(name, lane, size)

    def sending(self, name: str, lane: str, size: int = 1000) -> asyncio.Task[None]:
        return asyncio.create_task(self.send(name, lane, size))

    def take(self, events: int = 1000) -> list[Batch]:
        taken = self.buffer.take((), events, BOUND * 10)
        self.shelf.settle(taken)
        self.buffer.done(sum(batch.size for batch in taken))
        return taken

    async def drain(self) -> list[str]:
        found: list[str] = []
        async with asyncio.timeout(30):
            while not self.buffer.is_empty:
                found += lines_of(self.take())
                await asyncio.sleep(0.001)
        return found

    @property
    def pages(self) -> int:
        return sum(len(unit.pages) for unit in self.shelf.disk.units)


async def fill(desk: Desk) -> list[str]:
    names = [f"fill {lane}" for lane in "abcdefgh"]
    for name in names:
        await desk.send(name, name, SHARE)
    return names


async def test_it_spills_when_it_is_full_and_the_sink_behind(shelf: Shelf) -> None:
    desk = Desk(shelf)
    names = await fill(desk)
    assert not desk.buffer.spools
    await asyncio.wait_for(desk.send("next"), 10)
    assert desk.buffer.spools
    assert desk.peak <= BOUND
    assert await desk.drain() == [*names, "next"]
    assert not desk.buffer.spools
    assert shelf.settled() == {*names, "next"}


async def test_it_waits_for_a_sink_that_gets_on(shelf: Shelf) -> None:
    desk = Desk(shelf)
    desk.is_behind = False
    await fill(desk)
    sending = desk.sending("next", "z")
    await asyncio.sleep(1.3)
    assert not sending.done()
    assert desk.pages == 0
    desk.is_behind = True
    await asyncio.wait_for(sending, 10)
    assert desk.pages


async def test_a_spill_keeps_memory_within_its_bound_whoever_waits(shelf: Shelf) -> None:
    desk = Desk(shelf)
    desk.is_behind = False
    await fill(desk)
    sending = [desk.sending(f"{number}", f"lane {number}", 5000) for number in range(40)]
    await steps()
    desk.is_behind = True
    await asyncio.wait_for(asyncio.gather(*sending), 30)
    assert desk.peak <= BOUND
    assert len(await desk.drain()) == 48


async def test_in_trouble_it_does_not_spill_and_afterwards_does(shelf: Shelf) -> None:
    desk = Desk(shelf)
    shelf.disk.error = "full"
    shelf.journal.add_letter(shelf.letter("x"))
    await until(lambda: shelf.journal.trouble)
    await fill(desk)
    sending = desk.sending("next", "z")
    await asyncio.sleep(1.5)
    assert not sending.done()
    assert desk.buffer.heap_bytes == BOUND
    shelf.disk.error = ""
    await asyncio.wait_for(sending, 10)
    assert desk.pages


async def test_where_the_disk_has_no_room_for_it_nothing_is_spilled(shelf: Shelf) -> None:
    desk = Desk(shelf, max_disk_bytes=SHARE)
    names = await fill(desk)
    sending = desk.sending("next", "z")
    await asyncio.sleep(1.5)
    assert not sending.done()
    assert desk.pages == 0
    found = lines_of(desk.take(1))
    await asyncio.wait_for(sending, 10)
    assert [*found, *await desk.drain()] == [*names, "next"]


async def test_who_drops_spills_too_and_once(shelf: Shelf) -> None:
    desk = Desk(shelf, when_full="drop_oldest")
    names = [f"{number}" for number in range(200)]
    for name in names:
        desk.put(name)
        await until(lambda: desk.buffer.heap_bytes < BOUND / 2)
    assert not desk.dropped
    assert not desk.lost
    assert await desk.drain() == names


async def test_a_disk_buffer_waits_for_nothing_but_room(shelf: Shelf) -> None:
    desk = Desk(shelf, type="disk", max_disk_bytes=3000)
    desk.is_behind = False
    await desk.send("1", size=2000)
    assert shelf.settled() == set()
    sending = desk.sending("2", "b", 2000)
    await until(lambda: desk.entered == ["1", "2"])  # On disk the first is small.
    assert await desk.drain() == ["1", "2"]
    await sending


async def test_a_detached_buffer_leaves_the_spool_to_its_successor(shelf: Shelf) -> None:
    first = Desk(shelf)
    names = await fill(first)
    await first.send("next", "y")
    first.buffer.detach()
    mine = lines_of(first.take())
    assert first.buffer.is_empty
    second = Desk(shelf, type="disk")
    await second.send("last", "z")
    assert [*mine, *await second.drain()] == [*names, "next", "last"]
    assert first.take() == []


async def test_what_cannot_be_delivered_is_kept_before_all_else(shelf: Shelf) -> None:
    desk = Desk(shelf)
    names = await fill(desk)
    await desk.send("next", "z")
    under_way = desk.buffer.take((), 1, BOUND)
    desk.buffer.detach()
    assert desk.buffer.keep([*under_way, *desk.buffer.clear()])
    assert (await shelf.close()).lines == {SINK: [*names, "next"]}


async def test_memory_keeps_nothing_and_trouble_neither(shelf: Shelf) -> None:
    desk = Desk(shelf, type="memory")
    desk.put("1")
    assert not desk.buffer.keep(desk.buffer.clear())
    assert desk.buffer.keep([])
    shelf.disk.error = "full"
    shelf.journal.add_letter(shelf.letter("x"))
    await until(lambda: shelf.journal.trouble)
    overflow = Desk(shelf)
    overflow.put("2")
    kept = overflow.buffer.clear()
    assert not overflow.buffer.keep(kept)
    assert lane_of(kept[0]) == ("sources.a", "a")


async def test_what_comes_before_it_is_attached_is_not_dropped(shelf: Shelf) -> None:
    spool, dropped = Spool(SINK, shelf.journal), list[Batch]()
    buffer = SpoolingBuffer(
        BufferSettings(type="disk", when_full="drop_newest"),
        lambda: None,
        lambda batch, policy: dropped.append(batch),
        spool,
        lambda: False,
        lambda counts, policy: None,
    )
    for number in range(5):
        buffer.put(shelf.batch(f"{number}"))
    assert not dropped
    assert spool.events == 5

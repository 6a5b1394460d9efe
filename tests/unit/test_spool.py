"""The spool: pages first in, first out, whose receipts wait for the disk and for the sink."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from tests.delivery.shelf import SINK, Shelf, lines_of, until

from penstock.delivery.page import Page

LANE = ("sources.a", "a")


async def durable(shelf: Shelf) -> None:
    """Wait until all pages are on disk."""
    await until(lambda: not any([*spool.unwritten()] for spool in shelf.spools.values()))


async def test_first_in_first_out_with_pages_of_many_batches(shelf: Shelf) -> None:
    spool = shelf.spool()
    for number in range(1000):
        spool.append(shelf.batch(f"{number}", size=1000))
    assert spool.events == 1000
    await durable(shelf)
    assert 4 <= len(shelf.disk.units[0].pages) <= 5
    assert spool.heap_bytes == 0, "what is on disk is not kept in memory as well"
    assert await shelf.drain(spool) == [f"{number}" for number in range(1000)]
    kept = await shelf.close()
    assert kept.lines == {}
    assert (spool.events, spool.disk_bytes, spool.heap_bytes) == (0, 0, 0)
    assert shelf.journal.budget.used == 0


async def test_what_is_put_back_comes_first_and_in_order(shelf: Shelf) -> None:
    spool = shelf.spool()
    for name in "efgh":
        spool.append(shelf.batch(name))
    spool.put_back([shelf.batch("c", size=200_000), shelf.batch("d", size=200_000)])
    spool.put_back([shelf.batch("a"), shelf.batch("b")])
    await durable(shelf)
    shelf.leave()
    again = Shelf(shelf.folder.path)
    again.journal.start()
    spool = again.spool()
    spool.append(again.batch("i"))
    first = await again.take(spool)
    spool.put_back(first)
    assert await again.drain(spool) == [*"abcdefghi"]
    assert (await again.close()).lines == {}


async def test_the_receipts_of_a_page_that_was_taken_out_hold_it_on_disk(shelf: Shelf) -> None:
    spool = shelf.spool()
    spool.append(shelf.batch("1"))
    spool.append(shelf.batch("2"))
    await until(lambda: shelf.settled() == {"1", "2"})
    first, second = await shelf.take(spool)
    assert spool.is_empty
    assert spool.events == 2
    shelf.settle([second])
    await shelf.journal.flush()
    assert spool.events == 2
    shelf.settle([first])
    assert spool.events == 0
    assert (await shelf.close()).lines == {}


async def test_what_was_put_back_of_a_page_replaces_it(shelf: Shelf) -> None:
    spool = shelf.spool()
    for name in "abc":
        spool.append(shelf.batch(name))
    await durable(shelf)
    first, *rest = await shelf.take(spool)
    shelf.settle([first])
    spool.put_back(rest)
    assert (await shelf.close()).lines == {SINK: ["b", "c"]}
    assert spool.events == 2


async def test_an_abandoned_page_stays_on_disk(shelf: Shelf) -> None:
    spool = shelf.spool()
    spool.append(shelf.batch("a"))
    await durable(shelf)
    (batch,) = await shelf.take(spool)
    batch.trail[0].abandon()
    shelf.settle([batch])
    assert (await shelf.close()).lines == {SINK: ["a"]}


async def test_an_abandoned_page_that_is_not_on_disk_stops_its_lane(shelf: Shelf) -> None:
    shelf.disk.stand_still()
    spool = shelf.spool()
    spool.append(shelf.batch("a", position=1))
    await until(lambda: shelf.disk.units)
    (batch,) = await shelf.take(spool)
    batch.trail[0].abandon()
    shelf.settle([batch])
    assert shelf.receipts["a"].abandoned
    assert shelf.journal.positions.load(LANE) is None


@pytest.mark.parametrize("when", ["before it is written", "while it is written", "afterwards"])
async def test_dropping_the_oldest_gives_back_its_room_and_its_receipts(
    shelf: Shelf, when: str
) -> None:
    spool = shelf.spool()
    if when == "afterwards":
        spool.append(shelf.batch("a", position=1))
        await durable(shelf)
    elif when == "while it is written":
        shelf.disk.stand_still()
        spool.append(shelf.batch("a", position=1))
        await until(lambda: shelf.disk.units)
    else:
        spool.append(shelf.batch("a", position=1))
    assert spool.drop_oldest() == {"a": 1}
    assert spool.drop_oldest() == {}
    assert shelf.settled() == {"a"}
    shelf.disk.go_on()
    kept = await shelf.close()
    assert (kept.lines, kept.positions) == ({}, {LANE: 1})
    assert (spool.events, spool.disk_bytes, spool.heap_bytes) == (0, 0, 0)
    assert shelf.journal.budget.used == 0


async def test_dropping_what_takes_memory_leaves_what_is_on_disk_only(shelf: Shelf) -> None:
    spool = shelf.spool()
    spool.append(shelf.batch("a"))
    await durable(shelf)
    assert spool.heap_bytes == 0
    spool.append(shelf.batch("b"))
    spool.append(shelf.batch("c"))
    assert spool.drop_oldest(in_memory=True) == {"a": 2}, "an origin, and its events"
    assert spool.drop_oldest(in_memory=True) == {}
    assert await shelf.drain(spool) == ["a"]


async def test_a_page_that_is_being_read_is_not_dropped(shelf: Shelf) -> None:
    spool = shelf.spool()
    spool.append(shelf.batch("a"))
    await durable(shelf)
    shelf.disk.stand_still()
    assert spool.take() is None
    assert spool.drop_oldest() == {}
    shelf.disk.go_on()
    assert lines_of(await shelf.take(spool)) == ["a"]


async def test_it_says_whether_there_is_room(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, max_disk_bytes=5000)
    spool, other = shelf.spool(max_bytes=3000), shelf.spool("sinks.y", max_bytes=4000)
    assert spool.fits(3000)
    assert not spool.fits(3001)
    spool.append(shelf.batch("a", size=2000))
    assert spool.fits(1000)
    assert not spool.fits(1001)
    assert other.fits(3000)
    assert not other.fits(3001), "the budget over all"
    await shelf.journal.close(5)
    assert spool.fits(2900), "on disk it is smaller"
    shelf.leave()


async def test_a_page_without_its_events_is_lost_and_said(shelf: Shelf) -> None:
    spool = shelf.spool()
    lost: list[dict[str, int]] = []
    spool.on_lost = lambda counts: lost.append(dict(counts))
    spool.append(shelf.batch("a", "b"))
    await durable(shelf)
    spool.append(shelf.batch("c"))
    await durable(shelf)
    await shelf.disk.call(lambda c: c.execute("UPDATE pages SET data = x'90' WHERE number = 1"))
    assert await shelf.drain(spool) == ["c"]
    assert lost == [{"a": 2}]
    assert spool.events == 0
    assert (await shelf.close()).lines == {}


async def test_what_is_secured_is_on_disk_behind_all_and_is_not_handed_out_again(
    shelf: Shelf,
) -> None:
    spool = shelf.spool()
    under_way = [shelf.batch("a"), shelf.batch("b")]
    same = spool.secure(under_way)
    assert lines_of(same) == ["a", "b"]
    assert all(isinstance(receipt, Page) for batch in same for receipt in batch.trail)
    assert spool.secure(same) == same, "once is enough"
    spool.append(shelf.batch("c"))
    await until(lambda: shelf.settled() == {"a", "b", "c"})
    assert await shelf.drain(spool) == ["c"]
    shelf.settle(same[:1])
    assert (await shelf.close()).lines == {SINK: ["a", "b"]}
    shelf.settle(same[1:])


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_it_adds_up(shelf: Shelf, seed: int) -> None:
    chance, spool = random.Random(seed), shelf.spool()
    spool.keep_bytes = chance.choice([0, 5000])
    spool.page_bytes = chance.choice([1, 3000])
    expected: list[str] = []
    out: list[str] = []
    dropped = 0
    for number in range(300):
        match chance.randrange(7):
            case 0 | 1 | 2:
                spool.append(shelf.batch(f"{number}", position=number))
                expected.append(f"{number}")
            case 3 | 4:
                if taken := spool.take():
                    at = chance.randint(0, len(taken))
                    shelf.settle(taken[:at])
                    out += lines_of(taken[:at])
                    if taken[at:]:
                        spool.put_back(taken[at:])
            case 5 if chance.random() < 0.2:
                dropped += sum(spool.drop_oldest().values())
            case _:
                shelf.disk.error = chance.choice(["", "", "full"])
                await asyncio.sleep(chance.choice([0, 0.001, 0.01]))
    shelf.disk.error = ""
    out += await shelf.drain(spool)
    assert len(out) == len(expected) - dropped
    assert out == [line for line in expected if line in set(out)]
    assert len(shelf.settled()) == len(expected)
    kept = await shelf.close()
    assert kept.lines == {}
    assert (spool.events, spool.disk_bytes, spool.heap_bytes) == (0, 0, 0)
    assert shelf.journal.budget.used == 0

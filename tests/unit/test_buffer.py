"""A sink's buffer: its bound, the share of a lane, who waits, what is dropped, what comes out."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.delivery.bench import BOUND, EVERYTHING, SHARE, Bench, name_of

from penstock.api import Batch, Log, Resource, heap_size
from penstock.bus.buffer import lane_of, split


async def steps(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def bench() -> Bench:
    return Bench()


# --- what comes out ------------------------------------------------------------------------


def test_first_in_first_out(bench: Bench) -> None:
    for name in "abc":
        bench.put(name, lane=name)
    assert bench.puts == 3
    assert bench.take() == ["a", "b", "c"]
    assert bench.buffer.is_empty
    assert (bench.buffer.queued_bytes, bench.buffer.open_bytes) == (0, 3000)
    bench.buffer.done(3000)
    assert bench.buffer.open_bytes == 0


def test_take_keeps_to_both_bounds_but_hands_out_one(bench: Bench) -> None:
    for name in "abcd":
        bench.buffer.put(bench.batch(name, lane=name, events=10))
    assert bench.take(events=25) == ["a", "b"]
    assert bench.take(size=500) == ["c"]
    assert bench.take(size=1000) == ["d"]
    assert bench.take() == []


def test_a_batch_of_too_many_events_comes_in_pieces(bench: Bench) -> None:
    bench.buffer.put(bench.batch("a", events=25, size=25 * 170))
    bench.put("b")
    bench.receipts["a"].release()
    pieces = []
    while not bench.buffer.is_empty:
        pieces += bench.buffer.take((), 10, EVERYTHING)
    assert [len(piece.events) for piece in pieces] == [10, 10, 5, 1]
    assert sum(piece.size for piece in pieces[:3]) == 25 * 170
    assert [event.time_unix_nano for piece in pieces[:3] for event in piece.events] == [*range(25)]
    for piece in pieces[:3]:
        assert not bench.receipts["a"].is_settled
        for receipt in piece.trail:
            receipt.release()
    assert bench.receipts["a"].is_settled


def test_parked_batches_keep_their_order(bench: Bench) -> None:
    for name in ("a1", "b1", "a2", "c1", "a3", "b2"):
        bench.put(name, lane=name[0])
    assert bench.take(events=2, busy="ab") == ["c1"]
    assert bench.take(busy="ab") == []
    assert not bench.buffer.is_empty
    assert (bench.buffer.ready_events, bench.buffer.ready_bytes) == (0, 0)
    assert (bench.buffer.queued_events, bench.buffer.queued_bytes) == (5, 5000)
    bench.put("a4", lane="a")
    assert bench.take(busy="ab") == []
    bench.buffer.unpark("b")
    bench.put("d1", lane="d")
    bench.put("b3", lane="b")
    assert bench.take(busy="a") == ["b1", "b2", "d1", "b3"]
    bench.buffer.unpark("a")
    bench.buffer.unpark("unheard of")
    assert bench.take() == ["a1", "a2", "a3", "a4"]


def test_clear_gives_up_what_is_parked_too(bench: Bench) -> None:
    for name in ("a1", "b1", "a2", "b2"):
        bench.put(name, lane=name[0])
    assert bench.take(busy="ab") == []
    bench.put("c1", lane="c")
    names = [name_of(batch) for batch in bench.buffer.clear()]
    assert sorted(names) == ["a1", "a2", "b1", "b2", "c1"]
    assert names.index("a1") < names.index("a2")
    assert names.index("b1") < names.index("b2")
    assert bench.buffer.is_empty
    assert (bench.buffer.queued_bytes, bench.buffer.ready_bytes) == (0, 0)
    assert bench.settled() == set()


def test_batches_without_a_size_or_a_receipt_do_no_harm(bench: Bench) -> None:
    for name in "abc":
        bench.put(name, size=0)
    bench.buffer.put(Batch(Resource("x"), (Log(1, "d.0"),), 0))
    assert bench.take(events=1) == ["a"]
    assert bench.take() == ["b", "c", "d"]
    assert bench.buffer.is_empty


def test_split_shares_the_size(bench: Bench) -> None:
    batch = bench.batch("a", events=4, size=100)
    head, tail = split(batch, 1)
    assert (len(head.events), len(tail.events)) == (1, 3)
    assert head.size + tail.size == 100
    assert head.size <= heap_size(head.events)
    assert lane_of(head) == lane_of(tail) == ("sources.test", "a")


# --- the bound -----------------------------------------------------------------------------


def test_the_bound_counts_what_is_being_written(bench: Bench) -> None:
    buffer = bench.buffer
    for lane in "abcdefgh":
        assert buffer.has_room(("sources.test", lane), SHARE)
        bench.put(lane, lane=lane, size=SHARE)
    assert not buffer.has_room(("sources.test", "z"), 1)
    bench.take(events=1)
    assert not buffer.has_room(("sources.test", "z"), 1)
    buffer.done(SHARE)
    assert buffer.has_room(("sources.test", "z"), SHARE)
    assert not buffer.has_room(("sources.test", "z"), SHARE + 1)


def test_a_lane_has_its_share(bench: Bench) -> None:
    noisy, quiet = ("sources.test", "a"), ("sources.test", "b")
    for number in range(10):
        assert bench.buffer.has_room(noisy, SHARE // 10)
        bench.put(str(number), size=SHARE // 10)
    assert not bench.buffer.has_room(noisy, 1)
    assert bench.buffer.has_room(quiet, SHARE)
    bench.take(events=1)
    assert bench.buffer.has_room(noisy, SHARE // 10)


@pytest.mark.parametrize("size", [SHARE + 1, BOUND + 1, 10 * BOUND])
def test_what_is_too_large_enters_alone(bench: Bench, size: int) -> None:
    lane = ("sources.test", "a")
    bench.put("small", size=1)
    assert not bench.buffer.has_room(lane, size)
    bench.take()
    assert bench.buffer.has_room(lane, size) is (size <= BOUND - 1)
    bench.buffer.done(1)
    assert bench.buffer.has_room(lane, size)
    bench.put("large", size=size)
    assert not bench.buffer.has_room(lane, 1)


# --- senders that wait ---------------------------------------------------------------------


async def fill(bench: Bench) -> None:
    for lane in "abcdefgh":
        await bench.send(f"fill {lane}", lane, SHARE)


async def test_senders_are_woken_in_their_order(bench: Bench) -> None:
    await fill(bench)
    senders = [bench.sending(name, name, SHARE) for name in "pqrs"]
    await steps()
    assert bench.entered[8:] == []
    for count in range(1, 5):
        bench.take(events=1)
        bench.buffer.done(SHARE)
        await steps()
        assert bench.entered[8:] == list("pqrs"[:count])
    assert all(sender.done() for sender in senders)


async def test_nobody_takes_the_room_that_a_woken_sender_was_promised(bench: Bench) -> None:
    await fill(bench)
    patient = bench.sending("p", "p", SHARE)
    await steps()
    bench.take(events=1)
    bench.buffer.done(SHARE)
    assert not bench.buffer.has_room(("sources.test", "z"), SHARE)
    await asyncio.wait_for(patient, 5)
    assert bench.entered[8:] == ["p"]


async def test_a_lane_that_is_full_holds_up_nobody_else(bench: Bench) -> None:
    await bench.send("a", "a", SHARE)
    noisy = bench.sending("more", "a", SHARE)
    await steps()
    await asyncio.wait_for(bench.send("b", "b", SHARE), 5)
    assert not noisy.done()
    assert bench.take(events=1) == ["a"]
    await asyncio.wait_for(noisy, 5)


async def test_a_large_batch_is_not_starved_by_small_ones(bench: Bench) -> None:
    for number in range(40):
        await bench.send(str(number), f"lane {number}", BOUND // 40)
    large = bench.sending("large", "z", BOUND // 2)
    await steps()

    async def small(lane: str) -> None:
        for _ in range(100):
            await bench.send("small", lane, BOUND // 40)

    senders = [asyncio.create_task(small(f"lane {number}")) for number in range(10)]
    await steps()
    for _ in range(45):
        if taken := bench.buffer.take((), 1, EVERYTHING):
            bench.buffer.done(taken[0].size)
        await steps(3)
    assert large.done()
    for sender in senders:
        sender.cancel()
    await asyncio.gather(*senders, return_exceptions=True)


async def test_room_that_its_sender_cannot_use_goes_to_the_next(bench: Bench) -> None:
    await fill(bench)
    key = ("sources.test", "p")
    elsewhere = asyncio.create_task(bench.buffer.room(key, SHARE))
    await steps()
    patient = bench.sending("q", "q", SHARE)
    await steps()
    bench.take(events=1)
    bench.buffer.done(SHARE)
    await asyncio.wait_for(elsewhere, 5)  # It found another buffer full, and does not come.
    await asyncio.wait_for(patient, 5)


@pytest.mark.parametrize("woken", [False, True])
async def test_a_cancelled_sender_leaves_its_place(bench: Bench, woken: bool) -> None:
    await fill(bench)
    first, second = bench.sending("p", "p", SHARE), bench.sending("q", "q", SHARE)
    await steps()
    if woken:
        bench.take(events=1)
        bench.buffer.done(SHARE)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    if not woken:
        bench.take(events=1)
        bench.buffer.done(SHARE)
    await asyncio.wait_for(second, 5)
    assert bench.entered[8:] == ["q"]


async def test_the_last_who_crowds_gone_everybody_may_enter(bench: Bench) -> None:
    await bench.send("half", "a", BOUND // 2)
    large = bench.sending("large", "z", BOUND // 2 + 1)
    await steps()
    small = bench.sending("small", "b", 1)
    await steps()
    assert not small.done()
    large.cancel()
    await asyncio.gather(large, return_exceptions=True)
    await asyncio.wait_for(small, 5)
    assert bench.buffer.has_room(("sources.test", "c"), 1)


async def test_all_are_let_go_when_the_buffer_is_not_theirs_any_more(bench: Bench) -> None:
    await fill(bench)
    waiting = [
        asyncio.create_task(bench.buffer.room(("sources.test", lane), SHARE)) for lane in "pqa"
    ]
    await steps()
    bench.buffer.let_all_go()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert not bench.buffer.has_room(("sources.test", "z"), 1)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, SHARE * 2)), max_size=60))
def test_the_bound_holds_and_all_come_out(sizes: list[tuple[str, int]]) -> None:
    async def run() -> tuple[Bench, list[str]]:
        bench, out = Bench(), []
        senders = [
            bench.sending(str(number), lane, size) for number, (lane, size) in enumerate(sizes)
        ]
        while not all(sender.done() for sender in senders) or not bench.buffer.is_empty:
            await steps(2)
            taken = bench.buffer.take((), 2, EVERYTHING)
            held = bench.buffer.queued_bytes + bench.buffer.open_bytes
            assert held <= BOUND
            out += [name_of(batch) for batch in taken]
            bench.buffer.done(sum(batch.size for batch in taken))
        return bench, out

    bench, out = asyncio.run(asyncio.wait_for(run(), 10))
    assert Counter(out) == Counter(str(number) for number in range(len(sizes)))
    assert out == bench.entered
    assert bench.buffer.open_bytes == 0


# --- dropping ------------------------------------------------------------------------------


def test_drop_newest() -> None:
    bench = Bench("drop_newest")
    for lane in "abcdefghij":
        bench.put(lane, lane, SHARE)
    assert bench.dropped == [("i", "drop_newest"), ("j", "drop_newest")]
    assert bench.settled() == {"i", "j"}
    assert bench.puts == 8
    assert bench.take() == list("abcdefgh")


def test_drop_newest_keeps_a_noisy_lane_to_its_share() -> None:
    bench = Bench("drop_newest")
    for number in range(20):
        bench.put(f"n{number}", "noisy", SHARE // 10)
    bench.put("q", "quiet", SHARE)
    assert [name for name, _ in bench.dropped] == [f"n{number}" for number in range(10, 20)]
    assert bench.take()[-1] == "q"


def test_drop_oldest() -> None:
    bench = Bench("drop_oldest")
    for lane in "abcdefghij":
        bench.put(lane, lane, SHARE)
    assert bench.dropped == [("a", "drop_oldest"), ("b", "drop_oldest")]
    assert bench.settled() == {"a", "b"}
    assert bench.take() == list("cdefghij")


def test_drop_oldest_keeps_a_noisy_lane_to_its_share() -> None:
    bench = Bench("drop_oldest")
    bench.put("q", "quiet", SHARE)
    for number in range(100):
        bench.put(f"n{number}", "noisy", SHARE // 10)
    assert [name for name, _ in bench.dropped] == [f"n{number}" for number in range(90)]
    assert bench.take() == ["q", *(f"n{number}" for number in range(90, 100))]


def test_drop_oldest_reaches_what_is_parked() -> None:
    bench = Bench("drop_oldest")
    for lane in "abcdefgh":
        bench.put(lane, lane, SHARE, origin="busy")
    assert bench.buffer.take({"busy"}, EVERYTHING, EVERYTHING) == []
    for lane in "ijkl":
        bench.put(lane, lane, SHARE)
    assert [name for name, _ in bench.dropped] == list("abcd")
    assert bench.buffer.queued_bytes == BOUND
    assert bench.take() == list("ijkl")
    bench.buffer.unpark("busy")
    assert bench.take() == list("efgh")
    assert bench.buffer.is_empty
    assert bench.buffer.ready_bytes == 0


def test_drop_oldest_cannot_drop_what_is_being_written() -> None:
    bench = Bench("drop_oldest")
    for lane in "abcdefgh":
        bench.put(lane, lane, SHARE)
    assert len(bench.take()) == 8
    bench.put("i", "i", SHARE)
    bench.put("j", "j", SHARE)
    assert bench.dropped == [("i", "drop_oldest")]
    assert bench.take() == ["j"]


async def test_nobody_waits_where_events_are_dropped() -> None:
    assert Bench().buffer.blocks
    assert not Bench("drop_oldest").buffer.blocks
    assert not Bench("drop_newest").buffer.blocks


async def test_all_are_let_go_though_one_of_them_was_just_cancelled(bench: Bench) -> None:
    await fill(bench)
    first, second = bench.sending("p", "p", SHARE), bench.sending("q", "q", SHARE)
    await steps()
    first.cancel()
    bench.buffer.let_all_go()
    await steps()
    assert first.done()
    bench.take(events=1)
    bench.buffer.done(SHARE)
    await asyncio.wait_for(second, 5)

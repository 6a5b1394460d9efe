"""Writes: their order, their halves, and how they come under suspicion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Batch, Log, Resource, heap_size
from penstock.bus.write import DOUBTFUL_AFTER, Write, only
from penstock.delivery.evidence import Record
from penstock.delivery.positions import MemoryPositions
from penstock.delivery.receipts import BatchReceipt, Lane


def make(*sizes: int) -> tuple[Write, list[BatchReceipt]]:
    """Make a write of batches of so many events, each with a receipt."""
    lane = Lane(("sources.test", "a"), MemoryPositions())
    receipts = [lane.open(None) for _ in sizes]
    batches = []
    for index, (events, receipt) in enumerate(zip(sizes, receipts, strict=True)):
        logs = tuple(Log(number, f"{index}") for number in range(events))
        batches.append(Batch(Resource(f"o{index}"), logs, heap_size(logs), (receipt,)))
    return Write((1,), batches, Record()), receipts


def events_of(*writes: Write) -> list[object]:
    return [event for write in writes for batch in write.batches for event in batch.events]


@given(st.lists(st.integers(1, 7), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) > 1))
def test_halves_lose_nothing(sizes: list[int]) -> None:
    write, receipts = make(*sizes)
    left, right = write.halves(Record())
    assert left.events == sum(sizes) // 2
    assert events_of(left, right) == events_of(write)
    assert left.size + right.size == write.size
    assert all(batch.events for part in (left, right) for batch in part.batches)
    assert left < right
    parts = [batch for part in (left, right) for batch in part.batches]
    for index, batch in enumerate(parts):
        unfinished = {receipt for later in parts[index:] for receipt in later.trail}
        assert not unfinished & {receipt for receipt in receipts if receipt.is_settled}
        for receipt in batch.trail:
            receipt.release()
    assert all(receipt.is_settled for receipt in receipts)


def test_parts_come_where_the_whole_was() -> None:
    first, _ = make(4)
    left, right = first.halves(Record())
    inner = left.halves(Record())
    second = Write((2,), first.batches, Record())
    assert sorted([second, right, inner[1], inner[0]]) == [*inner, right, second]


def test_parts_begin_anew() -> None:
    write, _ = make(4)
    write.attempts = 9
    write.evidence.failed(Record(3, 4))
    for part in write.halves(Record(3, 4), suspect=True):
        assert (part.attempts, part.evidence.strikes, part.suspect) == (0, 0, True)
        assert part.evidence.last == Record(3, 4)


@pytest.mark.parametrize(
    ("attempts", "suspect", "doubtful"),
    [
        (0, False, False),
        (DOUBTFUL_AFTER - 1, False, False),
        (DOUBTFUL_AFTER, False, True),
        (0, True, True),
    ],
)
def test_is_doubtful(attempts: int, suspect: bool, doubtful: bool) -> None:
    write, _ = make(1)
    write.attempts, write.suspect = attempts, suspect
    assert write.is_doubtful is doubtful


def test_only_some_events() -> None:
    write, _ = make(4)
    (batch,) = write.batches
    rest = only(batch, {batch.events[1], batch.events[3]})
    assert rest is not None
    assert list(rest.events) == [batch.events[1], batch.events[3]]
    assert rest.trail == batch.trail
    assert rest.size < batch.size
    assert only(batch, ()) is None

"""Receipts and lanes: what may be committed, whatever order batches settle in."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.delivery.positions import MemoryPositions
from penstock.delivery.receipts import BatchReceipt, Lane

KEY = ("sources.a", "web")


class Commits(MemoryPositions):
    """Positions that remember every commit."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[object] = []

    def commit(self, lane: tuple[str, str], position: object) -> None:
        super().commit(lane, position)
        self.history.append(position)


@pytest.fixture
def positions() -> Commits:
    return Commits()


@pytest.fixture
def lane(positions: Commits) -> Lane:
    return Lane(KEY, positions)


def test_commits_once_the_only_holder_lets_go(lane: Lane, positions: Commits) -> None:
    receipt = lane.open(7)
    assert positions.load(KEY) is None
    receipt.release()
    assert receipt.is_settled
    assert positions.load(KEY) == 7


def test_waits_for_every_holder(lane: Lane, positions: Commits) -> None:
    receipt = lane.open(7)
    receipt.retain()
    receipt.retain()
    receipt.release()
    receipt.release()
    assert positions.load(KEY) is None
    receipt.release()
    assert positions.load(KEY) == 7


def test_waits_for_all_before_it(lane: Lane, positions: Commits) -> None:
    first, second, third = lane.open(1), lane.open(2), lane.open(3)
    third.release()
    second.release()
    assert positions.history == []
    first.release()
    assert positions.history == [3]


def test_a_batch_without_position_commits_nothing_but_holds_up(
    lane: Lane, positions: Commits
) -> None:
    gap, line = lane.open(None), lane.open(5)
    line.release()
    assert positions.history == []
    gap.release()
    assert positions.history == [5]
    lane.open(None).release()
    assert positions.history == [5]


def test_position_zero_is_a_position(lane: Lane, positions: Commits) -> None:
    lane.open(0).release()
    assert positions.load(KEY) == 0


def test_an_abandoned_batch_stops_the_commits_behind_it(lane: Lane, positions: Commits) -> None:
    before, left, after = lane.open(1), lane.open(2), lane.open(3)
    left.abandon()
    for receipt in (left, after, before):
        receipt.release()
    lane.open(4).release()
    assert positions.history == [1]


def test_lanes_do_not_wait_for_each_other(positions: Commits) -> None:
    stuck, free = Lane(("sources.a", "x"), positions), Lane(("sources.a", "y"), positions)
    stuck.open(1)
    free.open(2).release()
    assert positions.load(("sources.a", "x")) is None
    assert positions.load(("sources.a", "y")) == 2


def test_sent_is_the_last_position_opened(lane: Lane) -> None:
    assert lane.sent is None
    lane.open(1)
    lane.open(2)
    lane.open(None)
    assert lane.sent == 2


def test_a_retired_lane_is_forgotten_once_it_is_settled(lane: Lane, positions: Commits) -> None:
    first, second = lane.open(1), lane.open(2)
    first.release()
    forgotten: list[str] = []
    lane.retire(lambda: forgotten.append("web"))
    assert positions.load(KEY) == 1
    assert not forgotten
    second.release()
    assert positions.load(KEY) is None
    assert forgotten == ["web"]


def test_a_settled_lane_is_forgotten_at_once(lane: Lane, positions: Commits) -> None:
    lane.open(1).release()
    forgotten: list[str] = []
    lane.retire(lambda: forgotten.append("web"))
    assert positions.load(KEY) is None
    assert forgotten == ["web"]


def test_a_lane_that_comes_back_before_it_is_settled_lives_on(
    lane: Lane, positions: Commits
) -> None:
    old = lane.open(1)
    forgotten: list[str] = []
    lane.retire(lambda: forgotten.append("web"))
    new = lane.open(2)
    new.release()
    old.release()
    assert positions.load(KEY) == 2
    assert not forgotten


async def test_settled_returns_for_all_who_wait(lane: Lane) -> None:
    receipt = lane.open(1)
    waiting = [asyncio.create_task(receipt.settled()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting[1:])
    receipt.release()
    await asyncio.wait_for(asyncio.gather(*waiting[1:]), 5)
    await asyncio.wait_for(receipt.settled(), 5)


@given(st.data())
def test_commits_are_contiguous_in_whatever_order_batches_settle(data: st.DataObject) -> None:
    positions = Commits()
    lane = Lane(KEY, positions)
    receipts: list[BatchReceipt] = []
    holders: list[int] = []
    abandoned: set[int] = set()
    for _ in range(data.draw(st.integers(1, 60))):
        held = [index for index, count in enumerate(holders) if count]
        if not held or data.draw(st.booleans()):
            position = len(receipts) if data.draw(st.booleans()) else None
            receipts.append(lane.open(position))
            holders.append(1)
        else:
            index = data.draw(st.sampled_from(held))
            _step(data, receipts[index], index, holders, abandoned)
        _check(positions, receipts, holders, abandoned)


def _step(
    data: st.DataObject,
    receipt: BatchReceipt,
    index: int,
    holders: list[int],
    abandoned: set[int],
) -> None:
    what = data.draw(st.sampled_from(["release", "release", "retain", "abandon"]))
    if what == "retain":
        holders[index] += 1
        receipt.retain()
        return
    if what == "abandon":
        abandoned.add(index)
        receipt.abandon()
    holders[index] -= 1
    receipt.release()


def _check(
    positions: Commits, receipts: list[BatchReceipt], holders: list[int], abandoned: set[int]
) -> None:
    settled = 0
    while settled < len(holders) and not holders[settled] and settled not in abandoned:
        settled += 1
    reached = [one.position for one in receipts[:settled] if one.position is not None]
    assert positions.load(KEY) == (reached[-1] if reached else None)
    assert positions.history == sorted(set(positions.history))  # type: ignore[type-var]


def test_no_position_inside_an_event_is_committed(lane: Lane, positions: Commits) -> None:
    first, second, third, fourth = (lane.open(number) for number in range(1, 5))
    first.bind(third)
    for receipt in (first, second):
        receipt.release()
    assert positions.history == []
    third.release()
    assert positions.history == [3]
    fourth.release()
    assert positions.history == [3, 4]


def test_binding_backwards_or_to_itself_or_another_lane_changes_nothing(
    lane: Lane, positions: Commits
) -> None:
    first, second = lane.open(1), lane.open(2)
    second.bind(first)
    first.bind(first)
    other = Lane(("sources.a", "db"), positions).open(9)
    first.bind(other)
    first.release()
    second.release()
    assert positions.history == [1, 2]


def test_a_lane_in_which_every_batch_goes_on_commits_at_last(
    lane: Lane, positions: Commits
) -> None:
    before = lane.open(0)
    for number in range(1, 1000):
        receipt = lane.open(number)
        before.bind(receipt)
        before.release()
        before = receipt
    assert 1 <= len(positions.history) < 20

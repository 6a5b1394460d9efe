"""A buffer: batches that wait, bounded in bytes of heap, with a share for each lane."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Container, Sequence
from typing import NamedTuple

from penstock.api.event import Batch, heap_size
from penstock.api.settings import BufferSettings
from penstock.state.unit import LaneKey

LANE_SHARE = 8
"""One lane may fill this fraction of a buffer, so that a noisy container starves nobody."""


class _Waiter(NamedTuple):
    future: asyncio.Future[None]
    lane: LaneKey
    size: int


class Buffer:
    """First in, first out. What is being written counts against the bound until it is ``done``.

    A batch larger than the bound, or than its lane's share, is admitted when it would be alone.
    """

    def __init__(
        self,
        settings: BufferSettings,
        on_put: Callable[[], None],
        on_drop: Callable[[Batch, str], None],
    ) -> None:
        self._when_full = settings.when_full
        self._on_put = on_put
        self._on_drop = on_drop
        self._queue: deque[Batch] = deque()
        self._parked: dict[str, deque[Batch]] = {}
        self._lanes: dict[LaneKey, int] = {}
        self._waiters: deque[_Waiter] = deque()
        self._is_crowded = False
        self._promised = 0
        self._max = settings.max_memory_bytes
        self._share = settings.max_memory_bytes // LANE_SHARE
        self._parked_bytes = 0
        self._parked_events = 0
        self.queued_bytes = 0
        self.queued_events = 0
        self.open_bytes = 0
        self.shared = False
        """Whether somebody who waits here keeps other sinks waiting."""

    @property
    def is_empty(self) -> bool:
        return not self.queued_events

    @property
    def ready_bytes(self) -> int:
        """What ``take`` may hand out; parked batches wait for ``unpark``."""
        return self.queued_bytes - self._parked_bytes

    @property
    def ready_events(self) -> int:
        return self.queued_events - self._parked_events

    @property
    def blocks(self) -> bool:
        """Whether its owner chose that senders wait, rather than that events are dropped."""
        return self._when_full == "block"

    @property
    def heap_bytes(self) -> int:
        """What it holds in memory, what is being written included."""
        return self.queued_bytes + self.open_bytes

    # --- its life ------------------------------------------------------------------------

    def attach(self, *, reads: bool = True) -> None:
        """Begin: the runner before this one on the same table has ended."""

    def detach(self) -> None:
        """Leave to a successor what is not in memory."""

    def drain(self) -> None:
        """Make ready for the end: nothing more will come."""

    def keep(self, batches: Sequence[Batch]) -> bool:
        """Keep what could not be delivered beyond the process; say whether that is possible."""
        return not batches

    # --- senders -------------------------------------------------------------------------

    def has_room(self, lane: LaneKey, size: int, *, waited: bool = False) -> bool:
        """Say whether a batch of this size may enter now.

        One that has not ``waited`` comes after those that wait, or a large batch never entered.
        """
        if self._is_crowded and not waited:
            return False
        return self._lane_fits(lane, size) and self._fits(size)

    def awaits_disk(self, size: int) -> bool:
        """Say whether a batch lacks room only until the disk has taken what is under way to it."""
        return False

    async def room(self, lane: LaneKey, size: int) -> None:
        """Wait until there was room; the sender may still find another buffer full."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), lane, size)
        self._waiters.append(waiter)
        self._is_crowded = self._is_crowded or self._lane_fits(lane, size)
        try:
            await waiter.future
        finally:
            if not waiter.future.cancelled():
                self._promised -= size
            loop.call_soon(self._let_in)  # If the sender does not come in now, others may.

    def let_all_go(self) -> None:
        """Have all who wait look again: this buffer may be none of theirs any more."""
        while self._waiters:
            self._promise(self._waiters.popleft())
        self._is_crowded = False

    # --- the way of a batch --------------------------------------------------------------

    def put(self, batch: Batch) -> None:
        """Take a batch in and hold its receipts, or drop by the owner's choice."""
        if not self.blocks and not self._make_room(batch):
            return
        for receipt in batch.trail:
            receipt.retain()
        self.enter(batch)
        self._on_put()

    def enter(self, batch: Batch) -> None:
        """Take in a batch whose receipts are held already."""
        self._queue.append(batch)
        self._count(batch)

    def take(self, busy: Container[str], events: int, size: int) -> list[Batch]:
        """Hand out the oldest batches up to these bounds, to be written; at least one if any.

        Batches of ``busy`` origins are parked: they keep their place until ``unpark``. A batch of
        more events than the bound is handed out in pieces.
        """
        taken: list[Batch] = []
        while self._queue and events > 0:
            batch = self._queue[0]
            if batch.resource.origin in busy:
                self._park(self._queue.popleft())
                continue
            if taken and (len(batch.events) > events or batch.size > size):
                break
            batch = self._first(events)
            taken.append(batch)
            events -= len(batch.events)
            size -= batch.size
            self.open_bytes += batch.size
        self._let_in()
        return taken

    def unpark(self, origin: str) -> None:
        """Put parked batches of an origin back to the front, in their order."""
        for batch in reversed(self._parked.pop(origin, ())):
            self._count_parked(batch, -1)
            self._queue.appendleft(batch)

    def clear(self) -> list[Batch]:
        """Give up everything that waits."""
        for origin in tuple(self._parked):
            self.unpark(origin)
        batches = list(self._queue)
        self._queue.clear()
        for batch in batches:
            self._uncount(batch)
        self._let_in()
        return batches

    def done(self, size: int) -> None:
        """Free what written batches took, and let senders in."""
        self.open_bytes -= size
        self._let_in()

    # --- how it is done ------------------------------------------------------------------

    def _make_room(self, batch: Batch) -> bool:
        lane = lane_of(batch)
        if self._when_full == "drop_newest" and not self.has_room(lane, batch.size):
            self._on_drop(batch, "drop_newest")
            return False
        while not self._lane_fits(lane, batch.size):
            self._drop_oldest(lane)
        while not self._fits(batch.size) and not self.is_empty:
            self._drop_oldest(None)
        return True

    def _drop_oldest(self, lane: LaneKey | None) -> None:
        """Drop the oldest batch, of a lane or of all; what is parked has waited longest."""
        for queue in (*self._parked.values(), self._queue):
            for index, batch in enumerate(queue):
                if lane is None or lane_of(batch) == lane:
                    del queue[index]
                    self._uncount(batch)
                    if queue is not self._queue:
                        self._count_parked(batch, -1)
                    self._on_drop(batch, "drop_oldest")
                    for receipt in batch.trail:
                        receipt.release()
                    return

    def _park(self, batch: Batch) -> None:
        self._parked.setdefault(batch.resource.origin, deque()).append(batch)
        self._count_parked(batch, 1)

    def _first(self, events: int) -> Batch:
        """Take the oldest batch off the queue, or only that many of its events."""
        batch = self._queue.popleft()
        self._uncount(batch)
        if len(batch.events) <= events:
            return batch
        head, tail = split(batch, events)
        self._queue.appendleft(tail)
        self._count(tail)
        return head

    def _count(self, batch: Batch) -> None:
        self.queued_bytes += batch.size
        self.queued_events += len(batch.events)
        lane = lane_of(batch)
        self._lanes[lane] = self._lanes.get(lane, 0) + batch.size

    def _uncount(self, batch: Batch) -> None:
        self.queued_bytes -= batch.size
        self.queued_events -= len(batch.events)
        lane = lane_of(batch)
        left = self._lanes.get(lane, 0) - batch.size
        if left > 0:
            self._lanes[lane] = left
        else:
            self._lanes.pop(lane, None)  # A source may say 0 of a batch's size.

    def _count_parked(self, batch: Batch, sign: int) -> None:
        self._parked_bytes += sign * batch.size
        self._parked_events += sign * len(batch.events)

    def _fits(self, size: int) -> bool:
        used = self.heap_bytes + self._promised
        return not used or used + size <= self._max

    def _lane_fits(self, lane: LaneKey, size: int) -> bool:
        share = self._lanes.get(lane, 0)
        return not share or share + size <= self._share

    def _let_in(self) -> None:
        """Wake senders in their order; none overtakes one who waits for the whole buffer."""
        if not self._waiters:
            return
        waiters, self._waiters = self._waiters, deque()
        self._is_crowded = False
        for waiter in waiters:
            if waiter.future.done():
                continue
            lane_fits = self._lane_fits(waiter.lane, waiter.size)
            if lane_fits and not self._is_crowded and self._fits(waiter.size):
                self._promise(waiter)
            else:
                self._is_crowded = self._is_crowded or lane_fits
                self._waiters.append(waiter)

    def _promise(self, waiter: _Waiter) -> None:
        if not waiter.future.done():  # Who was cancelled may not have left yet.
            self._promised += waiter.size
            waiter.future.set_result(None)


def split(batch: Batch, events: int) -> tuple[Batch, Batch]:
    """Divide a batch after this many events; both parts hold its receipts."""
    first, second = batch.events[:events], batch.events[events:]
    for receipt in batch.trail:
        receipt.retain()
    head = min(heap_size(first), batch.size)
    return (
        Batch(batch.resource, first, head, batch.trail),
        Batch(batch.resource, second, batch.size - head, batch.trail),
    )


def lane_of(batch: Batch) -> LaneKey:
    """Return the lane that a batch came through: the one of its first receipt."""
    return batch.trail[0].lane if batch.trail else ("", "")

"""Which write to a sink starts next, and when: batching, order, what failed before what is new."""

from __future__ import annotations

import asyncio
from bisect import insort

from penstock.api.component import Sink
from penstock.api.event import Batch
from penstock.api.settings import BatchSettings
from penstock.bus.buffer import Buffer
from penstock.bus.write import Write
from penstock.delivery.governor import Governor
from penstock.delivery.spool import Spool


class Schedule:
    """A sink's writes: those that are open, those that failed, and the next ones to be made."""

    def __init__(
        self, sink: Sink, buffer: Buffer, governor: Governor, batch: BatchSettings
    ) -> None:
        self._sink = sink
        self._buffer = buffer
        self._governor = governor
        self._batch = batch
        self.open: dict[Write, None] = {}
        self._failed: list[Write] = []
        self._busy: dict[str, int] = {}
        self._number = 0
        self._fill_until: float | None = None
        self.due: float | None = None
        """The seconds after which ``next`` may have what it had not; None: time makes no odds."""
        self.recovering = False
        """Whether a stream goes back: nothing starts before all that is open has returned."""
        self.closing = False
        """Whether nothing more will come."""

    @property
    def is_drained(self) -> bool:
        """Whether nothing more will start, unless an open write fails."""
        return self.closing and self._buffer.is_empty and not self._failed

    @property
    def awaits_open(self) -> bool:
        """Whether nothing may start before those that are open have returned."""
        return bool(self.open) and (self.recovering or self.is_drained)

    def next(self) -> Write | None:
        """Return the write to start now, if any; it is open until ``ended``."""
        self.due = None
        write = self._choose() if self._may_start() else None
        if write:
            self.open[write] = None
        return write

    def ended(self, write: Write, again: list[Write]) -> None:
        """Note that a write returned, and what of it has to be written again."""
        del self.open[write]
        for one in again:
            insort(self._failed, one)
        if self._sink.order == "resource":
            for one in again:
                self._occupy(one)
            self._vacate(write)
        elif self._sink.order == "stream" and again:
            self.recovering = True
        self._buffer.done(write.size - sum(one.size for one in again))

    def give_up(self) -> list[Batch]:
        """Return all that is not settled, oldest first, and forget it."""
        writes = sorted((*self.open, *self._failed))
        self.open.clear()
        self._failed.clear()
        self._busy.clear()
        waiting = self._buffer.clear()
        self._buffer.done(sum(write.size for write in writes))
        return [batch for write in writes for batch in write.batches] + waiting

    def secure(self, spool: Spool) -> None:
        """Have on disk as well what is under way: it may take as long as an outage."""
        writes = sorted((*self.open, *self._failed))
        batches = iter(spool.secure([batch for write in writes for batch in write.batches]))
        for write in writes:
            write.batches = [next(batches) for _ in write.batches]

    def _may_start(self) -> bool:
        if len(self.open) >= self._sink.in_flight:
            return False
        if wait := self._governor.wait:
            self.due = wait
            return False
        self.recovering = self.recovering and bool(self.open)
        return not self.recovering

    # --- which ---------------------------------------------------------------------------

    def _choose(self) -> Write | None:
        """Prefer what failed, but where something else can tell whether that is its own fault."""
        if not self._failed:
            return self._take()
        eligible = self._eligible()
        write = next((one for one in eligible if not self._gives_way(one)), None)
        write = write or self._take() or next(iter(eligible), None)
        if write in eligible:
            self._failed.remove(write)
        return write

    def _eligible(self) -> list[Write]:
        """Return the failed writes that would overtake nothing that they must not overtake."""
        if self._sink.order == "none":
            return self._failed
        if self._sink.order == "stream":
            return self._failed[:1]
        eligible = []
        held = {origin for write in self.open for origin in write.origins}
        for write in self._failed:
            if held.isdisjoint(write.origins):
                eligible.append(write)
            held |= write.origins
        return eligible

    def _gives_way(self, write: Write) -> bool:
        """Say whether something else has to come through before a doubtful write is tried again.

        Repeating it for ever would not tell a poison event from a destination that is down.
        """
        if self._sink.order == "stream" or not write.is_doubtful:
            return False
        return write.evidence.last.successes == self._governor.record.successes

    def _take(self) -> Write | None:
        """Make a write of what waits in the buffer, unless there is nothing or it may yet fill."""
        full = self.open and self._buffer.open_bytes >= self._sink.context.open_bytes
        if full or not self._buffer.ready_events or self._is_filling():
            return None
        self._fill_until = None
        batches = self._buffer.take(self._busy, self._batch.max_events, self._batch.max_bytes)
        if not batches:
            return None
        self._number += 1
        write = Write((self._number,), batches, self._governor.record)
        if self._sink.order == "resource":
            self._occupy(write)
        return write

    def _is_filling(self) -> bool:
        batch, buffer = self._batch, self._buffer
        if self.closing or not batch.max_wait_ms:
            return False
        if buffer.ready_events >= batch.max_events or buffer.ready_bytes >= batch.max_bytes:
            return False
        now = asyncio.get_running_loop().time()
        if self._fill_until is None:
            self._fill_until = now + batch.max_wait_ms / 1000
        if now >= self._fill_until:
            return False
        self.due = self._fill_until - now
        return True

    def _occupy(self, write: Write) -> None:
        for origin in write.origins:
            self._busy[origin] = self._busy.get(origin, 0) + 1

    def _vacate(self, write: Write) -> None:
        for origin in write.origins:
            left = self._busy.get(origin, 0) - 1
            if left > 0:
                self._busy[origin] = left
            elif left == 0:
                del self._busy[origin]
                self._buffer.unpark(origin)

"""A buffer with a spool behind it: what memory cannot hold waits on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Mapping, Sequence

from penstock.api.event import EVENT_OVERHEAD_BYTES, Batch
from penstock.api.settings import BufferSettings
from penstock.bus.buffer import Buffer, lane_of
from penstock.delivery.spool import PAGE_BYTES, Spool
from penstock.state.unit import LaneKey

READ_AHEAD = 8
"""This fraction of the memory is filled from the disk ahead of the sink, and half of that with
pages that are on disk already: with what is being written to the sink (a half at most) it has to
leave room for what is on its way to the disk."""

PATIENCE_S = 1.0
"""A sink that let nobody in for so long has fallen behind."""


class SpoolingBuffer(Buffer):
    """The queue in memory is always the older part, the spool the newer one.

    ``overflow``: batches go to the queue until it is full and the sink ``is_behind``. Then the
    queue is put on disk, oldest first and what is being written to the sink before it, and
    everything new goes behind it until the spool is empty:
    the other way round, a source that is read again would bring the head a second time.
    ``disk``: everything goes through the spool. ``memory``: only what a process before this one
    left there comes from it.
    """

    def __init__(  # noqa: PLR0917 - a buffer's three, and what a spool needs
        self,
        settings: BufferSettings,
        on_put: Callable[[], None],
        on_drop: Callable[[Batch, str], None],
        spool: Spool,
        is_behind: Callable[[], bool],
        on_lost: Callable[[Mapping[str, int], str], None],
    ) -> None:
        super().__init__(settings, on_put, on_drop)
        self.spool = spool
        self._type = settings.type
        self.before_spill: Callable[[], None] = lambda: None
        """Puts on disk what was taken and not settled: a part of the queue would be before it."""
        self._is_behind = is_behind
        self._on_lost = on_lost
        self._read_ahead = settings.max_memory_bytes // READ_AHEAD
        self._max_disk = settings.max_disk_bytes
        self._reads = False
        self._has_spilled = False
        self._watch: asyncio.TimerHandle | None = None
        self._watched = 0.0
        """The seconds for which somebody waited since the watch began."""

    # --- its life ------------------------------------------------------------------------

    def attach(self, *, reads: bool = True) -> None:
        """Begin to read the spool: the runner before this one on the same table is done with it."""
        spool = self.spool
        spool.max_bytes = self._max_disk
        spool.keep_bytes = self._read_ahead // 2
        spool.page_bytes = min(PAGE_BYTES, self._read_ahead // 2)
        spool.on_change = self._changed
        spool.on_lost = lambda counts: self._on_lost(counts, "damaged_page")
        self._reads = reads
        self._has_spilled = self._type == "overflow" and not spool.is_empty
        self._changed()

    def detach(self) -> None:
        """Leave the spool to a successor."""
        self._reads = False
        self.spool.on_change = lambda: None

    def drain(self) -> None:
        """Put on disk now what a sink that has fallen behind will hardly get: a stop is short."""
        if self.heap_bytes and self._may_spill and not self.spools and self._is_behind():
            self._spill()

    def keep(self, batches: Sequence[Batch]) -> bool:
        """Put what could not be delivered on disk, before everything else; say whether it may."""
        if self._type == "memory" or self.spool.trouble:
            return not batches
        self.spool.put_back(batches)
        return True

    # --- how full it is ------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        return super().is_empty and (self.spool.is_empty or not self._reads)

    @property
    def spools(self) -> bool:
        """Whether new batches go to the spool."""
        return self._type == "disk" or self._has_spilled or not self.spool.is_empty

    def has_room(self, lane: LaneKey, size: int, *, waited: bool = False) -> bool:
        if super().has_room(lane, size, waited=waited):
            return True
        if self.spools or not (self._may_spill and self._is_behind()):
            return False
        self._spill()
        return super().has_room(lane, size, waited=waited)

    def awaits_disk(self, size: int) -> bool:
        return self.spools and not self.spool.trouble and self._disk_fits(size)

    async def room(self, lane: LaneKey, size: int) -> None:
        clock = asyncio.get_running_loop().time
        began = None if self._waiters else clock()
        self._start_watch()
        try:
            await super().room(lane, size)
        finally:
            if began is not None:
                self._watched += clock() - began

    def _fits(self, size: int) -> bool:
        return super()._fits(size) and self._disk_fits(size)

    def _disk_fits(self, size: int) -> bool:
        """Say whether a batch may go to the disk, if it would: one that is alone there always."""
        is_alone = not (self.spools and self.spool.disk_bytes)
        return is_alone or self.spool.fits(size + self._promised)

    def _lane_fits(self, lane: LaneKey, size: int) -> bool:
        return self.spools or super()._lane_fits(lane, size)

    @property
    def heap_bytes(self) -> int:
        """What it holds in memory, what is being written to the sink and to disk included."""
        return self.queued_bytes + self.open_bytes + self.spool.heap_bytes

    @property
    def _may_spill(self) -> bool:
        if self._type != "overflow" or self.spool.trouble:
            return False
        text = self.queued_bytes - EVENT_OVERHEAD_BYTES * self.queued_events
        return self.spool.fits(max(1, text))

    # --- the way of a batch --------------------------------------------------------------

    def put(self, batch: Batch) -> None:
        has_room = self.blocks or self.spools or super().has_room(lane_of(batch), batch.size)
        if not has_room and self._may_spill:
            self._spill()
        if not self.spools:
            super().put(batch)
            return
        if not self.blocks and not self._make_room_on_disk(batch):
            return
        for receipt in batch.trail:
            receipt.retain()
        self.spool.append(batch)
        self._changed()

    def take(self, busy: Container[str], events: int, size: int) -> list[Batch]:
        taken = super().take(busy, events, size)
        self._read()
        self._calm_down()
        return taken

    def _calm_down(self) -> None:
        """Go back to memory once the disk has nothing more and the sink gets on.

        An empty spool alone does not tell: during an outage its first pages are in the queue.
        """
        is_calm = self.spool.is_empty and (not self.queued_events or not self._is_behind())
        if self._has_spilled and is_calm:
            self._has_spilled = False
            self._let_in()
            if self._waiters:
                self._start_watch()

    def _make_room_on_disk(self, batch: Batch) -> bool:
        if self._when_full == "drop_newest" and not self._fits(batch.size):
            self._on_drop(batch, "drop_newest")
            return False
        while not self._disk_fits(batch.size) and self._drop_page():
            pass
        while not super()._fits(batch.size):
            if self.queued_events:
                self._drop_oldest(None)
            elif not self._drop_page(in_memory=True):  # Others would make no room.
                break
        return True

    def _drop_page(self, *, in_memory: bool = False) -> bool:
        counts = self.spool.drop_oldest(in_memory=in_memory)
        if counts:
            self._on_lost(counts, "drop_oldest")
        return bool(counts)

    def _spill(self) -> None:
        """Put the whole queue on disk, behind what is under way."""
        self._has_spilled = True
        self.before_spill()
        for batch in self.clear():
            self.spool.append(batch)
        self._read()

    def _start_watch(self) -> None:
        if self._watch is None and (self._type == "overflow" or self.spools):
            self._watched = 0.0
            self._watch = asyncio.get_running_loop().call_later(PATIENCE_S, self._look)

    def _look(self) -> None:
        """Spill if somebody waits and the sink does not get on, or keeps others waiting."""
        self._watch = None
        if not self._waiters:
            return
        is_slow = self.shared and self._watched > PATIENCE_S / 2
        if not self.spools and self._may_spill and (is_slow or self._is_behind()):
            self._spill()
        if self.spools:  # The disk may have room again: nobody else would tell.
            self._let_in()
        self._start_watch()

    def _read(self) -> None:
        """Move pages from the spool into the queue, as long as there is little in it."""
        while self._reads and self.queued_bytes < self._read_ahead:
            batches = self.spool.take()
            if batches is None:
                return
            for batch in batches:
                self.enter(batch)

    def _changed(self) -> None:
        self._read()
        self._let_in()
        self._on_put()

"""A sink's buffer with a spool behind it: what memory cannot hold waits on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Mapping, Sequence

from penstock.api.event import Batch
from penstock.api.settings import BufferSettings
from penstock.bus.buffer import Buffer, lane_of
from penstock.delivery.spool import Spool
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
    queue is put on disk, oldest first, and everything new goes behind it until the spool is empty:
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
        self._is_behind = is_behind
        self._on_lost = on_lost
        self._read_ahead = settings.max_memory_bytes // READ_AHEAD
        self._max_disk = settings.max_disk_bytes
        self._reads = False
        self._watch: asyncio.TimerHandle | None = None
        self._watched = 0.0
        """The seconds for which somebody waited since the watch began."""

    # --- its life ------------------------------------------------------------------------

    def attach(self) -> None:
        """Begin to read the spool: the runner before this one on the same table is done with it."""
        spool = self.spool
        spool.max_bytes = self._max_disk
        spool.keep_bytes = self._read_ahead // 2
        spool.on_change = self._changed
        spool.on_lost = lambda counts: self._on_lost(counts, "damaged_page")
        self._reads = True
        self._changed()

    def detach(self) -> None:
        """Leave the spool to a successor."""
        self._reads = False
        self.spool.on_change = lambda: None

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
        return self._type == "disk" or not self.spool.is_empty

    def has_room(self, lane: LaneKey, size: int, *, waited: bool = False) -> bool:
        if super().has_room(lane, size, waited=waited):
            return True
        if self.spools or not (self._may_spill and self._is_behind()):
            return False
        self._spill()
        return super().has_room(lane, size, waited=waited)

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
        used = self.heap_bytes + self._promised
        if used and used + size > self._max:
            return False
        return not self.spools or self.spool.fits(size + self._promised)

    def _lane_fits(self, lane: LaneKey, size: int) -> bool:
        return self.spools or super()._lane_fits(lane, size)

    @property
    def heap_bytes(self) -> int:
        """What it holds in memory, what is being written to the sink and to disk included."""
        return self.queued_bytes + self.open_bytes + self.spool.heap_bytes

    @property
    def _may_spill(self) -> bool:
        return self._type == "overflow" and not self.spool.trouble

    # --- the way of a batch --------------------------------------------------------------

    def put(self, batch: Batch) -> None:
        if not self.blocks and not super().has_room(lane_of(batch), batch.size) and self._may_spill:
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
        return taken

    def _make_room_on_disk(self, batch: Batch) -> bool:
        if self._when_full == "drop_newest" and not self._fits(batch.size):
            self._on_drop(batch, "drop_newest")
            return False
        while not self._fits(batch.size):
            counts = self.spool.drop_oldest()
            if counts:
                self._on_lost(counts, "drop_oldest")
            elif self.queued_events:
                self._drop_oldest(None)
            else:
                break
        return True

    def _spill(self) -> None:
        """Put the whole queue on disk."""
        for batch in self.clear():
            self.spool.append(batch)
        self._read()

    def _start_watch(self) -> None:
        if self._watch is None and self._may_spill and not self.spools:
            self._watched = 0.0
            self._watch = asyncio.get_running_loop().call_later(PATIENCE_S, self._look)

    def _look(self) -> None:
        """Spill if somebody waits and the sink does not get on, or keeps others waiting."""
        self._watch = None
        if not self._waiters or self.spools:
            return
        if self._is_behind() or (self.shared and self._watched > PATIENCE_S / 2):
            self._spill()
            self._let_in()
        else:
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

"""A source's own buffer: what cannot be read again is taken in before anything else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping

from penstock.api.delivery import Outcome
from penstock.api.event import KINDS, Batch
from penstock.api.settings import BufferSettings
from penstock.bus.buffer import Buffer, lane_of
from penstock.bus.outlet import SourceOutlet
from penstock.bus.services import Services
from penstock.bus.spooling import PATIENCE_S, SpoolingBuffer
from penstock.delivery.page import leave_on_disk
from penstock.log import Quiet
from penstock.state.unit import LaneKey

HAND_ON_EVENTS = 1000
HAND_ON_SHARE = 8
"""This fraction of its memory is handed on at a time, so that there is room for what comes in."""


class Intake(SourceOutlet):
    """The outlet of a source that has a buffer: ``send`` waits for no sink.

    ``hand_on`` moves what was taken in to the pipelines. The ledger has a row for each kind of
    event, under the source's table: delivered there means handed on.
    """

    def __init__(
        self, table: str, type_: str, services: Services, settings: BufferSettings
    ) -> None:
        super().__init__(table, type_, services)
        self.log = logging.getLogger(f"penstock.{table}")
        self._quiet = Quiet()
        self._wake = asyncio.Event()
        self._spool = services.spool(table)
        self._under_way: list[Batch] = []
        self._ending = False
        self._patience_s = PATIENCE_S
        self._half_bytes = settings.max_memory_bytes // 2
        self._hand_on_bytes = settings.max_memory_bytes // HAND_ON_SHARE
        self.buffer = self._make_buffer(settings)

    def _make_buffer(self, settings: BufferSettings) -> Buffer:
        if self._spool is None:
            return Buffer(settings, self._wake.set, self._dropped)
        self._spool.count_by = events_by_kind
        return SpoolingBuffer(
            settings, self._wake.set, self._dropped, self._spool, lambda: True, self._lost
        )

    async def _until_room(self, lane: LaneKey, size: int) -> None:
        """Wait for room in its own buffer."""
        buffer = self.buffer
        if not buffer.has_room(lane, size):
            await self._wait_for_room(lane, size)
        elif self._patience_s < PATIENCE_S and buffer.heap_bytes < self._half_bytes:
            self._patience_s = PATIENCE_S

    async def _wait_for_room(self, lane: LaneKey, size: int) -> None:
        """Wait as the policy says; to drop, a disk that is only slow is no reason yet.

        One that stays behind is: more than a second is not waited before half of it is free again.
        """
        buffer = self.buffer
        clock = asyncio.get_running_loop().time
        began = clock()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if buffer.blocks else self._patience_s):
                waited = False
                while self._may_wait(size) and not buffer.has_room(lane, size, waited=waited):
                    await buffer.room(lane, size)
                    waited = True
        self._patience_s = max(0.0, self._patience_s - (clock() - began))

    def _may_wait(self, size: int) -> bool:
        return self.buffer.blocks or (self._patience_s > 0 and self.buffer.awaits_disk(size))

    def _take_in(self, batch: Batch) -> None:
        for kind, events in events_by_kind(batch):
            row = self._ledger.row(self.table, kind)
            row.read += events
            row.in_flight += events
        self.buffer.put(batch)

    async def hand_on(self) -> None:
        """Move batches to the pipelines until ``end`` was called and all of them are there.

        Those come first that were left on disk, by a process before or by a predecessor.
        """
        while not (self._ending and self.buffer.is_empty):
            self._under_way = self.buffer.take((), HAND_ON_EVENTS, self._hand_on_bytes)
            if not self._under_way:
                self._wake.clear()
                await self._wake.wait()
            while self._under_way:
                await self._hand_on_first()

    def end(self) -> None:
        """Nothing more comes in: ``hand_on`` may return."""
        self._ending = True
        self._wake.set()

    def leave(self) -> int:
        """Put on disk what was not handed on, else abandon it; return how many events that was.

        What shares a page with events that a sink abandoned stays there with them: on disk twice,
        it would come twice.
        """
        self.shut()  # Nobody would account for what is taken after this.
        self.buffer.detach()
        batches = [*self._under_way, *self.buffer.clear()]
        self._under_way = []
        free = [one for one in batches if not any(receipt.abandoned for receipt in one.trail)]
        rest = set(batches).difference(free) if self.buffer.keep(free) else batches
        left = sum(self._abandon(one) for one in rest if not leave_on_disk(one, self.table))
        if left:
            self.log.error("abandoned at the deadline", extra={"events": left})
        return left

    def count_unwritten(self) -> int:
        """Count as abandoned what was to be left on disk and could not be written."""
        left = 0
        for page in self._spool.unwritten() if self._spool else ():
            self._lost(page.counts, "drain_timeout", Outcome.ABANDONED)
            page.abandon()
            left += page.events
        return left

    async def _hand_on_first(self) -> None:
        batch = self._under_way[0]
        await self._until_sinks_have_room(lane_of(batch), batch.size)
        self._into_pipelines(batch)
        self._under_way.pop(0)
        self.buffer.done(batch.size)
        self._settle(batch, Outcome.DELIVERED, "")
        for receipt in batch.trail:
            receipt.release()

    def _abandon(self, batch: Batch) -> int:
        self._settle(batch, Outcome.ABANDONED, "drain_timeout")
        for receipt in batch.trail:
            receipt.abandon()
            receipt.release()
        return len(batch.events)

    def _dropped(self, batch: Batch, policy: str) -> None:
        self._lost(dict(events_by_kind(batch)), policy)

    def _lost(
        self, counts: Mapping[str, int], policy: str, outcome: Outcome = Outcome.DROPPED
    ) -> None:
        self._ledger.settle(self.table, counts, outcome, policy)
        if self._quiet.allows(policy):
            self.log.error("events that cannot be read again were lost: %s", policy)

    def _settle(self, batch: Batch, outcome: Outcome, reason: str) -> None:
        self._ledger.settle(self.table, dict(events_by_kind(batch)), outcome, reason)


def events_by_kind(batch: Batch) -> Iterable[tuple[str, int]]:
    """Return how many events of each kind a batch has."""
    kinds = {type(event) for event in batch.events}
    if len(kinds) == 1:
        return ((KINDS[kinds.pop()], len(batch.events)),)
    types = [type(event) for event in batch.events]
    return [(KINDS[kind], types.count(kind)) for kind in kinds]

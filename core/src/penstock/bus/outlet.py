"""The engine's face to one source: where its batches enter the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import cast

import msgspec

from penstock.api.delivery import Outcome
from penstock.api.event import KINDS, Batch, Event, Gap, Resource, heap_size
from penstock.api.settings import DeadLetterSettings
from penstock.bus.pipeline import Pipeline
from penstock.bus.services import Services
from penstock.bus.settling import keeper
from penstock.bus.sink_runner import SinkRunner
from penstock.delivery.dead_letters import DeadLetter
from penstock.delivery.receipts import BatchReceipt, Lane
from penstock.guard import checked
from penstock.state.unit import LaneKey
from penstock.telemetry import SOURCE_LAG


class SourceOutlet:
    """Implements ``penstock.api.Outlet`` for one source.

    A batch waits here until every sink of every pipeline of the source has room, then goes the
    whole way into the buffers at once: nothing is admitted by halves.
    """

    def __init__(self, table: str, type_: str, services: Services) -> None:
        self.table = table
        self._services = services
        self._ledger = services.ledger
        self._labels = (table, type_)
        self._pipelines: Sequence[Pipeline] = ()
        self._runners: Sequence[SinkRunner] = ()
        self._blocked: list[str] = []
        self._is_shut = False
        self.dead_letters = keeper(table, DeadLetterSettings(), services, "")

    @property
    def blocked_on(self) -> str:
        """The sink that a send has waited for longest, if any waits."""
        return self._blocked[0] if self._blocked else ""

    def connect(self, pipelines: Iterable[Pipeline]) -> None:
        """Send everything from now on into these pipelines."""
        self._pipelines = tuple(pipelines)
        runners = dict.fromkeys(sink for pipeline in self._pipelines for sink in pipeline.sinks)
        for runner in self._runners:  # It may be none of this source's any more.
            runner.buffer.let_all_go()
        self._runners = tuple(runner for runner in runners if runner.buffer.blocks)
        for runner in self._runners:
            runner.buffer.shared = runner.buffer.shared or len(runners) > 1

    def shut(self) -> None:
        """Take nothing any more: a source that ignores its cancellation waits for ever."""
        self._is_shut = True

    def position(self, lane: str) -> object | None:
        key = (self.table, lane)
        known = self._services.lanes.get(key)
        if known and known.sent is not None:
            return cast("object", msgspec.to_builtins(known.sent))
        return self._services.positions.load(key)

    def lanes(self) -> Sequence[str]:
        used = {
            lane: one for (table, lane), one in self._services.lanes.items() if table == self.table
        }
        sent = [lane for lane, one in used.items() if one.sent is not None]
        known = dict.fromkeys([*self._services.positions.lanes(self.table), *sent])
        return [lane for lane in known if lane not in used or not used[lane].is_retired]

    async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> BatchReceipt:
        checked(batch, lane)
        key = (self.table, lane)
        await self._until_room(key, batch.size)
        if self._is_shut:
            await asyncio.get_running_loop().create_future()
        known = self._lane(key)
        known.origin = batch.resource.origin
        receipt = known.open(position)
        if batch.events:
            self._count_received(batch)
            self._take_in(Batch(batch.resource, batch.events, batch.size, (receipt,)))
        receipt.release()
        return receipt

    async def _until_room(self, lane: LaneKey, size: int) -> None:
        """Wait until the batch may be taken: an intake asks its own buffer instead."""
        await self._until_sinks_have_room(lane, size)

    def _take_in(self, batch: Batch) -> None:
        """Take a batch with its receipt: an intake puts it into its own buffer instead."""
        self._into_pipelines(batch)

    async def lost(
        self,
        resource: Resource,
        reason: str,
        *,
        lane: str = "",
        start: int = 0,
        end: int = 0,
        count: int | None = None,
        stream: str = "",
    ) -> None:
        self._ledger.gaps[self.table] = self._ledger.gaps.get(self.table, 0) + 1
        time_unix_nano = end or self._services.wall_clock()
        gap = Gap(time_unix_nano, reason, start, end, count, stream)
        await self.send(Batch(resource, (gap,), heap_size((gap,))), lane=lane)

    def refused(self, resource: Resource, event: Event, why: str) -> None:
        self._ledger.received[self.table] = self._ledger.received.get(self.table, 0) + 1
        row = self._ledger.row(self.table, KINDS[type(event)])
        row.read += 1
        row.count(Outcome.DEAD_LETTERED, "unreadable", 1)
        now = self._services.wall_clock()
        letter = DeadLetter(self.table, resource, event, "unreadable", why, 1, now, now)
        self.dead_letters.add(letter)

    def duplicates(self, resource: Resource, count: int) -> None:
        self._ledger.duplicates[self.table] = self._ledger.duplicates.get(self.table, 0) + count

    def at_risk(self, resource: Resource, seconds_to_loss: float | None) -> None:
        self._services.risks.say(self.table, resource, seconds_to_loss)

    def reached(self, lane: str, position: object) -> None:
        self._lane((self.table, lane)).open(position).release()

    def retire(self, lane: str, *, origin: str = "") -> None:
        known = self._lane((self.table, lane))
        known.origin = known.origin or origin
        known.retire(lambda: self._forget(known))

    async def _until_sinks_have_room(self, lane: LaneKey, size: int) -> None:
        waited = False
        while full := self._full(lane, size, waited):
            self._blocked.append(full.table)
            try:
                await full.buffer.room(lane, size)
            finally:
                self._blocked.remove(full.table)
            waited = True

    def _full(self, lane: LaneKey, size: int, waited: bool) -> SinkRunner | None:
        for runner in self._runners:
            if not (runner.broken or runner.buffer.has_room(lane, size, waited=waited)):
                return runner
        return None

    def _count_received(self, batch: Batch) -> None:
        received = self._ledger.received
        received[self.table] = received.get(self.table, 0) + len(batch.events)
        self._ledger.make_room()

    def _into_pipelines(self, batch: Batch) -> None:
        for pipeline in self._pipelines:
            pipeline.accept(batch)
        self._observe_lag(batch)

    def _lane(self, key: LaneKey) -> Lane:
        known = self._services.lanes.get(key)
        if known is None:
            known = self._services.lanes[key] = Lane(key, self._services.positions)
        return known

    def _forget(self, lane: Lane) -> None:
        self._services.lanes.pop(lane.key, None)
        self._ledger.fold(lane.origin)
        self._services.risks.forget(self.table, lane.origin)

    def _observe_lag(self, batch: Batch) -> None:
        lag = (self._services.wall_clock() - batch.events[-1].time_unix_nano) / 1e9
        self._services.telemetry.set(SOURCE_LAG, self._labels, lag)

"""One pipeline: transforms applied inline, then the fan-out into its sinks' buffers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from penstock.api.component import Transform
from penstock.api.delivery import Outcome
from penstock.api.event import Batch, Event, Resource
from penstock.bus.sink_runner import SinkRunner
from penstock.bus.stage import Books, Stage


class Pipeline:
    """A way from sources to sinks; every event that enters is on each of its sinks' accounts."""

    def __init__(self, name: str, sinks: Sequence[SinkRunner]) -> None:
        self.name = name
        self.sinks = tuple(sinks)
        self.stages: list[Stage] = []

    def add_stage(self, table: str, make: Callable[[], Transform], log: logging.Logger) -> None:
        """Append a transform; ``make`` gives an instance now and whenever it has to be replaced."""
        books = Books(self._filtered, self._merged, self._held, self._created, self._refused)
        self.stages.append(Stage(table, make, books, log))

    @property
    def holds(self) -> bool:
        """Whether some transform holds events."""
        return any(stage.holds for stage in self.stages)

    def accept(self, batch: Batch) -> None:
        """Transform a batch and put what comes out into every sink's buffer."""
        for sink in self.sinks:
            sink.ledger.row(sink.table, batch.resource.origin).read += len(batch.events)
        batches: Sequence[Batch] = (batch,)
        for stage in self.stages:
            batches = [made for one in batches for made in stage.apply(one)]
        self._fan_out(batches)

    def flush(self, now: float, final: bool) -> None:
        """Move on what transforms held long enough, or everything if ``final``."""
        for index, stage in enumerate(self.stages):
            if not stage.stateful:
                continue
            batches = stage.flush(now, final)
            for later in self.stages[index + 1 :]:
                batches = [made for one in batches for made in later.apply(one)]
            self._fan_out(batches)

    def _fan_out(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            for sink in self.sinks:
                sink.put(batch)
        for stage in self.stages:
            stage.release_spent()

    def _count(self, origin: str, outcome: Outcome, reason: str, events: int) -> None:
        for sink in self.sinks:
            sink.ledger.row(sink.table, origin).count(outcome, reason, events)

    def _filtered(self, origin: str, reason: str, events: int) -> None:
        self._count(origin, Outcome.FILTERED, reason, events)

    def _merged(self, origin: str, events: int) -> None:
        self._count(origin, Outcome.MERGED, "", events)

    def _held(self, origin: str, events: int) -> None:
        for sink in self.sinks:
            sink.ledger.row(sink.table, origin).in_flight += events

    def _created(self, origin: str, events: int) -> None:
        for sink in self.sinks:
            sink.ledger.row(sink.table, origin).created += events

    def _refused(self, resource: Resource, events: Sequence[Event], reason: str) -> None:
        for sink in self.sinks:
            sink.bury(resource, events, reason)

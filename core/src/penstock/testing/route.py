"""A whole pipeline in memory: wired, run and drained by the code that a process runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Self

from msgspec import Struct

from penstock.api.component import Component, Sink, Source, Transform
from penstock.api.delivery import Outcome
from penstock.api.event import KINDS
from penstock.api.settings import BatchSettings, BufferSettings, RetrySettings
from penstock.bus.deadline import Deadline
from penstock.bus.services import Services
from penstock.config.plan import PipelinePlan, Plan, SinkPlan, SourcePlan, TransformPlan
from penstock.testing.memory_destination import MemoryDestination
from penstock.testing.memory_sink import MemorySink
from penstock.testing.memory_source import MemoryOrigin, MemorySource
from penstock.testing.waiting import eventually
from penstock.wiring import Wiring

QUICK_RETRY = RetrySettings(initial_backoff_ms=5, max_backoff_ms=50)
"""Backoff for tests: an outage ends within milliseconds."""
NAME = "contract"
_numbers = count(1)


class Account(Struct, frozen=True, kw_only=True):
    """What core's ledger says of a route's sink: what came = what ended + what is in flight."""

    read: int
    created: int
    in_flight: int
    outcomes: Mapping[str, int]
    """Events by what became of them, such as ``delivered`` or ``dead_lettered``."""
    adds_up: bool

    @property
    def delivered(self) -> int:
        """Events that the sink said it delivered."""
        return self.outcomes.get(Outcome.DELIVERED, 0)


class Route:
    """A source, transforms and a sink in a pipeline of their own, for the length of a block.

    Without ``source`` its input is ``origin``, without ``sink`` its output is ``destination``;
    both are in memory, and tests write and break them. Nothing is kept on disk.
    """

    def __init__(
        self,
        *,
        source: Callable[[], Source] | None = None,
        transforms: Sequence[Callable[[], Transform]] = (),
        sink: Callable[[], Sink] | None = None,
        batch: BatchSettings | None = None,
        buffer: BufferSettings | None = None,
        retry: RetrySettings = QUICK_RETRY,
    ) -> None:
        name = f"route {next(_numbers)}"
        self.origin = MemoryOrigin.named(name)
        self.destination = MemoryDestination.named(name)
        self.services = Services()
        read = source or (lambda: MemorySource(MemorySource.Config(origin=name)))
        plan = Plan(
            sources={NAME: _source_plan(read)},
            transforms={f"t{n}": _transform_plan(one, n) for n, one in enumerate(transforms)},
            sinks={NAME: _sink_plan(sink or (lambda: _memory_sink(name)), batch, buffer, retry)},
            pipelines={NAME: _pipeline_plan(len(transforms))},
        )
        self.graph = Wiring(plan, self.services).graph
        self.sink = self.graph.sinks[NAME]
        self._is_over = False

    async def __aenter__(self) -> Self:
        self.graph.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._is_over:
            await self.finish(0.0)

    async def settled(self, events: int, *, patience_s: float = 10.0) -> bool:
        """Wait until so many events were read and all of them came to their end."""

        def is_settled() -> bool:
            account = self.account()
            return account.read >= events and account.in_flight == 0

        return await eventually(is_settled, patience_s)

    async def finish(self, patience_s: float = 10.0) -> Account:
        """Stop as a process does: end the source, flush, deliver what is left; what core counted.

        What is not delivered in time counts as abandoned.
        """
        self._is_over = True
        deadline = Deadline()
        deadline.after(patience_s)
        self.origin.end()
        await self.graph.stop_sources(self.graph.sources.values(), deadline)
        self.graph.flush(self.graph.pipelines)
        await self.graph.finish(self.sink, deadline)
        self.sink.leave()
        return self.account()

    def account(self) -> Account:
        """Return the sink's account as it is now."""
        row = self.services.ledger.total(self.sink.table)
        outcomes: dict[str, int] = {}
        for (outcome, _), events in row.outcomes.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + events
        return Account(
            read=row.read,
            created=row.created,
            in_flight=row.in_flight,
            outcomes=outcomes,
            adds_up=not self.services.ledger.residues(),
        )

    def received(self) -> int:
        """Return how many events core counts as received from the source."""
        return self.services.ledger.received.get(self.graph.sources[NAME].table, 0)

    def committed(self) -> dict[str, object]:
        """Return the position of every lane of the source that core has committed."""
        table = self.graph.sources[NAME].table
        positions = self.services.positions
        return {lane: positions.load((table, lane)) for lane in positions.lanes(table)}

    def metrics(self) -> dict[str, float]:
        """Return the metrics that core keeps of source and sink: values, and counts of writes."""
        telemetry = self.services.telemetry
        labels = {runner.table for runner in self.graph.runners}
        values = {m.name: v for m, given, v in telemetry.values() if labels & {*given}}
        counts = {m.name: sum(h.counts) for m, given, h in telemetry.histograms() if given}
        return {**values, **counts}


def _memory_sink(name: str) -> MemorySink:
    return MemorySink(MemorySink.Config(destination=name, kinds=tuple(KINDS.values())))


def _maker(make: Callable[[], Component]) -> Any:
    """Stand for a component's class: core calls it with the settings, and gets what is made."""
    return lambda _config: make()


def _source_plan(make: Callable[[], Source]) -> SourcePlan:
    one = make()
    buffer = None if one.replayable else BufferSettings(type="memory")
    return SourcePlan(
        table=f"sources.{NAME}",
        component=_maker(make),
        config=one.config,
        tls=one.context.tls,
        buffer=buffer,
    )


def _transform_plan(make: Callable[[], Transform], number: int) -> TransformPlan:
    return TransformPlan(
        table=f"transforms.t{number}", component=_maker(make), config=make().config
    )


def _sink_plan(
    make: Callable[[], Sink],
    batch: BatchSettings | None,
    buffer: BufferSettings | None,
    retry: RetrySettings,
) -> SinkPlan:
    one = make()
    return SinkPlan(
        table=f"sinks.{NAME}",
        component=_maker(make),
        config=one.config,
        tls=one.context.tls,
        batch=batch or BatchSettings(max_events=100, max_wait_ms=0),
        buffer=buffer or BufferSettings(type="memory"),
        retry=retry,
    )


def _pipeline_plan(transforms: int) -> PipelinePlan:
    names = tuple(f"t{number}" for number in range(transforms))
    return PipelinePlan(name=NAME, sources=(NAME,), transforms=names, sinks=(NAME,))

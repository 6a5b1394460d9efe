"""A source's outlet, a pipeline and its sinks, without a process around them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

from penstock.api import (
    Batch,
    BatchSettings,
    BufferSettings,
    Event,
    Outcome,
    Report,
    Resource,
    Sink,
    Transform,
    heap_size,
)
from penstock.api.settings import RetrySettings
from penstock.bus.outlet import SourceOutlet
from penstock.bus.pipeline import Pipeline
from penstock.bus.services import Services
from penstock.bus.sink_runner import SinkRunner
from penstock.delivery.ledger import Ledger
from penstock.delivery.receipts import BatchReceipt
from penstock.guard import cancel
from penstock.testing import log
from tests.delivery.transforms import text

QUICK = RetrySettings(initial_backoff_ms=1, max_backoff_ms=4)
"""Backoff for tests."""

Write = Callable[[Sequence[Batch]], Awaitable[Report | None]]


class ScriptedSink(Sink):
    """Does what a test says in ``write``, and remembers what it let through."""

    name = "scripted"

    def __init__(self, write: Write | None = None, **settings: Any) -> None:
        super().__init__(Sink.Config())
        self.script = write
        self.writes: list[list[str]] = []
        self.delivered: list[str] = []
        self.open_writes = 0
        self.most_open = 0
        self.drains = 0
        self.closed = False
        for name, value in settings.items():
            setattr(self, name, value)

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        assert not self.closed, "written after close"
        assert batches
        assert all(batch.events for batch in batches)
        bodies = [text(event) for batch in batches for event in batch.events]
        self.writes.append(bodies)
        self.open_writes += 1
        self.most_open = max(self.most_open, self.open_writes)
        try:
            report = await self.script(batches) if self.script else None
        finally:
            self.open_writes -= 1
        left_out = {*report.rejected, *report.retry} if isinstance(report, Report) else set()
        self.delivered += [
            text(event) for batch in batches for event in batch.events if event not in left_out
        ]
        return report

    async def drain(self) -> None:
        self.drains += 1

    async def close(self) -> None:
        self.closed = True


class Line:
    """One source's outlet and one pipeline, whose sinks run.

    Leaving it drains, closes the sinks and checks the books.
    """

    def __init__(
        self,
        *sinks: Sink,
        transforms: Sequence[type[Transform]] = (),
        batch: BatchSettings | None = None,
        buffer: BufferSettings | None = None,
        retry: RetrySettings = QUICK,
    ) -> None:
        self.services = Services()
        self.runners = [
            SinkRunner(
                f"sinks.{index}",
                sink,
                self.services,
                batch=batch or BatchSettings(max_wait_ms=0),
                buffer=buffer,
                retry=retry,
            )
            for index, sink in enumerate(sinks)
        ]
        self.pipeline = Pipeline("main", self.runners)
        for transform in transforms:
            self.add(transform)
        self.outlet = self.new_outlet()
        self.sent = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._resources: dict[str, Resource] = {}

    @property
    def runner(self) -> SinkRunner:
        """The only sink's runner."""
        (runner,) = self.runners
        return runner

    @property
    def ledger(self) -> Ledger:
        return self.services.ledger

    def add(self, transform: type[Transform]) -> None:
        """Append a transform to the pipeline."""
        self.pipeline.add_stage(
            f"transforms.{transform.name}",
            lambda: transform(transform.Config()),
            logging.getLogger("penstock.test"),
        )

    def new_outlet(self) -> SourceOutlet:
        """Return an outlet such as a source that a reload made gets."""
        outlet = SourceOutlet("sources.test", "test", self.services)
        outlet.connect([self.pipeline])
        return outlet

    def batch(self, lines: Sequence[str | Event], lane: str) -> Batch:
        """Make a batch of lines; a lane has one resource."""
        resource = self._resources.setdefault(lane, Resource(f"test:{lane}"))
        events = tuple(log(line) if isinstance(line, str) else line for line in lines)
        return Batch(resource, events, heap_size(events))

    async def send(
        self, *lines: str | Event, lane: str = "a", position: object = None
    ) -> BatchReceipt:
        """Send a batch of these lines."""
        self.sent += len(lines)
        return await self.outlet.send(self.batch(lines, lane), lane=lane, position=position)

    def position(self, lane: str = "a") -> object:
        """Return what is committed of a lane."""
        return self.services.positions.load(("sources.test", lane))

    def counts(self, sink: int = 0) -> dict[str, int]:
        """Return how many of a sink's events came to which end."""
        counts: dict[str, int] = {}
        for (outcome, _), events in self.ledger.total(f"sinks.{sink}").outcomes.items():
            counts[outcome.value] = counts.get(outcome.value, 0) + events
        return counts

    def reasons(self, outcome: Outcome, sink: int = 0) -> dict[str, int]:
        """Return how many events came to this end, by reason."""
        total = self.ledger.total(f"sinks.{sink}")
        return {why: events for (what, why), events in total.outcomes.items() if what is outcome}

    def letters(self, sink: int = 0) -> list[str]:
        """Return the text of a sink's dead letters."""
        return [text(one.event) for one in self.runners[sink].settling.dead_letters.letters]

    async def start(self) -> None:
        """Open the sinks and run them."""
        for runner in self.runners:
            await runner.open()
            self._tasks.append(asyncio.create_task(runner.run()))

    async def drain(self, timeout: float = 30.0) -> None:
        """Have everything delivered."""
        self.pipeline.flush(asyncio.get_running_loop().time(), final=True)
        for runner in self.runners:
            runner.drain()
        async with asyncio.timeout(timeout):
            await asyncio.gather(*self._tasks)

    async def stop(self) -> int:
        """Stop at once and return what was abandoned."""
        for task in self._tasks:
            cancel(task)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for runner in self.runners:
            await runner.stop()
        return sum(runner.leave() for runner in self.runners)

    def check(self) -> None:
        """Hold the books to it: nothing is missing and nothing is under way."""
        assert self.ledger.residues() == []
        for sink, origin, row in self.ledger.rows():
            assert row.in_flight == 0, (sink, origin)
        for runner in self.runners:
            assert (runner.buffer.queued_bytes, runner.buffer.open_bytes) == (0, 0)
            assert runner.buffer.is_empty

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            if error is None:
                await self.drain()
        finally:
            await self.stop()
        if error is None:
            self.check()

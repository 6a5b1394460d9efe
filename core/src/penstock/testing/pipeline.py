"""The real pipeline around one plugin, in memory: what core does, without a process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import count
from typing import Self

from penstock.api.component import Sink, Transform
from penstock.api.delivery import Report
from penstock.api.errors import ConfigError, RejectedError, RetryableError
from penstock.api.event import KINDS, Batch, Event
from penstock.api.settings import BatchSettings, BufferSettings, DeadLetterSettings, RetrySettings
from penstock.bus.outlet import SourceOutlet
from penstock.bus.pipeline import Pipeline
from penstock.bus.services import Services
from penstock.bus.sink_runner import SinkRunner
from penstock.delivery.receipts import BatchReceipt
from penstock.guard import cancel
from penstock.testing.memory_destination import MemoryDestination
from penstock.testing.memory_sink import MemorySink
from penstock.testing.route import QUICK_RETRY
from penstock.testing.watch import Watch

_numbers = count(1)


class ObservedSink(Sink):
    """Passes every call on to a sink, in its own context, and remembers how each ended.

    With ``remembers = False`` it only counts the writes, and keeps no batch alive.
    """

    remembers = True

    name = "observed"

    def __init__(self, sink: Sink, watch: Watch, patience_s: float) -> None:
        super().__init__(Sink.Config())
        self.sink = sink
        self.watch = watch
        self.patience_s = patience_s
        self.accepts = sink.accepts
        self.order = sink.order
        self.in_flight = sink.in_flight
        self.write_timeout_s = sink.write_timeout_s
        self.writes = 0
        self.under_way: dict[int, float] = {}
        self.batches: list[Batch] = []
        self.taken: list[Event] = []
        self.rejected: list[Event] = []
        self.retryable: list[RetryableError] = []
        self.undeclared: list[Exception] = []
        self.reports: list[tuple[Sequence[Batch], object]] = []

    async def open(self) -> None:
        try:
            await self.watch.run(self.sink.open(), timeout=self.patience_s)
        except (RetryableError, ConfigError):
            raise
        except Exception as error:
            self.undeclared.append(error)
            raise

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        self.writes += 1
        if not self.remembers:
            return await self.watch.start(self.sink.write(batches))
        self.batches += batches
        number = self.writes
        self.under_way[number] = asyncio.get_running_loop().time()
        try:
            report = await self.watch.start(self.sink.write(batches))
        except RetryableError as error:
            self.retryable.append(error)
            raise
        except RejectedError:
            if sum(len(batch.events) for batch in batches) == 1:
                self.rejected += batches[0].events
            raise
        except Exception as error:
            self.undeclared.append(error)
            raise
        finally:
            del self.under_way[number]
        self._note(batches, report)
        return report if isinstance(report, Report) else None

    def is_stuck(self, seconds: float) -> bool:
        """Say whether a write has been under way for so long."""
        now = asyncio.get_running_loop().time()
        return any(now - since >= seconds for since in self.under_way.values())

    async def drain(self) -> None:
        await self.watch.start(self.sink.drain())

    async def close(self) -> None:
        await self.watch.run(self.sink.close(), timeout=self.patience_s)

    def _note(self, batches: Sequence[Batch], report: Report | None) -> None:
        if report is not None:
            self.reports.append((batches, report))
        rejected = report.rejected if isinstance(report, Report) else {}
        again = set(report.retry) if isinstance(report, Report) else set()
        self.rejected += rejected
        self.taken += [
            event
            for batch in batches
            for event in batch.events
            if event not in rejected and event not in again
        ]


class SinkLine:
    """A sink behind core's own buffer, batches, retries and receipts."""

    def __init__(
        self,
        sink: Sink,
        watch: Watch,
        *,
        patience_s: float = 10.0,
        events_per_write: int = 4,
        retry: RetrySettings = QUICK_RETRY,
        buffer: BufferSettings | None = None,
        dead_letter: DeadLetterSettings | None = None,
    ) -> None:
        services = Services()
        self.sink = ObservedSink(sink, watch, patience_s)
        self.runner = SinkRunner(
            "sinks.contract",
            self.sink,
            services,
            batch=BatchSettings(max_events=events_per_write, max_wait_ms=0),
            buffer=buffer,
            retry=retry,
            dead_letter=dead_letter,
        )
        self.outlet = SourceOutlet("sources.contract", "contract", services)
        self.pipeline = Pipeline("contract", [self.runner])
        self.outlet.connect([self.pipeline])
        self.ledger = services.ledger
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.runner.open()
        self._tasks.append(asyncio.create_task(self.runner.run()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            cancel(task)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.runner.stop()
        self.runner.leave()

    async def send(self, *batches: Batch) -> None:
        """Send batches into the pipeline, each on the lane of its origin."""
        for batch in batches:
            await self.outlet.send(batch, lane=batch.resource.origin)

    async def drain(self, patience_s: float) -> bool:
        """Have everything written, as at a stop; say whether that came to an end in time."""
        self.runner.drain()
        _, waiting = await asyncio.wait(self._tasks, timeout=patience_s)
        return not waiting


class TransformLine:
    """A transform in a real pipeline, between an outlet and a ``MemoryDestination``."""

    def __init__(self, make: Callable[[], Transform]) -> None:
        name = f"line {next(_numbers)}"
        self.destination = MemoryDestination.named(name)
        config = MemorySink.Config(destination=name, kinds=tuple(KINDS.values()))
        self.line = SinkLine(MemorySink(config), Watch(), events_per_write=1000)
        self.line.pipeline.add_stage("transforms.contract", make, logging.getLogger("penstock"))

    async def run(self, batches: Sequence[Batch], patience_s: float) -> list[BatchReceipt]:
        """Send all batches, flush and drain; return the receipts."""
        async with self.line as line:
            receipts = [
                await line.outlet.send(batch, lane=batch.resource.origin) for batch in batches
            ]
            line.pipeline.flush(asyncio.get_running_loop().time(), final=True)
            await line.drain(patience_s)
        return list(receipts)

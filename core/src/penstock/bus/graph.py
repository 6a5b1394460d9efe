"""The running graph: sources, pipelines and sinks, started, drained and exchanged together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from penstock.bus.deadline import Deadline
from penstock.bus.pipeline import Pipeline
from penstock.bus.sink_runner import SinkRunner
from penstock.bus.source_runner import SourceRunner
from penstock.bus.tasks import spawn
from penstock.guard import LAST_WORDS_S

SOURCE_GRACE_S = 1.0
"""How long sources may take to stop, so that a stuck one leaves time to the sinks."""


class Graph:
    """Everything that runs, by table, and the tasks that run it."""

    def __init__(
        self,
        sources: Mapping[str, SourceRunner],
        sinks: Mapping[str, SinkRunner],
        pipelines: Iterable[Pipeline],
        routes: Mapping[str, Iterable[Pipeline]],
    ) -> None:
        self.sources = dict(sources)
        self.sinks = dict(sinks)
        self.pipelines = tuple(pipelines)
        self._routes = {table: tuple(route) for table, route in routes.items()}
        self._tasks: dict[SourceRunner | SinkRunner, asyncio.Task[None]] = {}

    @property
    def runners(self) -> set[SourceRunner | SinkRunner]:
        return {*self.sources.values(), *self.sinks.values()}

    @property
    def is_stateful(self) -> bool:
        """Whether some transform may hold events."""
        return any(stage.stateful for pipeline in self.pipelines for stage in pipeline.stages)

    def start(self, *, later: Iterable[SinkRunner] = ()) -> None:
        """Connect the sources and run what does not run yet, but for the sinks of ``later``."""
        for table, source in self.sources.items():
            source.connect(self._routes[table])
        for runner in self.runners.difference(self._tasks, later):
            self.run(runner)

    def run(self, runner: SourceRunner | SinkRunner) -> None:
        """Run one component."""
        self._tasks[runner] = spawn(runner.run(), runner.table)

    def take_over(self, old: Graph) -> None:
        """Keep the tasks of components that stay, and flush the pipelines that do not.

        Nothing is awaited between this and ``start``: no event sees half a graph.
        """
        self._tasks = {runner: old._tasks.pop(runner) for runner in self.runners & {*old._tasks}}
        self.flush(set(old.pipelines).difference(self.pipelines))

    async def ended(self) -> None:
        """Return when every source has come to the end of its input."""
        tasks = [self._tasks[source] for source in self.sources.values()]
        if tasks:
            await asyncio.wait(tasks)  # Not gather: cancelling that would cancel the sources.

    def flush_by_clock(self) -> None:
        """Have transforms give up what they held long enough."""
        now = asyncio.get_running_loop().time()
        for pipeline in self.pipelines:
            if pipeline.holds:
                pipeline.flush(now, final=False)

    @staticmethod
    def flush(pipelines: Iterable[Pipeline]) -> None:
        """Have transforms give up all that they hold."""
        now = asyncio.get_running_loop().time()
        for pipeline in pipelines:
            pipeline.flush(now, final=True)

    async def stop_sources(self, sources: Iterable[SourceRunner], deadline: Deadline) -> None:
        """Cancel sources and close them, giving up on those that do not let go in time."""
        sources = list(sources)
        tasks = [self._tasks.pop(source) for source in sources if source in self._tasks]
        for task in tasks:
            task.cancel()
        await deadline.bound(tasks, at_most_s=SOURCE_GRACE_S)
        closing = [asyncio.create_task(source.stop()) for source in sources]
        await deadline.bound(closing, at_most_s=SOURCE_GRACE_S, grace_s=LAST_WORDS_S)

    async def finish(self, sink: SinkRunner, deadline: Deadline) -> None:
        """Let a sink deliver until the deadline and close it; it keeps what is left."""
        if sink not in self._tasks and not sink.buffer.is_empty:
            self.run(sink)
        sink.drain()
        if task := self._tasks.pop(sink, None):
            await deadline.bound((task,))
        closing = asyncio.create_task(sink.stop())
        await deadline.bound((closing,), grace_s=2 * LAST_WORDS_S)

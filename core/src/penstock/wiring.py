"""A Plan becomes a graph; what did not change is taken from the graph that runs already."""

from __future__ import annotations

import logging
from collections.abc import Callable

from msgspec.structs import replace

from penstock.api.component import Component, Context, Sink, Source, Transform
from penstock.api.errors import PluginError, RetryableError
from penstock.api.event import Batch
from penstock.bus.graph import Graph
from penstock.bus.pipeline import Pipeline
from penstock.bus.services import Services
from penstock.bus.sink_runner import SinkRunner
from penstock.bus.source_runner import SourceRunner
from penstock.config.plan import PipelinePlan, Plan, SinkPlan, SourcePlan, TransformPlan
from penstock.plugins import explain, failure


class BrokenTransform(Transform):
    """Stands for a transform whose plugin does not load: it refuses whatever comes."""

    name = ""  # It may stand for any.
    stateful = True  # So that a batch is refused whole.

    def __init__(self, reason: str) -> None:
        super().__init__(Transform.Config())
        self._reason = reason

    def apply(self, batch: Batch) -> Batch:
        raise PluginError(self._reason)


class BrokenSource(Source):
    """Stands for a source whose constructor raised: it never runs."""

    name = "broken"

    def __init__(self, reason: str) -> None:
        super().__init__(Source.Config())
        self._reason = reason

    async def open(self) -> None:
        raise RetryableError(self._reason)


class BrokenSink(Sink):
    """Stands for a sink whose plugin does not load."""

    name = "broken"


class Wiring:
    """Builds the graph of a plan."""

    def __init__(self, plan: Plan, services: Services, old: Wiring | None = None) -> None:
        self.plan = plan
        self._services = services
        names = dict.fromkeys(name for p in plan.pipelines.values() for name in p.sinks)
        self._sinks = {name: self._sink(name, old) for name in names}
        self._pipelines = {name: self._pipeline(p, old) for name, p in plan.pipelines.items()}
        sources = {name: self._source(name, source, old) for name, source in plan.sources.items()}
        routes = {
            name: [self._pipelines[p.name] for p in plan.pipelines.values() if name in p.sources]
            for name in sources
        }
        self.graph = Graph(sources, self._sinks, self._pipelines.values(), routes)

    def _source(self, name: str, plan: SourcePlan, old: Wiring | None) -> SourceRunner:
        if old and old.plan.sources.get(name) == plan:
            return old.graph.sources[name]
        try:
            source = plan.component(plan.config)
        except BaseException as error:
            source = BrokenSource(_reason(f"sources.{name}", plan.component, error))
        _place(source, Context(table=f"sources.{name}", tls=plan.tls))
        return SourceRunner(f"sources.{name}", source, self._services, plan.buffer)

    def _sink(self, name: str, old: Wiring | None) -> SinkRunner:
        plan = self.plan.sinks.get(name)
        if plan is None:
            return self._broken_sink(name)
        if old and old.plan.sinks.get(name) == plan:
            return old.graph.sinks[name]
        try:
            sink = plan.component(plan.config)
        except BaseException as error:
            runner = self._runner(name, BrokenSink(Sink.Config()), plan)
            runner.broken = _reason(f"sinks.{name}", plan.component, error)
            return runner
        # Half of the buffer may be under way, so that the other half can still fill.
        open_bytes = plan.buffer.max_memory_bytes // 2
        _place(sink, Context(table=f"sinks.{name}", tls=plan.tls, open_bytes=open_bytes))
        return self._runner(name, sink, plan)

    def _runner(self, name: str, sink: Sink, plan: SinkPlan) -> SinkRunner:
        return SinkRunner(
            f"sinks.{name}",
            sink,
            self._services,
            batch=plan.batch,
            buffer=plan.buffer,
            retry=plan.retry,
            dead_letter=plan.dead_letter,
            configuration=self.plan.fingerprint,
        )

    def _broken_sink(self, name: str) -> SinkRunner:
        runner = SinkRunner(f"sinks.{name}", BrokenSink(Sink.Config()), self._services)
        runner.broken = f"sinks.{name}: {self.plan.broken[f'sinks.{name}']}"
        return runner

    def _pipeline(self, plan: PipelinePlan, old: Wiring | None) -> Pipeline:
        if old and self._is_unchanged(plan, old):
            return old._pipelines[plan.name]
        pipeline = Pipeline(plan.name, [self._sinks[name] for name in plan.sinks])
        for name in plan.transforms:
            table = f"transforms.{name}"
            pipeline.add_stage(table, self._maker(name), logging.getLogger(f"penstock.{table}"))
        return pipeline

    def _is_unchanged(self, plan: PipelinePlan, old: Wiring) -> bool:
        """Say whether its transforms may go on: they do not know which sources they serve."""
        before = old.plan.pipelines.get(plan.name)
        return (
            before is not None
            and (before.transforms, before.sinks) == (plan.transforms, plan.sinks)
            and all(self._sinks[n] is old._sinks[n] for n in plan.sinks)
            and all(
                n in self.plan.transforms and self.plan.transforms[n] == old.plan.transforms.get(n)
                for n in plan.transforms
            )
        )

    def _maker(self, name: str) -> Callable[[], Transform]:
        plan = self.plan.transforms.get(name)
        if plan is None:
            reason = self.plan.broken[f"transforms.{name}"]
            return lambda: BrokenTransform(reason)
        return lambda: _make_transform(name, plan)


def _make_transform(name: str, plan: TransformPlan) -> Transform:
    try:
        transform = plan.component(plan.config)
    except BaseException as error:
        return BrokenTransform(_reason(f"transforms.{name}", plan.component, error))
    _place(transform, Context(table=f"transforms.{name}"))
    return transform


def _reason(table: str, component: type[Component], error: BaseException) -> str:
    """Say that a constructor raised, which did not when the configuration was read."""
    reason = f"{table}: {failure(component, explain(error, component.__module__))}"
    logging.getLogger(f"penstock.{table}").error("it cannot be made: %s", reason, exc_info=error)
    return reason


def _place(component: Component, context: Context) -> None:
    component.context = replace(context, log=logging.getLogger(f"penstock.{context.table}"))

"""Whole processes in memory: plans built in code, run by the real runtime."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from penstock.api import BatchSettings, Component, ConfigError, Sink, Source, Transform
from penstock.api.settings import RetrySettings
from penstock.bus.services import Services
from penstock.config.plan import (
    PenstockSettings,
    PipelinePlan,
    Plan,
    SinkPlan,
    SourcePlan,
    TransformPlan,
)
from penstock.runtime import Runtime
from penstock.telemetry import RELOAD_SUCCESSFUL
from penstock.testing import MemoryDestination, MemoryOrigin, MemorySink, MemorySource
from tests.delivery.transforms import Forgetful, Fragile, Grep, Join, Pairs, Touchy, text

T = TypeVar("T")

AT_ONCE = BatchSettings(max_wait_ms=0)
RETRY = RetrySettings(initial_backoff_ms=100, max_backoff_ms=1000)
CORES = ("batch", "buffer", "retry", "dead_letter", "tls")
TRANSFORMS: dict[str, type[Transform]] = {
    kind.name: kind for kind in (Forgetful, Fragile, Grep, Join, Pairs, Touchy)
}


class Journal:
    """What the components of a lab did, in order."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def note(self, component: Component, what: str) -> None:
        self.entries.append(f"{what} {component.context.table}")

    def count(self, entry: str) -> int:
        return self.entries.count(entry)


def observed(kind: type[T], journal: Journal) -> type[T]:
    """Return a class that notes its life in the journal and otherwise does the same."""

    class Observed(kind):  # type: ignore[misc, valid-type]
        async def open(self) -> None:
            journal.note(self, "open")
            await super().open()

        async def close(self) -> None:
            journal.note(self, "close")
            await super().close()

    return Observed


class Lab:
    """Builds plans, runs them, and holds the books to it at the end.

    A pipeline is written ``"a b > join > x y"``: sources, transforms, sinks; a source or sink that
    was not given otherwise is one in memory.
    """

    def __init__(self, services: Services | None = None) -> None:
        self.services = services or Services()
        self.journal = Journal()
        self.origins: dict[str, MemoryOrigin] = {}
        self.destinations: dict[str, MemoryDestination] = {}
        self.sources: dict[str, type[Source]] = {}
        self.sinks: dict[str, type[Sink]] = {}
        self.transforms: dict[str, type[Transform]] = {}
        self.sink_settings: dict[str, dict[str, Any]] = {}
        self.source_settings: dict[str, dict[str, Any]] = {}
        self.broken: dict[str, str] = {}
        self.drain_timeout_s = 5.0
        self.orphans: Literal["refuse", "dead_letter"] = "refuse"
        self.runtime: Runtime | None = None
        self._next: Plan | Exception = ConfigError("no plan")
        self._classes: dict[type[Any], type[Any]] = {}
        self._main: asyncio.Task[int] | None = None
        self._before = asyncio.all_tasks()

    # --- plans ---------------------------------------------------------------------------

    def plan(self, **pipelines: str) -> Plan:
        """Return the plan of some pipelines."""
        plans = {name: _pipeline(name, text) for name, text in pipelines.items()}
        return Plan(
            settings=PenstockSettings(drain_timeout_s=self.drain_timeout_s, orphans=self.orphans),
            sources={
                name: self._source(name)
                for plan in plans.values()
                for name in plan.sources
                if f"sources.{name}" not in self.broken
            },
            transforms={
                name: self._transform(name)
                for plan in plans.values()
                for name in plan.transforms
                if f"transforms.{name}" not in self.broken
            },
            sinks={
                name: self._sink(name)
                for plan in plans.values()
                for name in plan.sinks
                if f"sinks.{name}" not in self.broken
            },
            pipelines=plans,
            broken=self.broken,
        )

    def _source(self, name: str) -> SourcePlan:
        kind = self.sources.get(name, MemorySource)
        settings = dict(self.source_settings.get(name, {}))
        if kind is MemorySource:
            self.origin(name)
            settings.setdefault("origin", f"{name} {id(self)}")
        return SourcePlan(
            table=f"sources.{name}", component=self._observed(kind), config=kind.Config(**settings)
        )

    def _transform(self, name: str) -> TransformPlan:
        kind = self.transforms.get(name) or TRANSFORMS[name]
        return TransformPlan(table=f"transforms.{name}", component=kind, config=kind.Config())

    def _sink(self, name: str) -> SinkPlan:
        kind = self.sinks.get(name, MemorySink)
        settings = {"batch": AT_ONCE, "retry": RETRY, **self.sink_settings.get(name, {})}
        cores = {key: settings.pop(key) for key in CORES if key in settings}
        if kind is MemorySink:
            self.destination(name)
            settings.setdefault("destination", f"{name} {id(self)}")
        return SinkPlan(
            table=f"sinks.{name}",
            component=self._observed(kind),
            config=kind.Config(**settings),
            **cores,
        )

    def _observed(self, kind: type[T]) -> type[T]:
        if kind not in self._classes:
            self._classes[kind] = observed(kind, self.journal)
        return self._classes[kind]

    def origin(self, name: str) -> MemoryOrigin:
        """Return what the source of this name reads."""
        return self.origins.setdefault(name, MemoryOrigin.named(f"{name} {id(self)}"))

    def destination(self, name: str) -> MemoryDestination:
        """Return where the sink of this name delivers to."""
        return self.destinations.setdefault(name, MemoryDestination.named(f"{name} {id(self)}"))

    def settings(self, sink: str, **settings: Any) -> None:
        """Change a sink's settings, its own and those that core carries out."""
        self.sink_settings.setdefault(sink, {}).update(settings)

    # --- running -------------------------------------------------------------------------

    async def start(self, plan: Plan, *, has_file: bool = True) -> Runtime:
        """Run a plan and return once its components had the chance to open."""
        self.runtime = Runtime(plan, self._reloaded if has_file else None, self.services)
        self._main = asyncio.create_task(self.runtime.main())
        await self.pause()
        return self.runtime

    async def run(self, plan: Plan) -> int:
        """Run a plan to its end and return the exit code."""
        await self.start(plan)
        return await self.ended()

    async def stop(self) -> int:
        """Have it drain, and return the exit code."""
        assert self.runtime
        self.runtime.stop()
        return await self.ended()

    async def ended(self, timeout: float = 20.0) -> int:
        """Return the exit code once it has ended."""
        assert self._main
        main, self._main = self._main, None
        async with asyncio.timeout(timeout):
            return await main

    async def reload(self, plan: Plan | Exception) -> bool:
        """Put another plan in place; say, when that is done, whether it took effect."""
        self.services.telemetry.set(RELOAD_SUCCESSFUL, (), -1)
        self.hang_up(plan)
        await self.until(lambda: self.services.telemetry.value(RELOAD_SUCCESSFUL, ()) >= 0)
        await self.pause()
        return bool(self.services.telemetry.value(RELOAD_SUCCESSFUL, ()))

    def hang_up(self, plan: Plan | Exception) -> None:
        """Have another plan put in place, as SIGHUP does."""
        assert self.runtime
        self._next = plan
        self.runtime.hang_up()

    def has_changed(self, plan: Plan) -> None:
        """Have another plan come of the configuration from now on, without a signal."""
        self._next = plan

    def _reloaded(self) -> Plan:
        if isinstance(self._next, Plan):
            return self._next
        raise self._next

    async def until(self, condition: Callable[[], object], timeout: float = 60.0) -> None:
        """Wait until a condition holds."""
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.01)

    async def pause(self) -> None:
        """Let everything run for a moment."""
        for _ in range(20):
            await asyncio.sleep(0)

    # --- what came of it -----------------------------------------------------------------

    def counts(self, sink: str) -> dict[str, int]:
        """Return how many of a sink's events came to which end."""
        counts: dict[str, int] = {}
        for (outcome, _), events in self.services.ledger.total(f"sinks.{sink}").outcomes.items():
            counts[outcome.value] = counts.get(outcome.value, 0) + events
        return counts

    def lines(self, sink: str) -> list[str]:
        """Return what arrived at a sink's destination."""
        return self.destination(sink).lines()

    def position(self, source: str, lane: str = "web") -> object:
        """Return what is committed of a lane."""
        return self.services.positions.load((f"sources.{source}", lane))

    def letters(self, sink: str) -> list[str]:
        """Return the text of a sink's dead letters."""
        assert self.runtime
        letters = self.runtime.graph.sinks[sink].settling.dead_letters.letters
        return [text(letter.event) for letter in letters]

    async def close(self) -> None:
        """End what still runs, and hold the books to it."""
        if self._main and self.runtime:
            self.runtime.stop()
            self.runtime.stop()
            await self.ended()
        await self.pause()
        self.check()

    def check(self) -> None:
        """Nothing is missing, nothing is under way, and no task is left."""
        assert self.services.ledger.residues() == []
        for sink, origin, row in self.services.ledger.rows():
            assert row.in_flight == 0, (sink, origin)
        left = asyncio.all_tasks() - self._before - {asyncio.current_task()}
        assert not left, left


def _pipeline(name: str, text: str) -> PipelinePlan:
    parts = [tuple(part.split()) for part in text.split(">")]
    sources, *transforms, sinks = parts
    return PipelinePlan(
        name=name,
        sources=sources,
        transforms=tuple(one for part in transforms for one in part),
        sinks=sinks,
    )

"""Which kinds of event reach which sink, and what would be left out on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from penstock.api.component import Component, Sink, Source, Transform
from penstock.api.errors import PluginError
from penstock.api.event import KINDS, Event, Gap
from penstock.config.plan import PipelinePlan
from penstock.config.problems import Problems
from penstock.config.scrub import Scrubber
from penstock.config.words import Path
from penstock.plugins import explain, failure

Kinds = frozenset[type[Event]]
Made = Mapping[tuple[str, str], Component]
"""The components that work, by group and name, as their constructors made them."""

GAPS: Kinds = frozenset({Gap})


class Way(Struct, frozen=True):
    """What a pipeline brings to its sinks: at least ``kinds``, and no others if ``certain``."""

    kinds: Kinds
    certain: bool


class KindCheck:
    """Compares what pipelines bring with what their sinks carry.

    A component that is broken, wrong or not wholly known raises no alarm: of what is not certain
    only that is said which holds in any case. ``failed`` are transforms that could not answer.
    """

    def __init__(self, made: Made, problems: Problems, scrubber: Scrubber) -> None:
        self._made = made
        self._problems = problems
        self._scrubber = scrubber
        self.failed: set[str] = set()

    def check(self, pipeline: PipelinePlan) -> None:
        """Say what of a pipeline's events its sinks would leave out."""
        path: Path = ("pipelines", pipeline.name)
        way = self._way(pipeline)
        if way is None:
            return
        meant = way.kinds - GAPS or (way.kinds if way.certain else frozenset())
        if not meant and way.certain:
            self._problems.warn(path, _nothing(pipeline))
        sinks = self._accepted(pipeline)
        if not (meant and sinks):
            return
        certain = way.certain and len(sinks) == len(pipeline.sinks)
        if certain and not any(meant & accepts for accepts in sinks.values()):
            self._problems.error(path, self._none_carries(pipeline, meant, sinks))
            return
        self._warn(pipeline, Way(meant, way.certain), sinks)

    # --- what comes ----------------------------------------------------------------------

    def _way(self, pipeline: PipelinePlan) -> Way | None:
        """Follow the kinds through the transforms; None where one of those is not known."""
        kinds, certain = GAPS, True
        for name in pipeline.sources:
            source = self._made.get(("sources", name))
            certain = certain and isinstance(source, Source)
            kinds |= source.kinds if isinstance(source, Source) else frozenset()
        for name in pipeline.transforms:
            passed = self._passed(name, kinds)
            if passed is None:
                return None
            kinds = passed
        return Way(kinds, certain)

    def _passed(self, name: str, kinds: Kinds) -> Kinds | None:
        transform = self._made.get(("transforms", name))
        if not isinstance(transform, Transform) or name in self.failed:
            return None
        try:
            return _checked(transform.passes(kinds))
        except Exception as error:
            reason = self._scrubber(explain(error, type(transform).__module__))
            self._problems.isolate(("transforms", name), failure(type(transform), reason))
            self.failed.add(name)
            return None

    def _accepted(self, pipeline: PipelinePlan) -> dict[str, Kinds]:
        found = {name: self._made.get(("sinks", name)) for name in pipeline.sinks}
        return {name: sink.accepts for name, sink in found.items() if isinstance(sink, Sink)}

    # --- what is said --------------------------------------------------------------------

    def _none_carries(
        self, pipeline: PipelinePlan, meant: Kinds, sinks: Mapping[str, Kinds]
    ) -> str:
        taken = "; ".join(f"sinks.{name} takes {words(own)}" for name, own in sinks.items())
        steps = [
            *self._widened(sinks),
            *(f"choose other kinds of {table}" for table in self._with_kinds(pipeline)),
            "name a sink that takes what comes",
        ]
        return (
            f"nothing would be delivered: what comes is {words(meant)}, and {taken}. "
            f"{_listed(steps)}"
        )

    def _warn(self, pipeline: PipelinePlan, way: Way, sinks: Mapping[str, Kinds]) -> None:
        for name, accepts in sinks.items():
            left_out = way.kinds - accepts
            if not left_out:
                continue
            all_of_it = way.certain and left_out == way.kinds
            self._problems.warn(
                ("pipelines", pipeline.name, "sinks"),
                f"sinks.{name} leaves out {words(left_out)}"
                f"{', all that comes' if all_of_it else ''} (counted as filtered). "
                f"{_listed(self._steps(pipeline, name))}",
            )

    def _steps(self, pipeline: PipelinePlan, sink: str) -> Iterator[str]:
        yield from self._widened((sink,))
        if len(pipeline.sinks) > 1:
            yield f"give sinks.{sink} a pipeline of its own with a filter by kind"
            return
        for table in self._with_kinds(pipeline):
            yield f"leave them out of kinds of {table}"
        yield "put a filter by kind before it"

    def _widened(self, sinks: Iterable[str]) -> Iterator[str]:
        for name in sinks:
            sink = self._made.get(("sinks", name))
            if isinstance(sink, Sink) and sink.accepts_more:
                yield f"for sinks.{name} {sink.accepts_more}"

    def _with_kinds(self, pipeline: PipelinePlan) -> Iterator[str]:
        """Name the sources that have a setting for it."""
        for name in pipeline.sources:
            source = self._made.get(("sources", name))
            if source is not None and hasattr(source.config, "kinds"):
                yield f"sources.{name}"


def words(kinds: Kinds) -> str:
    """List kinds as configuration writes them, in their usual order."""
    return ", ".join(word for kind, word in KINDS.items() if kind in kinds) or "nothing"


def _listed(steps: Iterable[str]) -> str:
    text = ", or ".join(steps)
    return text[0].upper() + text[1:]


def _checked(value: object) -> Kinds:
    if not isinstance(value, frozenset | set) or not value <= KINDS.keys():
        raise PluginError(f"its passes() returned {value!r:.80}, no set of event classes")
    return frozenset(value)


def _nothing(pipeline: PipelinePlan) -> str:
    names = ", ".join(f"transforms.{name}" for name in pipeline.transforms)
    return f"nothing of what its sources send comes through {names}"

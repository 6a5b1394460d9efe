"""A transform as one function: an event in, an event out, or none, or several."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, TypeVar, overload

from msgspec.structs import replace

from penstock.api.authoring.functions import kinds_of, make_class, parameters, place, returned_kinds
from penstock.api.component import Component, Transform
from penstock.api.errors import PluginError
from penstock.api.event import KINDS, Batch, Event, Resource, event_id, heap_size

E = TypeVar("E", bound=Event)
C = TypeVar("C", bound=Component.Config)

Made: TypeAlias = Event | Iterable[Event] | None
Plain: TypeAlias = Callable[[E], Made] | Callable[[E, Resource], Made]
Configured: TypeAlias = Callable[[E, C], Made] | Callable[[E, C, Resource], Made]

_APART = 1 << 32
"""Ordinals of further events begin here, beyond those that sources count."""


class FunctionTransform(Transform):
    """What ``@transform`` makes of a function."""

    function: ClassVar[Callable[..., Made]]
    """The function itself."""
    takes: ClassVar[frozenset[type[Event]]]
    """The kinds of event that it is given."""
    gives: ClassVar[frozenset[type[Event]]]
    """The kinds that it makes of them."""
    wants_config: ClassVar[bool]
    wants_resource: ClassVar[bool]

    def __init__(self, config: Component.Config) -> None:
        super().__init__(config)
        self._settings = (config,) if self.wants_config else ()

    def apply(self, batch: Batch) -> Batch:
        """Give the function each event that it takes."""
        function, takes, extra = self.function, self.takes, self._extra(batch.resource)
        made: list[Event] = []
        is_same, left_out, created = True, 0, 0
        for event in batch.events:
            result = function(event, *extra) if type(event) in takes else event
            if type(result) in KINDS:
                made.append(result)  # type: ignore[arg-type]
                is_same = is_same and result is event
                continue
            several = self._several(result)
            made += several
            is_same = False
            left_out += not several
            created += max(len(several) - 1, 0)
        if is_same:
            return batch
        return self._accounted(batch, made, left_out, created)

    def passes(self, kinds: frozenset[type[Event]]) -> frozenset[type[Event]]:
        """Return what the function makes of what it takes, and what it does not take."""
        return (kinds - self.takes) | self.gives if kinds & self.takes else kinds

    def _extra(self, resource: Resource) -> tuple[object, ...]:
        return (*self._settings, resource) if self.wants_resource else self._settings

    def _accounted(self, batch: Batch, made: Sequence[Event], left_out: int, created: int) -> Batch:
        if created:
            # Which of them are the created ones does not matter: they are only counted.
            kept = self.keep(batch, made[: len(batch.events) - left_out], self.name)
            return self.emit(kept, made, created=created)
        if left_out:
            return self.keep(batch, made, self.name)
        return replace(batch, events=made, size=heap_size(made))

    def _several(self, result: object) -> Sequence[Event]:
        if result is None:
            return ()
        if not isinstance(result, Iterable) or isinstance(result, str | bytes | Mapping):
            raise self._wrong(f"returned {type(result).__name__}")
        events = list(result)
        for event in events:
            if type(event) not in KINDS:
                raise self._wrong(f"returned {type(event).__name__} among several")
        if len(set(events)) != len(events):
            raise self._wrong("returned one event twice: make another with msgspec's replace")
        return self._told_apart(events) if len(events) > 1 else events

    def _told_apart(self, events: Sequence[Event]) -> Sequence[Event]:
        """Give events whose ids are equal ordinals of their own, the same at every replay."""
        seen: set[str] = set()
        apart: list[Event] = []
        for number, event in enumerate(events):
            if (ident := event_id("", event)) in seen:
                mark = zlib.crc32(f"{self.name} {number} {ident}".encode("utf-8", "replace"))
                event = replace(event, ordinal=_APART + mark)
            seen.add(ident)
            apart.append(event)
        return apart

    def _wrong(self, what: str) -> PluginError:
        return PluginError(
            f"{place(self.function)} {what}: it returns an event, None, or several events"
        )


@overload
def transform(function: Plain[E], /) -> type[FunctionTransform]: ...
@overload
def transform(
    *, name: str = ..., requires_api: str = ...
) -> Callable[[Plain[E]], type[FunctionTransform]]: ...
@overload
def transform(
    *, config: type[C], name: str = ..., requires_api: str = ...
) -> Callable[[Configured[E, C]], type[FunctionTransform]]: ...
def transform(
    function: Callable[..., Made] | None = None,
    /,
    *,
    config: type[Component.Config] | None = None,
    name: str = "",
    requires_api: str = "",
) -> Any:
    """Make a transform of a function ``(event[, config][, resource])``.

    It is given the events that its first parameter is annotated with (``Log``, ``Log | Gap``,
    ``Event``); others pass. The same event back leaves it as it is; None leaves it out, under
    the transform's name as rule; of several, the others count as created. It has to be pure: the
    same for the same event, no I/O, and no event or map changed in place.

    ``config`` are its settings, a subclass of ``Transform.Config``; ``name`` its type, by default
    the function's name.
    """

    def decorate(function: Callable[..., Made]) -> type[FunctionTransform]:
        return _transform_of(function, config, name, requires_api)

    return decorate if function is None else decorate(function)


def _transform_of(
    function: Callable[..., Made],
    config: type[Component.Config] | None,
    name: str,
    requires_api: str,
) -> type[FunctionTransform]:
    if not inspect.isfunction(function):
        raise PluginError(f"@transform goes above a function, not {place(function)}")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(
            f"{place(function)} is async: a transform waits for nothing; write a plain `def`"
        )
    form = (
        "(event, config) or (event, config, resource)"
        if config
        else ("(event) or (event, resource); settings come with @transform(config=…)")
    )
    least = 2 if config else 1
    names = parameters(function, least, form)
    attributes = {
        "takes": kinds_of(function, names[0]),
        "gives": returned_kinds(function) or frozenset(KINDS),
        "requires_api": requires_api,
        "wants_config": config is not None,
        "wants_resource": len(names) > least,
    }
    return make_class(FunctionTransform, function, name, config, attributes)

"""Rules: which events a filter keeps or drops, by patterns for their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

from penstock.api.event import Event, Resource
from penstock.api.fields import Field, field
from penstock.api.pattern import Pattern, Patterns, image_matches
from penstock.api.setting import Setting

__all__ = ["EventTest", "Pattern", "Patterns", "Rules", "image_matches"]

EventTest = Callable[[Resource, Event | None], bool]
"""The part of a rule that looks at events."""

_Candidates = tuple[tuple[int, EventTest | None], ...]


class Rules(Setting):
    """One table of fields and patterns, or a list of them: any rule matches with all its keys.

    Keys that only look at the resource are evaluated once for each. A field that is absent matches
    nothing, not even a negated pattern.
    """

    __slots__ = ("_known", "_rules", "per_resource", "tables")
    json_schema: ClassVar[dict[str, Any]] = {
        "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]
    }

    def __init__(self, value: object = ()) -> None:
        self.tables = tuple(_tables(value) if isinstance(value, list | tuple) else [_table(value)])
        """The rules: patterns by field."""
        self._rules = tuple(map(_Rule, self.tables))
        self._known: WeakKeyDictionary[Resource, _Candidates] = WeakKeyDictionary()
        self.per_resource = all(rule.event_test is None for rule in self._rules)
        """Whether the event may be None."""

    @classmethod
    def from_setting(cls, value: object) -> Self:
        return cls(value)

    def candidates(self, resource: Resource) -> _Candidates:
        """Return what is left to test of events: each rule that the resource matches, by index.

        None instead of a test: that rule matches every event.
        """
        known = self._known.get(resource)
        if known is None:
            known = self._known[resource] = tuple(self._matching(resource))
        return known

    def first(self, resource: Resource, event: Event | None) -> int | None:
        """Return the index of the first rule that matches."""
        for index, test in self.candidates(resource):
            if test is None or test(resource, event):
                return index
        return None

    def matches(self, resource: Resource, event: Event | None) -> bool:
        """Tell whether any rule matches."""
        return self.first(resource, event) is not None

    def _matching(self, resource: Resource) -> Iterator[tuple[int, EventTest | None]]:
        for index, rule in enumerate(self._rules):
            if rule.resource_test(resource, None):
                yield index, rule.event_test

    def __bool__(self) -> bool:
        return bool(self._rules)

    def __repr__(self) -> str:
        return f"Rules({[dict(table) for table in self.tables]!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rules) and other.tables == self.tables

    def __hash__(self) -> int:
        return hash(tuple(frozenset(table.items()) for table in self.tables))


class _Rule:
    """One table: a test of the resource, and one of the event if any key needs it."""

    __slots__ = ("event_test", "resource_test")

    def __init__(self, table: Mapping[str, Patterns]) -> None:
        keys = [(field(name), patterns) for name, patterns in table.items()]
        of_events = [key for key in keys if not key[0].per_resource]
        self.resource_test = _all_of([key for key in keys if key[0].per_resource])
        self.event_test = _all_of(of_events) if of_events else None


def _all_of(keys: list[tuple[Field, Patterns]]) -> EventTest:
    pairs = tuple((one.get, patterns.matches) for one, patterns in keys)

    def test(resource: Resource, event: Event | None) -> bool:
        for get, matches in pairs:
            value = get(resource, event)
            if value is None or not matches(value):
                return False
        return True

    return test


def _tables(values: Sequence[object]) -> list[dict[str, Patterns]]:
    tables: list[dict[str, Patterns]] = []
    problems: list[str] = []
    for index, value in enumerate(values):
        try:
            tables.append(_table(value))
        except ValueError as error:
            problems.append(f"rule {index}: {error}")
    if problems:
        raise ValueError("; ".join(problems))
    return tables


def _table(value: object) -> dict[str, Patterns]:
    """Return field names and patterns, or raise one ``ValueError`` for all that is wrong."""
    table: dict[str, Patterns] = {}
    problems: list[str] = []
    for name, given in _flatten(value):
        try:
            field(name)
            if name in table:
                raise ValueError("written twice, with and without quotes")
            table[name] = _patterns(given)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if not table and not problems:
        problems.append('a rule needs at least one field, such as { stream = "stderr" }')
    if problems:
        raise ValueError("; ".join(problems))
    return table


def _patterns(value: object) -> Patterns:
    patterns = Patterns.from_setting(value)
    if not patterns:
        raise ValueError("an empty list of patterns matches nothing")
    return patterns


def _flatten(table: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield field names and values: unquoted dotted keys arrive as tables within tables."""
    if not isinstance(table, Mapping):
        raise ValueError(f"expected a table of fields and patterns, got {table!r}")
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value

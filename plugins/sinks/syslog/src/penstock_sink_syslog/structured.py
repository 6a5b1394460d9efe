"""STRUCTURED-DATA: elements whose parameters are templates, and the event's stable id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Self

from penstock.api import Event, Resource, Setting, Template, event_id
from penstock_sink_syslog.header import is_param_name, is_sd_id, param_value
from penstock_sink_syslog.layout import by_attributes
from penstock_sink_syslog.loggregator import ELEMENTS

EVENT_ID_ELEMENT = "penstock@32473"
"""The SD-ID that carries the event's id; parameters of one's own may join it there."""
EVENT_ID = "event_id"

VALUE_CHARACTERS = 1024
"""Longest PARAM-VALUE; the RFC has no bound of its own, and a label may have a megabyte."""

Getter = Callable[[Resource, Event | None], str | None]
Element = tuple[str, tuple[tuple[str, Getter], ...]]


class StructuredData(Setting):
    """``{ "id@number" = { name = "template" } }``; ids and names are checked here."""

    json_schema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "additionalProperties": {"type": "object", "additionalProperties": {"type": "string"}},
    }

    __slots__ = ("elements",)

    def __init__(self, elements: Mapping[str, Mapping[str, Template]]) -> None:
        self.elements = MappingProxyType({name: dict(elements[name]) for name in elements})

    @classmethod
    def from_setting(cls, value: object) -> Self:
        if not isinstance(value, Mapping):
            raise ValueError('expected a table of tables: { "id@number" = { name = "template" } }')
        return cls({name: _params(name, params) for name, params in value.items()})

    def __bool__(self) -> bool:
        return bool(self.elements)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StructuredData) and other.elements == self.elements

    def __hash__(self) -> int:
        return hash(tuple(self.elements))

    def __repr__(self) -> str:
        return f"StructuredData({dict(self.elements)!r})"


def _params(name: str, params: object) -> dict[str, Template]:
    if not is_sd_id(name):
        raise ValueError(
            f"{name!r} is no SD-ID: expected name@number with your private enterprise number, at "
            'most 32 printable characters without spaces, = ] and ", such as "penstock@32473"'
        )
    if not isinstance(params, Mapping):
        raise ValueError(f"{name!r}: expected a table of parameters")
    for param in params:
        if not is_param_name(param):
            raise ValueError(
                f"{name!r}: {param!r} is no PARAM-NAME: at most 32 printable ASCII characters "
                'without spaces, = ] and "'
            )
    return {param: Template.from_setting(text) for param, text in params.items()}


class Structure:
    """Renders the elements of a configuration, in all at most ``limit`` bytes.

    What does not fit is left out, and ``on_omit`` is told.
    """

    def __init__(
        self,
        data: StructuredData,
        *,
        with_event_id: bool,
        limit: int,
        on_omit: Callable[[], None],
    ) -> None:
        elements = {
            name: {param: template.render for param, template in params.items()}
            for name, params in data.elements.items()
        }
        if with_event_id:
            elements.setdefault(EVENT_ID_ELEMENT, {})[EVENT_ID] = _event_id
        self._elements = [(name, tuple(params.items())) for name, params in elements.items()]
        self._beside = [one for one in self._elements if one[0] not in ELEMENTS]
        self.has_beside = bool(self._beside)
        """Whether anything may stand behind Loggregator's elements."""
        self._limit = limit
        self._on_omit = on_omit
        templates = [t for params in data.elements.values() for t in params.values()]
        self.per_resource = not with_event_id and all(one.per_resource for one in templates)
        self.by_attributes = not with_event_id and by_attributes(templates)

    def render(self, resource: Resource, event: Event | None) -> str:
        """Return the field, ``-`` if nothing has a value."""
        return self._fitted(self._elements, resource, event) or "-"

    def beside(self, resource: Resource, event: Event, part: str) -> str:
        """Return what stands behind Loggregator's elements, which no other may repeat.

        ``part`` tells apart the messages of one event: what has one id is taken for a repeat.
        """
        return self._fitted(self._beside, resource, event, part)

    def _fitted(
        self,
        elements: Sequence[Element],
        resource: Resource,
        event: Event | None,
        part: str = "",
    ) -> str:
        made = [_rendered(one, resource, event, part) for one in elements]
        text = "".join(made)
        return self._bounded(made) if len(text) * 4 > self._limit else text

    def _bounded(self, elements: Sequence[str]) -> str:
        kept: list[str] = []
        room = self._limit
        for text in elements:
            size = len(text.encode())
            if size <= room:
                kept.append(text)
                room -= size
            else:
                self._on_omit()
        return "".join(kept)


def _rendered(one: Element, resource: Resource, event: Event | None, part: str) -> str:
    """Return an element with the parameters that have a value, empty if none has."""
    name, getters = one
    texts = ""
    for param, get in getters:
        value = get(resource, event)
        if value is not None:
            if part and get is _event_id:
                value += f"/{part}"
            texts += f' {param}="{param_value(value, VALUE_CHARACTERS)}"'
    return f"[{name}{texts}]" if texts else ""


def _event_id(resource: Resource, event: Event | None) -> str | None:
    return None if event is None else event_id(resource.origin, event)

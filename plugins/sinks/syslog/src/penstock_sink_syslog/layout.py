"""What both formats share: their templates, and what of a message depends on its resource only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

from msgspec import Struct

from penstock.api import EMPTY, Batch, Event, Gap, Log, Resource, Template
from penstock_sink_syslog.memory import Memory
from penstock_sink_syslog.severity import ERROR, INFO, WARNING, Facility, head, heads
from penstock_sink_syslog.wording import gap_text

Clean = Callable[[str], str]
"""Escapes what a message must not have; None where nothing has to be."""
Tail = str | Callable[[Resource, Event | None], str]
"""What stands between the time and the message: the same for all of a resource's events, or not.

The function is given the resource: one that kept it would keep it for ever in a weak memo.
"""
Field = Callable[[str | None], str]
"""Bounds and escapes a header field."""


class Templates(Struct, frozen=True):
    """The header fields and the message, as the operator wants them."""

    hostname: Template
    app_name: Template
    proc_id: Template
    msg_id: Template
    message: Template


class Layout(ABC):
    """Makes the text of messages, without framing.

    A subclass's ``texts`` is the hot path: one f-string an event, and nothing that depends only
    on the resource.
    """

    def __init__(self, templates: Templates, facility: Facility, form: str) -> None:
        self._templates = templates
        self._tails: WeakKeyDictionary[Resource, Tail] = WeakKeyDictionary()
        self._heads = heads(facility, form)
        self._info = head(facility, form, INFO)
        self._error = head(facility, form, ERROR)
        self._warning = head(facility, form, WARNING)
        # The default is the event's own text, which needs no template.
        self._message = None if templates.message.text == "{message}" else templates.message.render

    @abstractmethod
    def texts(self, batch: Batch, clean: Clean | None = None) -> list[str]:
        """Return the messages that a batch becomes, in order."""

    def counted(self, batch: Batch, limit: int) -> list[str] | None:
        """Return octet-counted messages; None where it takes more than putting parts together.

        A message over ``limit`` bytes, one with a template of its own, and whatever is no log line
        are left to ``texts``. What must be escaped is not looked for.
        """
        return None

    @abstractmethod
    def _make_tail(self, resource: Resource) -> Tail:
        """Return what stands between the time and the message."""

    def _tail(self, resource: Resource) -> Tail:
        tail = self._tails.get(resource)
        if tail is None:
            tail = self._tails[resource] = self._make_tail(resource)
        return tail

    def _field(self, name: str, resource: Resource, bounded: Field) -> Tail:
        template: Template = getattr(self._templates, name)
        render = template.render
        if template.per_resource:
            return bounded(render(resource, None))
        return lambda resource, event: bounded(render(resource, event))

    def _body(self, resource: Resource, event: Log) -> str:
        if self._message is None:
            return event.body
        return self._message(resource, event) or ""

    def _wording(self, event: Event) -> str:
        """Return the message of an event that is no log line."""
        return gap_text(event) if isinstance(event, Gap) else ""


def joined(parts: Iterable[Tail]) -> Tail:
    """Join parts into text, or into a function where one of them needs the event."""
    merged: list[Tail] = [""]
    for part in parts:
        last = merged[-1]
        if isinstance(part, str) and isinstance(last, str):
            merged[-1] = last + part
        else:
            merged.append(part)
    if len(merged) == 1:
        return merged[0]
    return lambda resource, event: "".join(
        [part if isinstance(part, str) else part(resource, event) for part in merged]
    )


def by_attributes(templates: Iterable[Template]) -> bool:
    """Say whether, of an event, they need nothing but its attributes."""
    return all(name.startswith("attributes.") for one in templates for name in one.event_fields)


def remembered(tail: Tail, memory: Memory[str]) -> Tail:
    """Make a text that needs nothing but attributes once for each map of them."""
    if isinstance(tail, str):
        return tail

    def get(resource: Resource, event: Event | None) -> str:
        attributes = EMPTY if event is None else event.attributes
        text = memory.find(resource, attributes)
        return memory.keep(resource, attributes, tail(resource, event)) if text is None else text

    return get


def between(tail: Tail, resource: Resource, event: Event) -> str:
    """Return what stands between the time and the message of one event."""
    return tail if isinstance(tail, str) else tail(resource, event)

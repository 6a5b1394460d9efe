"""The data that crosses the bus: resources, events, and batches of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from penstock.api.delivery import Receipt

Value = str | int | float | bool
"""What an attribute may hold: OpenTelemetry's scalar values."""

EMPTY: Mapping[Any, Any] = MappingProxyType({})
"""The shared empty mapping: the default of every attribute map."""

EVENT_OVERHEAD_BYTES = 165
"""Heap bytes that one event costs beyond its payload (measured on CPython 3.11)."""
ATTRIBUTE_BYTES = 110
"""Those of an attribute beyond its text, and of the dict that it is in."""
READING_BYTES = 200
"""Those of one named value of a gauge."""


class Resource(Struct, frozen=True, eq=False, weakref=True):
    """Where events come from: one object per container, shared by all of its batches.

    ``origin`` names the container (or unit, or application) and outlives tagging: it is the key
    of positions, of the ledger and of event ids. ``attributes`` are flat, under OpenTelemetry
    names; ``tags`` are what the operator added. Identity is equality, so that what is derived
    from a resource can be remembered per object: change one by making another
    (``msgspec.structs.replace``).
    """

    origin: str
    attributes: Mapping[str, Value] = EMPTY
    tags: Mapping[str, str] = EMPTY


class Log(Struct, frozen=True, eq=False, gc=False):
    """One line (or joined lines) of text. Identity is equality, so twin lines differ.

    ``severity_number`` is OpenTelemetry's: 0 unknown, 1 trace, 5 debug, 9 info, 13 warn, 17 error,
    21 fatal. ``ordinal`` tells apart events of one stream with one time. ``merged`` counts the
    further lines that were joined to the first. ``attributes`` are shared: copy to change.
    """

    time_unix_nano: int
    body: str
    stream: str = ""
    severity_number: int = 0
    ordinal: int = 0
    merged: int = 0
    attributes: Mapping[str, Value] = EMPTY


class Counter(Struct, frozen=True, eq=False, gc=False):
    """A count: what was added since the last one (``delta``), and the ``total`` if known."""

    time_unix_nano: int
    name: str
    delta: int = 0
    total: int | None = None
    ordinal: int = 0
    attributes: Mapping[str, Value] = EMPTY


class GaugeValue(Struct, frozen=True):
    """One named reading of a gauge, with its unit (``""`` if it has none)."""

    value: float
    unit: str = ""


class Gauge(Struct, frozen=True, eq=False, gc=False):
    """Several named readings taken at one time."""

    time_unix_nano: int
    values: Mapping[str, GaugeValue]
    ordinal: int = 0
    attributes: Mapping[str, Value] = EMPTY


class Timer(Struct, frozen=True, eq=False, gc=False):
    """A span of time, ``start`` to ``stop``, both in Unix nanoseconds."""

    time_unix_nano: int
    name: str
    start: int
    stop: int
    ordinal: int = 0
    attributes: Mapping[str, Value] = EMPTY


class TitledEvent(Struct, frozen=True, eq=False, gc=False):
    """Loggregator's event: a title and a body."""

    time_unix_nano: int
    title: str
    body: str
    ordinal: int = 0
    attributes: Mapping[str, Value] = EMPTY


class Gap(Struct, frozen=True, eq=False, gc=False):
    """Events that existed and cannot be had any more, said aloud.

    ``from_unix_nano`` is the time of the last event before the gap, ``to_unix_nano`` of the first
    one after it (both 0 if unknown); ``count`` is how many were lost, None if that cannot be known.
    """

    time_unix_nano: int
    reason: str
    from_unix_nano: int = 0
    to_unix_nano: int = 0
    count: int | None = None
    stream: str = ""
    ordinal: int = 0
    attributes: Mapping[str, Value] = EMPTY


Event = Log | Counter | Gauge | Timer | TitledEvent | Gap
"""Everything that a batch may carry."""

KINDS: Mapping[type, str] = MappingProxyType(
    {
        Log: "log",
        Counter: "counter",
        Gauge: "gauge",
        Timer: "timer",
        TitledEvent: "event",
        Gap: "gap",
    }
)
"""The ``kind`` of each event class, as configuration and JSON write it."""


class Batch(Struct, frozen=True, eq=False):
    """What crosses the bus: events of one resource, in order; core makes a tuple of a list of them.

    ``size`` estimates heap bytes and is set once, by the source (see ``heap_size``). ``trail`` is
    core's: the receipts that wait for this batch. A batch made from others carries the trails of
    all of them: a superset only delays, a subset loses.
    """

    resource: Resource
    events: Sequence[Event]
    size: int
    trail: tuple[Receipt, ...] = ()


def heap_size(events: Sequence[Event]) -> int:
    """Estimate the heap bytes of events: text, attributes, readings, and a constant for each.

    Attributes that events share with the one before are counted once.
    """
    size = EVENT_OVERHEAD_BYTES * len(events)
    shared = EMPTY
    for event in events:
        size += len(event.body) if type(event) is Log else _text_size(event)
        if event.attributes is not shared:
            shared = event.attributes
            size += sum([ATTRIBUTE_BYTES + len(f"{key}{one}") for key, one in shared.items()])
    return size


def _text_size(event: Event) -> int:
    """Estimate what an event that is no log has of its own."""
    if isinstance(event, Gauge):
        return sum([READING_BYTES + len(n) + len(one.unit) for n, one in event.values.items()])
    if isinstance(event, Counter | Timer):
        return len(event.name)
    text = event.reason if isinstance(event, Gap) else event.body
    return len(text) + (len(event.title) if isinstance(event, TitledEvent) else 0)


def event_id(origin: str, event: Event) -> str:
    """Return the stable id: origin, stream, time and ordinal; a joined event adds ``+merged``.

    The same line read again has the same id. A replay that joins lines differently has another.
    """
    stream = getattr(event, "stream", "")
    merged = event.merged if type(event) is Log and event.merged else 0
    suffix = f"+{merged}" if merged else ""
    return f"{origin}:{stream}:{event.time_unix_nano}:{event.ordinal}{suffix}"

"""The names of the one vocabulary, and how each is read from a resource and an event."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType

from msgspec import Struct

from penstock.api.event import KINDS, Event, Log, Resource, Value, event_id

SEVERITIES: Mapping[str, int] = MappingProxyType(
    {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
)
"""The first OpenTelemetry number of each severity."""

EVENT_FIELDS = ("timestamp", "kind", "severity", "stream", "message", "id")
"""The fields without a dot: each is read from the event."""

_NEAR = {
    "body": "message",
    "container": "container.name",
    "host": "host.name",
    "hostname": "host.name",
    "image": "container.image.short_name",
    "level": "severity",
    "log": "message",
    "msg": "message",
    "service": "service.name",
    "tag": "tags.<key>",
    "tags": "tags.<key>",
    "text": "message",
    "time": "timestamp",
    "attributes": "attributes.<key>",
}

_TEXTS = (None, *(name for name in SEVERITIES for _ in range(4)))

Getter = Callable[[Resource, Event | None], str | None]


class Field(Struct, frozen=True):
    """A field by its name: ``get`` returns its text, None where it is absent.

    A ``per_resource`` field never looks at the event, which may then be None.
    """

    name: str
    per_resource: bool
    get: Getter


def severity_text(number: int) -> str | None:
    """Return the word for OpenTelemetry's severity number, None for an unknown one."""
    return _TEXTS[number] if 0 < number < len(_TEXTS) else None


def rfc3339(nanoseconds: int, digits: int = 9) -> str:
    """Return a time in UTC, such as ``2026-01-02T03:04:05.000000006Z``, cut to the digits."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    if digits == 9:
        return f"{_second(seconds)}.{rest:09}Z"
    return f"{_second(seconds)}.{rest:09}"[: 20 + digits if digits else 19] + "Z"


def value_text(value: Value) -> str:
    """Return an attribute's value as text; booleans as JSON writes them."""
    if type(value) is str:
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def field(name: str) -> Field:
    """Return the field of a name; a ``ValueError`` names the nearest one if there is none."""
    if getter := _EVENT_GETTERS.get(name):
        return Field(name, False, getter)
    prefix, dot, key = name.partition(".")
    if not (prefix and dot and key):
        raise ValueError(_unknown(name))
    if prefix == "tags":
        return Field(name, True, lambda resource, _: resource.tags.get(key))
    if prefix == "attributes":
        return Field(name, False, _attribute_getter(key))
    if name == "container.image.short_name":
        return Field(name, True, _short_image)
    return Field(name, True, _resource_getter(name))


@lru_cache(1024)
def _second(seconds: int) -> str:
    # Times come from strangers: beyond the calendar they are held at its ends.
    seconds = min(max(seconds, -62_135_596_800), 253_402_300_799)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return moment.isoformat()[:19]


def _unknown(name: str) -> str:
    near = _NEAR.get(name) or next(iter(difflib.get_close_matches(name, EVENT_FIELDS, 1)), None)
    known = ", ".join(EVENT_FIELDS)
    hint = f"did you mean {near}?" if near else f"known are {known}, and names with a dot"
    return f"unknown field {name!r}: {hint}" if name else f"empty field name: {hint}"


def _attribute_getter(key: str) -> Getter:
    def get(_: Resource, event: Event | None) -> str | None:
        value = event.attributes.get(key) if event is not None else None
        return None if value is None else value_text(value)

    return get


def _resource_getter(name: str) -> Getter:
    def get(resource: Resource, _: Event | None) -> str | None:
        value = resource.attributes.get(name)
        return None if value is None else value_text(value)

    return get


def _short_image(resource: Resource, _: Event | None) -> str | None:
    value = resource.attributes.get("container.image.name")
    return None if value is None else value_text(value).rpartition("/")[2]


def _timestamp(_: Resource, event: Event | None) -> str | None:
    return None if event is None else rfc3339(event.time_unix_nano)


def _kind(_: Resource, event: Event | None) -> str | None:
    return KINDS[type(event)] if event is not None else None


def _severity(_: Resource, event: Event | None) -> str | None:
    return severity_text(event.severity_number) if type(event) is Log else None


def _stream(_: Resource, event: Event | None) -> str | None:
    return getattr(event, "stream", "") or None


def _message(_: Resource, event: Event | None) -> str | None:
    return event.body if type(event) is Log else None


def _id(resource: Resource, event: Event | None) -> str | None:
    return None if event is None else event_id(resource.origin, event)


_EVENT_GETTERS: Mapping[str, Getter] = {
    "timestamp": _timestamp,
    "kind": _kind,
    "severity": _severity,
    "stream": _stream,
    "message": _message,
    "id": _id,
}

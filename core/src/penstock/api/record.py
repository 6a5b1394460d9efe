"""Events as JSON objects in the one vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from penstock.api.event import (
    KINDS,
    Counter,
    Event,
    Gap,
    Gauge,
    GaugeValue,
    Log,
    Resource,
    Timer,
    TitledEvent,
    Value,
)
from penstock.api.fields import rfc3339, severity_text

_encoder = msgspec.json.Encoder()


class _Parts(msgspec.Struct, frozen=True):
    """What all events of a resource share, encoded: the id's beginning and the object's end."""

    origin: str
    tags: bytes
    resource: bytes
    end: bytes


_known: WeakKeyDictionary[Resource, _Parts] = WeakKeyDictionary()


def encode_event(resource: Resource, event: Event) -> bytes:
    """Return one JSON object, without a newline; what is absent has no key."""
    return _object(_known.get(resource) or _remember(resource), event)


def encode_events(resource: Resource, events: Iterable[Event]) -> list[bytes]:
    """Return the JSON objects of a resource's events; cheaper than one by one."""
    parts = _known.get(resource) or _remember(resource)
    made: list[bytes] = []
    second, middle, ident, end = b"", b"", b"", parts.end + b"}"
    last: int | None = None
    shape: tuple[int, str] | None = None
    for event in events:
        if type(event) is not Log or event.merged or event.attributes:
            made.append(_object(parts, event))
            continue
        # What lines that follow each other share is made once: it halves the cost of a line.
        time, stream = event.time_unix_nano, event.stream
        seconds, rest = divmod(time, 1_000_000_000)
        if seconds != last:
            last, second = seconds, rfc3339(seconds * 1_000_000_000, 0)[:-1].encode()
        if (event.severity_number, stream) != shape:
            shape = (event.severity_number, stream)
            middle = _log_middle(*shape).encode()
            ident = f',"id":"{parts.origin}:{_escaped(stream)}:'.encode()
        made.append(
            b'{"timestamp":"%b.%09dZ",%b%b%b%d:%d"%b'
            % (second, rest, middle, _json(event.body), ident, time, event.ordinal, end)
        )
    return made


def _object(parts: _Parts, event: Event) -> bytes:
    time, merged = event.time_unix_nano, ""
    stream = getattr(event, "stream", "")
    if type(event) is Log:
        middle = _log_middle(event.severity_number, stream)
        message = _json(event.body)
        extra = b""
        if event.merged:
            merged = f"+{event.merged}"
    else:
        middle = _middle(KINDS[type(event)], stream)
        message = b""
        extra = b"," + _json(_detail(event))[1:-1]
    head = f'{{"timestamp":"{rfc3339(time)}",{middle}'
    ident = f'"id":"{parts.origin}:{_escaped(stream)}:{time}:{event.ordinal}{merged}"'
    if event.attributes:
        end = parts.tags + b',"attributes":' + _json(dict(event.attributes)) + parts.resource
    else:
        end = parts.end
    separator = b"," if message else b""
    return b"".join((head.encode(), message, separator, ident.encode(), end, extra, b"}"))


def _detail(event: Event) -> dict[str, Any]:
    """Return the object that only this kind of event has, under its key."""
    match event:
        case Counter(name=name, delta=delta, total=total):
            return {"metric": _present(name=name, delta=delta, total=total)}
        case Gauge(values=values):
            return {"metric": {"values": {name: _reading(one) for name, one in values.items()}}}
        case Timer(name=name, start=start, stop=stop):
            return {"metric": {"name": name, "start": start, "stop": stop}}
        case TitledEvent(title=title, body=body):
            return {"event": {"title": title, "body": body}}
        case Gap():
            return {"gap": _gap(event)}
    raise TypeError(f"{type(event).__name__} is no kind of event")


def _reading(reading: GaugeValue) -> dict[str, Any]:
    return _present(value=reading.value, unit=reading.unit or None)


def _gap(gap: Gap) -> dict[str, Any]:
    start, end = gap.from_unix_nano, gap.to_unix_nano
    times = {"from": rfc3339(start) if start else None, "to": rfc3339(end) if end else None}
    return _present(**times, reason=gap.reason, count=gap.count)


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


@lru_cache(256)
def _log_middle(severity_number: int, stream: str) -> str:
    word = severity_text(severity_number)
    severity = f'"severity":"{word}",' if word else ""
    return _kind_and("log", severity, stream) + '"message":'


@lru_cache(256)
def _middle(kind: str, stream: str) -> str:
    return _kind_and(kind, "", stream)


def _kind_and(kind: str, severity: str, stream: str) -> str:
    from_stream = f'"stream":"{_escaped(stream)}",' if stream else ""
    return f'"kind":"{kind}",{severity}{from_stream}'


@lru_cache(256)
def _escaped(text: str) -> str:
    return _json(text)[1:-1].decode()


def _remember(resource: Resource) -> _Parts:
    tags = _member("tags", resource.tags)
    attributes = _member("resource", resource.attributes)
    # Not through the cache of short strings: an origin is remembered here, for as long as it lives.
    origin = _json(resource.origin)[1:-1].decode()
    parts = _Parts(origin, tags, attributes, tags + attributes)
    _known[resource] = parts
    return parts


def _member(name: str, values: Mapping[str, Value]) -> bytes:
    return b',"%b":%b' % (name.encode(), _json(dict(values))) if values else b""


def _json(value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except (TypeError, UnicodeEncodeError):
        return _encoder.encode(_plain(value))


def _plain(value: Any) -> Any:
    """Copy read-only mappings, and replace what is no Unicode: half a surrogate pair."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {_plain(key): _plain(one) for key, one in value.items()}
    return value

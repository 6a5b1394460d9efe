"""Batches as bytes: a page holds its resources and maps of attributes once, its logs by column."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, repeat
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from penstock.api.event import (
    EMPTY,
    KINDS,
    Batch,
    Counter,
    Event,
    Gap,
    Gauge,
    GaugeValue,
    Log,
    Resource,
    Timer,
    TitledEvent,
)

_log = logging.getLogger("penstock.state")

LOGS = 0
HUGE = 1
"""MessagePack's extension type of integers that it has no room for."""
_KINDS: dict[int, type[Event]] = {1: Counter, 2: Gauge, 3: Timer, 4: TitledEvent, 5: Gap}
_NUMBERS = {kind: number for number, kind in _KINDS.items()}

_encoder = msgspec.msgpack.Encoder(enc_hook=str)
_decoder = msgspec.msgpack.Decoder(
    ext_hook=lambda _code, data: int.from_bytes(data, "big", signed=True)
)
_counts_decoder = msgspec.msgpack.Decoder(dict[str, int])


class DamagedPageError(ValueError):
    """A page's bytes are not those that were written."""


class PageRow(Struct, frozen=True):
    """A page as it is written: ``counts`` are its events by origin, outside the blob."""

    sink: str
    number: int
    counts: Mapping[str, int]
    batches: Sequence[Batch]


class PageHead(Struct, frozen=True):
    """What is known of a page on disk without reading it; ``size`` are the blob's bytes."""

    number: int
    size: int
    counts: Mapping[str, int]


def encode_counts(counts: Mapping[str, int]) -> bytes:
    """Return the bytes of a page's counts."""
    return _encoder.encode({clean(key): events for key, events in counts.items()})


def decode_counts(data: bytes) -> dict[str, int]:
    """Return a page's counts."""
    return _counts_decoder.decode(data)


def counts_of(table: str, batches: Iterable[Batch]) -> dict[str, int]:
    """Count a page's events as its buffer does: a sink's by origin, a source's by kind."""
    by_kind = table.startswith("sources.")
    counts: dict[str, int] = {}
    for batch in batches:
        for event in batch.events:
            key = KINDS[type(event)] if by_kind else clean(batch.resource.origin)
            counts[key] = counts.get(key, 0) + 1
    return counts


def clean(text: object) -> str:
    """Return a text that can be encoded: what strangers name may hold lone surrogates.

    What plugins give where a text belongs may be anything: an HTTP status as a reason, say.
    """
    return str(text).encode(errors="backslashreplace").decode()


def encode_batches(batches: Sequence[Batch]) -> bytes:
    """Return the bytes of batches, without their receipts.

    An event that no bytes can be made of becomes a log with its text: everything else that goes to
    disk with it would wait for ever.
    """
    try:
        return _encode(batches)
    except Exception as error:
        _log.error("an event has what cannot be kept, and is kept as text: %s", error)
        return _encode([_made_plain(batch) for batch in batches])


def _encode(batches: Iterable[Batch]) -> bytes:
    resources: dict[Resource, int] = {}
    maps = _Maps()
    rows = []
    for batch in batches:
        index = resources.setdefault(batch.resource, len(resources))
        rows.append((index, batch.size, _runs(batch.events, maps)))
    heads = [(one.origin, dict(one.attributes), dict(one.tags)) for one in resources]
    page = (heads, rows, maps.all)
    try:
        return _encoder.encode(page)
    except (UnicodeEncodeError, OverflowError):  # What a plugin makes need not be encodable.
        return _encoder.encode(_scrubbed(page))


def _made_plain(batch: Batch) -> Batch:
    """Return a batch with whatever cannot be encoded as text."""
    resource = batch.resource
    if not _can_be_kept(Batch(resource, (), 0)):
        resource = Resource(resource.origin)
    events = [
        one if _can_be_kept(Batch(resource, (one,), 0)) else Log(_time_of(one), repr(one))
        for one in batch.events
    ]
    return Batch(resource, events, batch.size)


def _can_be_kept(batch: Batch) -> bool:
    try:
        _encode((batch,))
    except Exception:
        return False
    return True


def _time_of(event: Event) -> int:
    return event.time_unix_nano if isinstance(event.time_unix_nano, int) else 0


def decode_batches(data: bytes, checksum: int | None = None) -> list[Batch]:
    """Return the batches of a page. ``DamagedPageError``: it is not what was written."""
    if checksum is not None and zlib.crc32(data) != checksum:
        raise DamagedPageError("its checksum is wrong")
    try:
        heads, rows, *rest = _decoder.decode(data)
        maps = rest[0] if rest else ()  # Pages used to have none.
        resources = [Resource(*head) for head in heads]
        return [
            Batch(resources[index], tuple(_events(runs, maps)), size) for index, size, runs in rows
        ]
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise DamagedPageError(str(error)) from error


class _Maps:
    """The attributes of a page: what events share is written once, and is shared again when read.

    Without that, what came back from the disk would take more memory than its size says.
    """

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self._known: dict[int, int] = {}

    def index(self, attributes: Mapping[str, Any]) -> int | None:
        """Return where a map is, None for an empty one."""
        if not attributes:
            return None
        index = self._known.get(id(attributes))
        if index is None:
            index = self._known[id(attributes)] = len(self.all)
            self.all.append(dict(attributes))
        return index


def _runs(events: Sequence[Event], maps: _Maps) -> list[tuple[int, Any]]:
    """Divide events into runs of one kind: logs as columns, others as rows of their fields."""
    runs: list[tuple[int, Any]] = []
    for kind, group in groupby(events, type):
        if kind is Log:
            runs.append((LOGS, _columns(list(group), maps)))  # type: ignore[arg-type]
        elif kind is Gauge:
            runs.append((_NUMBERS[kind], [_gauge_row(one, maps) for one in group]))  # type: ignore[arg-type]
        else:
            rows = [(*astuple(one)[:-1], maps.index(one.attributes)) for one in group]
            runs.append((_NUMBERS[kind], rows))
    return runs


def _columns(logs: Sequence[Log], maps: _Maps) -> tuple[Any, ...]:
    return (
        len(logs),
        [log.time_unix_nano for log in logs],
        [log.body for log in logs],
        _column([log.stream for log in logs]),
        _column([log.severity_number for log in logs]),
        _column([log.ordinal for log in logs]),
        _column([log.merged for log in logs]),
        _column([maps.index(log.attributes) for log in logs]),
    )


def _column(values: list[Any]) -> Any:
    """Return one value for all of a column, or the list of them."""
    return values[0] if values.count(values[0]) == len(values) else values


def _gauge_row(gauge: Gauge, maps: _Maps) -> tuple[Any, ...]:
    values = {name: (one.value, one.unit) for name, one in gauge.values.items()}
    return gauge.time_unix_nano, values, gauge.ordinal, maps.index(gauge.attributes)


def _events(runs: Iterable[tuple[int, Any]], maps: Sequence[Any]) -> Iterable[Event]:
    for kind, content in runs:
        if kind == LOGS:
            yield from _logs(maps, *content)
        else:
            rows = [[*content.values()]] if isinstance(content, dict) else content
            for row in rows:  # One event by the names of its fields is how they used to be.
                yield _event(_KINDS[kind], row, maps)


def _logs(maps: Sequence[Any], count: int, times: Any, bodies: Any, *rest: Any) -> Iterable[Log]:
    if len(times) != count or len(bodies) != count:
        raise DamagedPageError("its columns differ in length")
    *single, attributes = rest
    found = [_map(one, maps) for one in attributes] if isinstance(attributes, list) else None
    return map(Log, times, bodies, *map(_each, single), found or repeat(_map(attributes, maps)))


def _each(column: Any) -> Iterable[Any]:
    return column if isinstance(column, list) else repeat(column)


def _map(one: Any, maps: Sequence[Any]) -> Mapping[str, Any]:
    """Return the attributes at an index; they used to be in the event's own place."""
    return maps[one] if type(one) is int else one or EMPTY


def _event(kind: type[Event], row: list[Any], maps: Sequence[Any]) -> Event:
    """Make an event of its fields, in their order; the attributes are the last."""
    if kind is Gauge:
        row[1] = {name: GaugeValue(*one) for name, one in row[1].items()}
    row[-1] = _map(row[-1], maps)
    return kind(*row)


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        size = value.bit_length() // 8 + 1
        return msgspec.msgpack.Ext(HUGE, value.to_bytes(size, "big", signed=True))
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(one) for one in value]
    return value

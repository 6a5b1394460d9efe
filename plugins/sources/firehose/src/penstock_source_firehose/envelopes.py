"""Makes events of Loggregator's second kind of envelope, as the RLP gateway writes them in JSON.

Integers of 64 bits are strings there, bytes are base64, and both spellings of the ids are known.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct, field

from penstock.api import (
    EVENT_OVERHEAD_BYTES,
    Counter,
    Event,
    Gauge,
    GaugeValue,
    Log,
    Timer,
    TitledEvent,
)
from penstock_source_firehose.cache import Cache
from penstock_source_firehose.dropsonde import CUT_BYTES, Made
from penstock_source_firehose.errors import UndecodableError
from penstock_source_firehose.origins import Origins
from penstock_source_firehose.shared import (
    ERR,
    ERROR,
    GAUGE_BYTES,
    INFO,
    MOST_SHARED,
    OUT,
    SHARED_BYTES,
    Shared,
    tags_size,
)
from penstock_source_firehose.text import NAME_CHARS, bounded, bounded_tags, line

_NO_TAGS = Raw(b"{}")

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises; the last one where lists or objects are nested a thousand deep."""

Int64 = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Uint64 = Annotated[int, Meta(ge=0)]
"""Its upper bound is more than ``Meta`` can hold: see ``_counter``."""


class LogMessage(Struct, gc=False):
    """A line; ``type`` is ``OUT`` or ``ERR``."""

    payload: bytes = b""
    type: str | int = "OUT"


class CounterMetric(Struct, gc=False):
    """A counter."""

    name: str = ""
    delta: Uint64 = 0
    total: Uint64 = 0


class Reading(Struct, gc=False):
    """A value of a gauge; those that are no numbers are written as text."""

    value: float | str = 0.0
    unit: str = ""


class GaugeMetric(Struct):
    """A gauge."""

    metrics: dict[str, Reading] = field(default_factory=dict)


class TimerMetric(Struct, gc=False):
    """A timer, in Unix nanoseconds."""

    name: str = ""
    start: Int64 = 0
    stop: Int64 = 0


class Titled(Struct, gc=False):
    """A titled event."""

    title: str = ""
    body: str = ""


class Value(Struct, gc=False):
    """The value of a deprecated tag."""

    text: str | None = None
    integer: int | None = None
    decimal: float | str | None = None


class Envelope(Struct):
    """One envelope; it has one of the five kinds of content."""

    timestamp: Int64 = 0
    source_id: str = ""
    instance_id: str = ""
    source_id_: str = field(default="", name="sourceId")
    instance_id_: str = field(default="", name="instanceId")
    tags: Raw = _NO_TAGS
    deprecated_tags: Raw = _NO_TAGS
    deprecated_tags_: Raw = field(default=_NO_TAGS, name="deprecatedTags")
    log: LogMessage | None = None
    counter: CounterMetric | None = None
    gauge: GaugeMetric | None = None
    timer: TimerMetric | None = None
    event: Titled | None = None


class _Batch(Struct):
    batch: list[Envelope] = field(default_factory=list)


class _Torn(Struct):
    batch: list[Raw] = field(default_factory=list)


_batch = msgspec.json.Decoder(_Batch, strict=False)
_torn = msgspec.json.Decoder(_Torn)
_envelope = msgspec.json.Decoder(Envelope, strict=False)
_tags = msgspec.json.Decoder(dict[str, str])
_deprecated = msgspec.json.Decoder(dict[str, Value], strict=False)

Key = tuple[str, str, bytes, bytes]


class Envelopes:
    """Decodes batches of envelopes; ``limit`` in bytes of a message."""

    def __init__(self, origins: Origins, limit: int) -> None:
        self._origins = origins
        self._limit = limit
        self._shared: Cache[Key, Shared] = Cache(MOST_SHARED)
        self._new_bytes = 0
        """Heap bytes of tags that no event had before: the first one that has them bears them."""

    def decode(self, data: bytes) -> tuple[list[Made], list[tuple[bytes, str]]]:
        """Return the events of a batch, and what is no envelope with the reason."""
        try:
            envelopes = _batch.decode(data).batch
        except _UNREADABLE as error:
            return self._decode_each(data, str(error))
        made: list[Made] = []
        bad: list[tuple[bytes, str]] = []
        for number, envelope in enumerate(envelopes):
            try:
                made.append(self._make(envelope))
            except UndecodableError as error:
                bad.append((bytes(_torn.decode(data).batch[number]), str(error)))
        return made, bad

    def _decode_each(self, data: bytes, why: str) -> tuple[list[Made], list[tuple[bytes, str]]]:
        """Take a batch apart in which not all are envelopes."""
        made: list[Made] = []
        bad: list[tuple[bytes, str]] = []
        try:
            pieces = _torn.decode(data).batch
        except _UNREADABLE:
            return made, [(data, f"no batch of envelopes: {why}")]
        for piece in pieces:
            try:
                made.append(self._make(_envelope.decode(piece)))
            except (*_UNREADABLE, UndecodableError) as error:
                bad.append((bytes(piece), f"no envelope: {error}"))
        return made, bad

    def _make(self, envelope: Envelope) -> Made:
        self._new_bytes = 0
        tags = bytes(envelope.tags)
        old = bytes(envelope.deprecated_tags)
        source_id = envelope.source_id or envelope.source_id_
        instance_id = envelope.instance_id or envelope.instance_id_
        if envelope.deprecated_tags_ is not _NO_TAGS:
            old = bytes(envelope.deprecated_tags_)
        key = (source_id, instance_id, tags, old)
        shared = self._shared.recent.get(key)
        if shared is None or shared.origin.is_forgotten:
            shared = self._share(key)
        time_ns = envelope.timestamp
        if time_ns <= 0:
            time_ns = time.time_ns()
        if envelope.log is not None:
            made = self._line(shared, time_ns, envelope.log)
        else:
            made = _metric(shared, time_ns, envelope)
        if self._new_bytes:
            origin, event, size = made
            return origin, event, size + self._new_bytes
        return made

    def _line(self, shared: Shared, time_ns: int, log: LogMessage) -> Made:
        attributes = shared.attributes
        origin = shared.origin
        body, missing = line(log.payload, self._limit)
        if missing:
            attributes = {**attributes, CUT_BYTES: missing}  # type: ignore[dict-item]
        stream, severity = (ERR, ERROR) if log.type in ("ERR", 1) else (OUT, INFO)
        ordinal = origin.ordinal(time_ns)
        event = Log(time_ns, body, stream, severity, ordinal, 0, attributes)
        return origin, event, len(body) + EVENT_OVERHEAD_BYTES

    def _share(self, key: Key) -> Shared:
        shared = self._shared.get(key)
        if shared is not None and not shared.origin.is_forgotten:
            return shared
        source_id, instance_id, tags, old = key
        found = bounded_tags((_old_tags(old) | _new_tags(tags)).items())
        self._new_bytes = tags_size(found)
        shared = Shared(found, self._origins.find(source_id, instance_id, found))
        if sum(map(len, key)) <= SHARED_BYTES:
            self._shared.put(key, shared)
        return shared


def _metric(shared: Shared, time_ns: int, envelope: Envelope) -> Made:
    """Return an event that is no log."""
    origin, attributes = shared.origin, shared.attributes
    ordinal = origin.ordinal(time_ns)
    event: Event
    size = EVENT_OVERHEAD_BYTES
    if (counter := envelope.counter) is not None:
        event = _counter(counter, time_ns, ordinal, attributes)
    elif (gauge := envelope.gauge) is not None:
        event = Gauge(time_ns, _readings(gauge), ordinal, attributes)
        size += GAUGE_BYTES * len(event.values)
    elif (timer := envelope.timer) is not None:
        name = bounded(timer.name, NAME_CHARS)
        event = Timer(time_ns, name, timer.start, timer.stop, ordinal, attributes)
    elif (titled := envelope.event) is not None:
        title, body = bounded(titled.title), bounded(titled.body, 1_048_576)
        event = TitledEvent(time_ns, title, body, ordinal, attributes)
        size += len(title) + len(body)
    else:
        raise UndecodableError("an envelope without content, or of a kind that is not known")
    return origin, event, size


def _counter(
    counter: CounterMetric, time_ns: int, ordinal: int, attributes: Mapping[str, str]
) -> Counter:
    delta, total = counter.delta, counter.total
    if (delta | total) >> 64:
        raise UndecodableError("a counter of more than 64 bits")
    known = None if delta and not total else total
    return Counter(time_ns, bounded(counter.name, NAME_CHARS), delta, known, ordinal, attributes)


def _readings(gauge: GaugeMetric) -> dict[str, GaugeValue]:
    try:
        return {
            bounded(name, NAME_CHARS): GaugeValue(float(one.value), bounded(one.unit, NAME_CHARS))
            for name, one in gauge.metrics.items()
        }
    except ValueError as error:
        raise UndecodableError(f"a gauge whose value is no number: {error}") from None


def _new_tags(data: bytes) -> dict[str, str]:
    try:
        return _tags.decode(data) if data != b"null" else {}
    except _UNREADABLE as error:
        raise UndecodableError(f"tags: {error}") from None


def _old_tags(data: bytes) -> dict[str, str]:
    """Return deprecated tags as text, in the form that Loggregator gives them."""
    if data in (b"{}", b"null"):
        return {}
    try:
        values = _deprecated.decode(data)
    except _UNREADABLE as error:
        raise UndecodableError(f"deprecated_tags: {error}") from None
    return {name: _text(value) for name, value in values.items()}


def _text(value: Value) -> str:
    if value.integer is not None:
        return str(value.integer)
    if value.decimal is not None:
        try:
            return f"{float(value.decimal):f}"
        except ValueError:
            return str(value.decimal)
    return value.text or ""

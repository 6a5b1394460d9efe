"""Makes events of dropsonde envelopes, Loggregator's first protocol.

They become what Loggregator itself makes of them for its second one: the same ids and tags.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from struct import Struct as Packing
from typing import Any

from google.protobuf.message import DecodeError

from penstock.api import EVENT_OVERHEAD_BYTES, Counter, Event, Gauge, GaugeValue, Log, Timer
from penstock_source_firehose.cache import Cache
from penstock_source_firehose.dropsonde_pb2 import Envelope, Tag
from penstock_source_firehose.errors import UndecodableError
from penstock_source_firehose.labels import labels_of
from penstock_source_firehose.methods import METHODS, PEERS
from penstock_source_firehose.origins import Origin, Origins
from penstock_source_firehose.shared import (
    ERR,
    ERROR,
    GAUGE_BYTES,
    INFO,
    MOST_SHARED,
    OUT,
    SHARED_BYTES,
    Names,
    Shared,
    tags_size,
)
from penstock_source_firehose.text import bounded, bounded_tags, line, text_of, without

CUT_BYTES = "penstock.cut_bytes"
"""The attribute that says how many bytes of a message are missing."""

HTTP_BYTES = 2_400
"""Heap bytes of the tags that only one request has, beside its texts."""

Made = tuple[Origin, Event, int]
"""An event, whose it is, and its size."""

Labels = bytes | tuple[bytes | int, ...]
Key = tuple[Any, ...]

_HTTP, _LOG, _VALUE = Envelope.HTTP_START_STOP, Envelope.LOG_MESSAGE, Envelope.VALUE_METRIC
_COUNTER, _ERROR, _CONTAINER = Envelope.COUNTER_EVENT, Envelope.ERROR, Envelope.CONTAINER_METRIC
_CLASSES: dict[int, type[Event]] = {
    _HTTP: Timer,
    _LOG: Log,
    _VALUE: Gauge,
    _COUNTER: Counter,
    _ERROR: Log,
    _CONTAINER: Gauge,
}
TYPES: dict[int, str] = {
    _HTTP: "HttpStartStop",
    _LOG: "LogMessage",
    _VALUE: "ValueMetric",
    _COUNTER: "CounterEvent",
    _ERROR: "Error",
    _CONTAINER: "ContainerMetric",
}
"""The types of envelopes, by the names that Loggregator has for them."""

_CONTENTS: dict[int, Any] = {kind: name[0].lower() + name[1:] for kind, name in TYPES.items()}
_pack_uuid = Packing("<QQ").pack
_LOG_ERR = 2


class Dropsonde:
    """Decodes envelopes; ``limit`` in bytes of a message.

    Reading a field costs more than parsing the whole envelope, so that tags are looked up by the
    bytes that they came in.
    """

    def __init__(self, origins: Origins, wanted: frozenset[type[Event]], limit: int) -> None:
        self._origins = origins
        self._limit = limit
        self._names = Names()
        self._shared: Cache[Key, Shared] = Cache(MOST_SHARED)
        self._new_bytes = 0
        """Heap bytes of tags that no event had before: the first one that has them bears them."""
        makers: dict[int, Callable[[Envelope, Labels], Made]] = {
            _HTTP: self._http,
            _LOG: self._log,
            _VALUE: self._value,
            _COUNTER: self._counter,
            _ERROR: self._error,
            _CONTAINER: self._container,
        }
        # Counters are always looked at: some of them tell of losses.
        self._makers = {
            kind: make
            for kind, make in makers.items()
            if kind == _COUNTER or _CLASSES[kind] in wanted
        }

    def decode(self, data: bytes) -> Made | None:
        """Return the event of an envelope, None if it is of no wanted kind."""
        try:
            envelope = Envelope.FromString(data)
        except DecodeError as error:
            raise UndecodableError(f"no envelope of dropsonde: {error}") from None
        make = self._makers.get(envelope.eventType)
        if make is None:
            _require(envelope)
            return None
        self._new_bytes = 0
        made = make(envelope, labels_of(data) or _labels(envelope))
        if self._new_bytes:
            origin, event, size = made
            return origin, event, size + self._new_bytes
        return made

    def _log(self, envelope: Envelope, labels: Labels) -> Made:
        message = envelope.logMessage
        app, source_type = message.app_id, message.source_type
        instance = message.source_instance
        key = (labels, app, source_type, instance)
        shared = self._shared.recent.get(key)
        if shared is None or shared.origin.is_forgotten:
            tags = {"source_type": text_of(source_type)}
            shared = self._share(key, envelope, tags, (text_of(app), text_of(instance)))
        payload = message.message
        if not payload or type(labels) is tuple:
            _require(envelope)
        time_ns = envelope.timestamp or message.timestamp
        if message.message_type == _LOG_ERR:
            return self._line(shared, time_ns, payload, ERR, ERROR)
        return self._line(shared, time_ns, payload, OUT, INFO)

    def _error(self, envelope: Envelope, labels: Labels) -> Made:
        error = envelope.error
        _require(envelope)
        code, source = error.code, error.source
        key = (labels, code, source)
        shared = self._shared.recent.get(key)
        if shared is None or shared.origin.is_forgotten:
            tags = {"source": text_of(source), "code": str(code)}
            shared = self._share(key, envelope, tags)
        return self._line(shared, envelope.timestamp, error.message, OUT, INFO)

    def _line(
        self, shared: Shared, time_ns: int, payload: bytes, stream: str, severity: int
    ) -> Made:
        attributes = shared.attributes
        origin = shared.origin
        if payload[-1:] == b"\n" or len(payload) > self._limit:
            body, missing = line(payload, self._limit)
            if missing:
                attributes = {**attributes, CUT_BYTES: missing}  # type: ignore[dict-item]
        else:
            body = payload.decode("utf-8", "replace")
        if time_ns <= 0:
            time_ns = time.time_ns()
        ordinal = origin.ordinal(time_ns)
        event = Log(time_ns, body, stream, severity, ordinal, 0, attributes)
        return origin, event, len(body) + EVENT_OVERHEAD_BYTES

    def _value(self, envelope: Envelope, labels: Labels) -> Made:
        metric = envelope.valueMetric
        shared = self._of_tag(envelope, labels, keep=True)
        name, unit, value = metric.name, metric.unit, metric.value
        if not (name and unit and value) or type(labels) is tuple:
            _require(envelope)
        text = self._names.text
        values = {text(name): GaugeValue(value, text(unit))}
        return _gauge(shared, envelope, values)

    def _counter(self, envelope: Envelope, labels: Labels) -> Made:
        metric = envelope.counterEvent
        shared = self._of_tag(envelope, labels, keep=False)
        name, delta = metric.name, metric.delta
        if not (name and delta) or type(labels) is tuple:
            _require(envelope)
        total: int | None = metric.total
        if not total and not metric.HasField("total"):
            total = None
        origin = shared.origin
        time_ns = envelope.timestamp
        if time_ns <= 0:
            time_ns = time.time_ns()
        text = self._names.text(name)
        ordinal = origin.ordinal(time_ns)
        event = Counter(time_ns, text, delta, total, ordinal, shared.attributes)
        return origin, event, len(text) + EVENT_OVERHEAD_BYTES

    def _container(self, envelope: Envelope, labels: Labels) -> Made:
        metric = envelope.containerMetric
        _require(envelope)
        app, index = metric.applicationId, metric.instanceIndex
        key = (labels, app, index)
        shared = self._shared.recent.get(key)
        if shared is None or shared.origin.is_forgotten:
            shared = self._share(key, envelope, {}, (text_of(app), str(index)))
        values = {
            "cpu": GaugeValue(metric.cpuPercentage, "percentage"),
            "memory": GaugeValue(float(metric.memoryBytes), "bytes"),
            "disk": GaugeValue(float(metric.diskBytes), "bytes"),
            "memory_quota": GaugeValue(float(metric.memoryBytesQuota), "bytes"),
            "disk_quota": GaugeValue(float(metric.diskBytesQuota), "bytes"),
        }
        return _gauge(shared, envelope, values)

    def _http(self, envelope: Envelope, labels: Labels) -> Made:
        request = envelope.httpStartStop
        _require(envelope)
        app, index = request.applicationId, request.instanceIndex
        low, high = app.low, app.high
        key = (labels, low, high, index)
        shared = self._shared.recent.get(key)
        if shared is None or shared.origin.is_forgotten:
            source_id = _uuid(low, high) if low or high else ""
            shared = self._share(key, envelope, {}, (source_id, str(index)))
        number, peer, method = request.requestId, request.peerType, request.method
        uri, agent = text_of(request.uri), text_of(request.userAgent)
        forwarded = bounded("\n".join(map(text_of, request.forwarded)))
        attributes = {
            **shared.attributes,
            "request_id": _uuid(number.low, number.high),
            "peer_type": PEERS.get(peer) or str(peer),
            "method": METHODS.get(method) or str(method),
            "uri": uri,
            "remote_address": text_of(request.remoteAddress),
            "user_agent": agent,
            "status_code": str(request.statusCode),
            "content_length": str(request.contentLength),
            "routing_instance_id": text_of(request.instanceId),
            "forwarded": forwarded,
        }
        start, stop = request.startTimestamp, request.stopTimestamp
        origin = shared.origin
        time_ns = envelope.timestamp
        if time_ns <= 0:
            time_ns = time.time_ns()
        event = Timer(time_ns, "http", start, stop, origin.ordinal(time_ns), attributes)
        size = len(uri) + len(agent) + len(forwarded) + HTTP_BYTES + EVENT_OVERHEAD_BYTES
        return origin, event, size

    def _of_tag(self, envelope: Envelope, labels: Labels, *, keep: bool) -> Shared:
        """Return what is shared by metrics whose instance is a tag, which is kept or not."""
        key = (labels,)
        shared = self._shared.recent.get(key)
        if shared is None or shared.origin.is_forgotten:
            tags = dict(_tags(envelope))
            instance = tags.get("instance_id", "")
            drop = () if keep else ("instance_id",)
            shared = self._share(key, envelope, {}, ("", instance), drop=drop)
        return shared

    def _share(
        self,
        key: Key,
        envelope: Envelope,
        more: dict[str, str],
        ids: tuple[str, str] = ("", ""),
        *,
        drop: Iterable[str] = (),
    ) -> Shared:
        """Take the tags apart and remember what they make, unless they are too long for that."""
        shared = self._shared.get(key)
        if shared is not None and not shared.origin.is_forgotten:
            return shared
        tags = bounded_tags(_tags(envelope))
        deployment, job = text_of(envelope.deployment), text_of(envelope.job)
        source_id, instance_id = ids
        source_id = source_id or tags.get("source_id", f"{deployment}/{job}")
        for name in ("source_id", *drop):
            tags = without(tags, name)
        tags |= {
            "origin": text_of(envelope.origin),
            "deployment": deployment,
            "job": job,
            "index": text_of(envelope.index),
            "ip": text_of(envelope.ip),
            "__v1_type": TYPES[envelope.eventType],
        }
        tags |= more
        self._new_bytes = tags_size(tags)
        shared = Shared(tags, self._origins.find(source_id, instance_id, tags))
        if _size(key) <= SHARED_BYTES:
            self._shared.put(key, shared)
        return shared


def _labels(envelope: Envelope) -> Labels:
    """Return what the tags are made of, as it came."""
    return (
        envelope.eventType,
        envelope.origin,
        envelope.deployment,
        envelope.job,
        envelope.index,
        envelope.ip,
        *envelope.tags,
    )


def _size(key: Key) -> int:
    """Return the bytes that a key holds."""
    return sum(
        len(part) if type(part) is bytes else _size(part) if type(part) is tuple else 0
        for part in key
    )


def _tags(envelope: Envelope) -> Iterable[tuple[str, str]]:
    for data in envelope.tags:
        try:
            tag = Tag.FromString(data)
        except DecodeError as error:
            raise UndecodableError(f"a tag that is none: {error}") from None
        yield text_of(tag.key), text_of(tag.value)


def _require(envelope: Envelope) -> None:
    """Refuse an envelope that lacks what it must have.

    Not asked where all of that was read and is no default: it costs as much as parsing.
    """
    kind = envelope.eventType
    if envelope.IsInitialized() and envelope.HasField(_CONTENTS[kind]):
        return
    lacks: list[str] = envelope.FindInitializationErrors()  # type: ignore[attr-defined]
    missing = ", ".join(lacks) or _CONTENTS[kind]
    raise UndecodableError(f"an envelope of type {TYPES[kind]} without {missing}")


def _gauge(shared: Shared, envelope: Envelope, values: dict[str, GaugeValue]) -> Made:
    origin = shared.origin
    time_ns = envelope.timestamp
    if time_ns <= 0:
        time_ns = time.time_ns()
    event = Gauge(time_ns, values, origin.ordinal(time_ns), shared.attributes)
    return origin, event, len(values) * GAUGE_BYTES + EVENT_OVERHEAD_BYTES


def _uuid(low: int, high: int) -> str:
    text = _pack_uuid(low, high).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

"""Captured streams decode to the JSON beside them and become what Loggregator makes of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message
from tests.loggregator import captured
from tests.loggregator.conversion import to_v2

from penstock.api import Counter, Event, Gauge, Log, Timer, TitledEvent
from penstock_source_firehose.dropsonde import TYPES, Dropsonde, Made
from penstock_source_firehose.dropsonde_pb2 import Envelope, Tag
from penstock_source_firehose.envelopes import Envelopes
from penstock_source_firehose.methods import METHODS, PEERS
from penstock_source_firehose.origins import Origins
from penstock_source_firehose.settings import KINDS
from penstock_source_firehose.sse import ServerSentEvents

ALL = frozenset(KINDS.values())
BASE64 = {"LogMessage.message"}
ENUMS = {"eventType": TYPES, "peerType": PEERS, "method": METHODS}


def test_every_frame_has_the_fields_of_its_json() -> None:
    frames, documents = captured.frames(), captured.decoded()
    assert len(frames) == len(documents) == 118
    for frame, document in zip(frames, documents, strict=True):
        assert as_json(Envelope.FromString(frame)) == document


def test_every_frame_becomes_the_event_of_its_json() -> None:
    dropsonde = Dropsonde(Origins(), ALL, 1_048_576)
    for frame, document in zip(captured.frames(), captured.decoded(), strict=True):
        made = dropsonde.decode(frame)
        assert made is not None
        assert envelope_of(made) == normal(to_v2(document))


def test_every_envelope_of_the_gateway_becomes_the_event_of_its_json() -> None:
    envelopes, stream = Envelopes(Origins(), 1_048_576), ServerSentEvents()
    body = captured.sse()
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    events = [event for piece in pieces for event in stream.feed(piece)]
    decoded = [envelopes.decode(data) for _, data in events]
    assert [bad for _, bad in decoded if bad] == []
    got = [envelope_of(one) for made, _ in decoded for one in made]
    expected = [normal(one) for batch in captured.batches() for one in batch]
    assert len(got) > 100
    assert got == expected


def as_json(message: Message) -> dict[str, Any]:
    """Write a message field by field, as the captured documents do."""
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        name = f"{message.DESCRIPTOR.name}.{field.name}"
        if field.name == "tags":
            tags = map(Tag.FromString, value)
            found["tags"] = {tag.key.decode(): tag.value.decode() for tag in tags}
        elif isinstance(value, Message):
            found[field.name] = as_json(value)
        elif field.name in ENUMS:
            found[field.name] = ENUMS[field.name][value]
        elif field.enum_type:
            found[field.name] = field.enum_type.values_by_number[value].name
        elif name in BASE64:
            found[field.name] = base64.b64encode(value).decode()
        elif isinstance(value, bytes):
            found[field.name] = value.decode()
        elif field.is_repeated:
            found[field.name] = [one.decode() for one in value]
        else:
            wide = field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64)
            found[field.name] = str(value) if wide else value
    return found


def envelope_of(made: Made) -> dict[str, Any]:
    """Return an event and its origin as an envelope."""
    origin, event, size = made
    assert size >= 165
    source_id, _, instance_id = origin.resource.origin.rpartition("/")
    found = {"source_id": source_id, "instance_id": instance_id, "tags": dict(event.attributes)}
    return {**found, "timestamp": event.time_unix_nano, "content": content(event)}


def content(event: Event) -> tuple[Any, ...]:
    if type(event) is Log:
        assert event.severity_number == {"stdout": 9, "stderr": 17}[event.stream]
        return ("log", event.body, event.stream)
    if type(event) is Counter:
        return ("counter", event.name, event.delta, event.total or 0)
    if type(event) is Gauge:
        return ("gauge", {name: (one.value, one.unit) for name, one in event.values.items()})
    if type(event) is TitledEvent:
        return ("event", event.title, event.body)
    assert type(event) is Timer
    return ("timer", event.name, event.start, event.stop)


def normal(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document in the form of ``envelope_of``."""
    found = {name: document[name] for name in ("source_id", "instance_id", "tags")}
    return {**found, "timestamp": int(document["timestamp"]), "content": said(document)}


def said(document: Mapping[str, Any]) -> tuple[Any, ...]:
    if log := document.get("log"):
        stream = {"OUT": "stdout", "ERR": "stderr"}[log["type"]]
        return ("log", base64.b64decode(log["payload"]).decode(), stream)
    if one := document.get("counter"):
        return ("counter", one["name"], int(one["delta"]), int(one["total"]))
    if one := document.get("gauge"):
        readings = {name: (r["value"], r["unit"]) for name, r in one["metrics"].items()}
        return ("gauge", readings)
    if titled := document.get("event"):
        return ("event", titled["title"], titled["body"])
    timer = document["timer"]
    return ("timer", timer["name"], int(timer["start"]), int(timer["stop"]))

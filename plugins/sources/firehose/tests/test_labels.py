"""Tags are looked up by the bytes around time and content: equal bytes are equal tags."""

from __future__ import annotations

import random

from tests.loggregator import captured, envelopes

from penstock_source_firehose.dropsonde import _labels
from penstock_source_firehose.dropsonde_pb2 import Envelope
from penstock_source_firehose.labels import labels_of


def test_all_but_time_and_content_is_labels() -> None:
    one = envelopes.log("one", tags={"a": "1"})
    two = envelopes.log("two" * 100, tags={"a": "1"})
    other = envelopes.log("one", tags={"a": "2"})
    assert labels_of(one) == labels_of(two) != labels_of(other)
    assert all(labels_of(frame) for frame in captured.frames())


def test_a_message_too_long_for_it_is_left_to_the_fields() -> None:
    assert labels_of(envelopes.log("x" * 20_000)) is None


def test_equal_labels_are_equal_tags_whatever_comes() -> None:
    chance = random.Random(6)
    frames = [*captured.frames(), *(spoilt(chance) for _ in range(60_000))]
    known: dict[bytes, object] = {}
    compared = 0
    for frame in frames:
        try:
            envelope = Envelope.FromString(frame)
        except Exception:
            continue
        labels = labels_of(frame)
        if labels is not None and envelope.IsInitialized():
            fields = _labels(envelope)
            assert known.setdefault(labels, fields) == fields
            compared += 1
    assert compared > 10_000


def spoilt(chance: random.Random) -> bytes:
    """Return an envelope with its fields in another order, or with bytes changed."""
    fields = [
        b"\x0a" + sized(bytes(chance.choices(b"ab\x10\x30", k=chance.randint(0, 3)))),
        b"\x10\x06",
        b"\x30" + chance.choice((b"\x01", b"\xff" * 8 + b"\x01", b"\x80" * 8 + b"\x42")),
        b"\x4a" + sized(b"\x0a\x01n\x11" + bytes(8) + b"\x1a\x01u"),
        b"\x6a" + sized(chance.choice((b"d", b"\x4a\x00", b"e"))),
        b"\x72" + sized(chance.choice((b"j", b"k"))),
        b"\x8a\x01" + sized(b"\x0a\x01k\x12\x01" + chance.choice((b"v", b"w"))),
    ]
    if chance.random() < 0.5:
        first, second = chance.sample(range(len(fields)), 2)
        fields[first], fields[second] = fields[second], fields[first]
    data = bytearray(b"".join(fields))
    if chance.random() < 0.3:
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def sized(data: bytes) -> bytes:
    return bytes([len(data)]) + data

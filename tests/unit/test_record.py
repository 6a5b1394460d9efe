"""Events as JSON: the keys of the vocabulary, for every kind and any text."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api import (
    Counter,
    Event,
    Gap,
    Gauge,
    GaugeValue,
    Log,
    Resource,
    Timer,
    TitledEvent,
    encode_event,
    encode_events,
    event_id,
)

NOW = 1_700_000_000_000_000_001
TIME = "2023-11-14T22:13:20.000000001Z"
BARE = Resource("o")


def test_a_whole_log() -> None:
    resource = Resource("docker:ab", MappingProxyType({"host.name": "n"}), {"env": "prod"})
    line = Log(NOW, "hi", "stderr", 17, 2, 1, MappingProxyType({"n": 1}))
    assert encode_event(resource, line) == (
        b'{"timestamp":"2023-11-14T22:13:20.000000001Z","kind":"log","severity":"error",'
        b'"stream":"stderr","message":"hi","id":"docker:ab:stderr:1700000000000000001:2+1",'
        b'"tags":{"env":"prod"},"attributes":{"n":1},"resource":{"host.name":"n"}}'
    )


def test_what_is_absent_has_no_key() -> None:
    assert json.loads(encode_event(BARE, Log(NOW, ""))) == {
        "timestamp": TIME,
        "kind": "log",
        "message": "",
        "id": f"o::{NOW}:0",
    }


@pytest.mark.parametrize(
    ("event", "kind", "more"),
    [
        (Counter(NOW, "c", 2, 5), "counter", {"metric": {"name": "c", "delta": 2, "total": 5}}),
        (Counter(NOW, "c"), "counter", {"metric": {"name": "c", "delta": 0}}),
        (
            Gauge(NOW, {"cpu": GaugeValue(0.5, "s"), "n": GaugeValue(2)}),
            "gauge",
            {"metric": {"values": {"cpu": {"value": 0.5, "unit": "s"}, "n": {"value": 2}}}},
        ),
        (Timer(NOW, "t", 1, 2), "timer", {"metric": {"name": "t", "start": 1, "stop": 2}}),
        (TitledEvent(NOW, "up", "ok"), "event", {"event": {"title": "up", "body": "ok"}}),
        (Gap(NOW, "rotated"), "gap", {"gap": {"reason": "rotated"}}),
        (
            Gap(NOW, "rotated", NOW, NOW, 3, "stdout"),
            "gap",
            {
                "stream": "stdout",
                "gap": {"from": TIME, "to": TIME, "reason": "rotated", "count": 3},
            },
        ),
    ],
)
def test_every_kind(event: Event, kind: str, more: dict[str, Any]) -> None:
    identity = event_id("o", event)
    expected = {"timestamp": TIME, "kind": kind, "id": identity, **more}
    assert json.loads(encode_event(BARE, event)) == expected


@given(
    st.text(), st.text(max_size=5), st.text(), st.dictionaries(st.text(), st.text() | st.integers())
)
def test_any_text_reads_back(
    body: str, stream: str, origin: str, values: dict[str, str | int]
) -> None:
    tags = {key: str(value) for key, value in values.items()}
    line = Log(NOW, body, stream, attributes=values)
    record = json.loads(encode_event(Resource(origin, values, tags), line))
    assert record["message"] == body
    assert record.get("stream", "") == stream
    assert record["id"] == event_id(origin, line)
    assert record.get("resource", {}) == record.get("attributes", {}) == values
    assert record.get("tags", {}) == tags


def test_a_line_stays_on_one_line() -> None:
    hostile = 'a\n{"kind":"forged"}\r\u2028\x00\x1b[2J"\\'
    encoded = encode_event(Resource("o\n", {"k\n": hostile}), Log(NOW, hostile, "s\n"))
    assert b"\n" not in encoded
    assert b"\x1b" not in encoded
    assert json.loads(encoded)["message"] == hostile


def test_half_a_surrogate_pair_is_replaced() -> None:
    encoded = encode_event(Resource("o\ud800", {"a\ud800": "b\ud800"}), Log(NOW, "x\ud800y"))
    assert json.loads(encoded)["message"] == "x?y"
    assert json.loads(encoded)["resource"] == {"a?": "b?"}


def test_many_are_the_same_as_one_by_one() -> None:
    events: list[Event] = [Log(NOW, "a"), Counter(NOW, "c"), Log(NOW + 1, "b", "stdout", 9)]
    assert encode_events(BARE, events) == [encode_event(BARE, event) for event in events]


def test_a_resource_that_is_gone_is_forgotten() -> None:
    def resources() -> Iterator[weakref.ref[Resource]]:
        resource = Resource("docker:3")
        encode_event(resource, Log(0, ""))
        yield weakref.ref(resource)

    (gone,) = resources()
    gc.collect()
    assert gone() is None

"""Batches of the gateway's envelopes that are unusual or broken, and events in pieces."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from tests.loggregator import v2

from penstock.api import Event, Gauge, Log
from penstock_source_firehose.envelopes import Envelopes
from penstock_source_firehose.origins import Origins
from penstock_source_firehose.sse import ServerSentEvents


def decode(*envelopes: Any) -> tuple[list[Event], list[str]]:
    data = json.dumps({"batch": envelopes}).encode()
    made, bad = Envelopes(Origins(), 1000).decode(data)
    return [event for _, event, _ in made], [why for _, why in bad]


def test_both_spellings_and_tags_of_old_are_known() -> None:
    one = {
        "timestamp": "5",
        "sourceId": "s",
        "instanceId": "1",
        "deprecatedTags": {
            "t": {"text": "x"},
            "i": {"integer": "7"},
            "d": {"decimal": 1.5},
        },
        "tags": {"new": "y"},
        "log": {"payload": "aGk=", "type": "ERR"},
    }
    made, bad = Envelopes(Origins(), 1000).decode(json.dumps({"batch": [one]}).encode())
    assert not bad
    ((origin, event, _),) = made
    assert origin.resource.origin == "s/1"
    assert event.attributes == {"t": "x", "i": "7", "d": "1.500000", "new": "y"}
    assert isinstance(event, Log)
    assert (event.time_unix_nano, event.body, event.stream) == (5, "hi", "stderr")


def test_tags_that_only_one_event_has_count_for_its_size() -> None:
    data = json.dumps({"batch": [v2.log("x", tags={"long": "v" * 4000}), v2.log("x")] * 2}).encode()
    made, _ = Envelopes(Origins(), 1000).decode(data)
    long, short, again, known = [size for _, _, size in made]
    assert min(long, again) > 4000
    assert known < 200 < short < 2000


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_readings_that_are_no_numbers(value: str) -> None:
    gauge = v2.gauge({"g": (1.0, "")})
    gauge["gauge"]["metrics"]["g"]["value"] = value
    (event,), bad = decode(gauge)
    assert not bad
    assert isinstance(event, Gauge)
    assert not math.isfinite(event.values["g"].value)


@pytest.mark.parametrize(
    "broken",
    [
        {"timestamp": "x"},
        {"timestamp": "1", "source_id": "s"},
        {"timestamp": "1", "log": {"payload": "not base64!"}},
        {"timestamp": "1", "tags": {"a": 1}, "log": {"payload": ""}},
        {"timestamp": "1", "tags": [], "log": {"payload": ""}},
        {"timestamp": "1", "counter": {"name": "c", "delta": "many"}},
        {"timestamp": "1", "gauge": {"metrics": {"g": {"value": "much"}}}},
        {"timestamp": "1", "counter": {"name": "c", "delta": "-1"}},
        {"timestamp": "1", "counter": {"name": "c", "delta": "1", "total": str(1 << 64)}},
        {"timestamp": str(1 << 63), "counter": {"name": "c"}},
        {"timestamp": "1", "timer": {"name": "t", "start": -(1 << 63) - 1}},
        "text",
        7,
        None,
    ],
)
def test_one_broken_envelope_costs_no_other(broken: Any) -> None:
    events, bad = decode(v2.log("before"), broken, v2.log("behind"))
    assert [event.body for event in events if isinstance(event, Log)] == ["before", "behind"]
    assert len(bad) == 1


@pytest.mark.parametrize(
    "broken", ['{"timestamp":"1", "novelty":{"a":"b"}}', '{"tags":{"a":1},"event":{},"more":[1,2]}']
)
def test_what_is_no_envelope_is_kept_as_it_came(broken: str) -> None:
    good = json.dumps(v2.log("good"))
    data = f'{{"batch":[{good},{broken}, {good}]}}'.encode()
    made, bad = Envelopes(Origins(), 1000).decode(data)
    assert len(made) == 2
    assert [piece for piece, _ in bad] == [broken.encode()]


DEEP = b'{"batch":[%b%b]}' % (b'{"a":' * 5000, b"}" * 5000)


@pytest.mark.parametrize("data", [b"nonsense", b"[]", b'{"batch":7}', b"\xff", b"", DEEP])
def test_what_is_no_batch_is_kept_whole(data: bytes) -> None:
    made, bad = Envelopes(Origins(), 1000).decode(data)
    assert not made
    assert [kept for kept, _ in bad] == [data]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_come_whole_whatever_pieces_they_come_in(size: int) -> None:
    body = b"data: one\n\n: comment\nevent: heartbeat\ndata: 1\r\n\r\ndata:two\ndata: three\n\n"
    stream = ServerSentEvents()
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    events = [event for piece in pieces for event in stream.feed(piece)]
    assert events == [(b"", b"one"), (b"heartbeat", b"1"), (b"", b"two\nthree")]


def test_an_event_without_an_end_is_left_out_and_the_next_one_read() -> None:
    stream = ServerSentEvents(limit=1000)
    events = stream.feed(b"data: " + b"x" * 3000)
    events += stream.feed(b"x" * 500 + b"\n\ndata: next\n\n")
    assert events == [(b"", b"next")]
    assert stream.cut == [3506]


def test_a_mark_at_the_beginning_and_the_name_of_those_without_one_hide_nothing() -> None:
    events = ServerSentEvents()
    assert events.feed(b"\xef\xbb\xbfdata: 1\n\n") == [(b"", b"1")]
    assert events.feed(b"event: message\r\ndata: 2\r\n\r\n") == [(b"", b"2")]
    assert events.feed(b": a comment\nretry: 5\nid: 7\ndata: 3\ndata:4\n\n") == [(b"", b"3\n4")]

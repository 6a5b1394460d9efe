"""Envelopes that are unusual, incomplete, hostile or none."""

from __future__ import annotations

import os
import time

import pytest
from tests.loggregator import dropsonde as by_hand
from tests.loggregator import envelopes

from penstock.api import Counter, Gauge, Log
from penstock_source_firehose.dropsonde import Dropsonde
from penstock_source_firehose.errors import UndecodableError
from penstock_source_firehose.origins import LATE_ORDINAL, Origins
from penstock_source_firehose.settings import KINDS
from penstock_source_firehose.text import VALUE_CHARS, text_of

ALL = frozenset(KINDS.values())
APP = "11111111-2222-3333-4444-555555555555"


def decoder(wanted: frozenset[type] = ALL, *, limit: int = 1_048_576) -> Dropsonde:
    return Dropsonde(Origins(), wanted, limit)


def line(payload: bytes, **options: int) -> Log:
    made = decoder(**options).decode(envelopes.log(payload))  # type: ignore[arg-type]
    assert made is not None
    assert isinstance(made[1], Log)
    return made[1]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xff", "no envelope of dropsonde"),
        (b"{}", "no envelope of dropsonde"),
        (b"", "without origin, eventType"),
        (envelopes.log("half")[:-3], "no envelope of dropsonde"),
        (b"\x0a\x01o\x10\x05\x30\x01", "LogMessage without logMessage"),
        (b"\x0a\x01o\x10\x05\x30\x01\x42\x00", "logMessage.message"),
        (b"\x0a\x01o\x10\x09\x30\x01\x62\x00", "containerMetric.applicationId"),
        (b"\x0a\x01o\x10\x06\x30\x01\x4a\x00", "valueMetric.name"),
        (b"\x0a\x01o\x10\x07\x30\x01\x52\x00", "counterEvent.name"),
        (b"\x0a\x01o\x10\x08\x30\x01\x5a\x00", "error.source"),
        (b"\x0a\x01o\x10\x04\x30\x01\x3a\x00", "httpStartStop.startTimestamp"),
        (b"\x0a\x01o\x10\x63\x30\x01", "without eventType"),
        (
            b"\x0a\x01o\x10\x07\x30\x01\x52\x05\x0a\x01n\x10\x01\x8a\x01\x01\xff",
            "a tag that is none",
        ),
    ],
)
def test_what_is_no_envelope_is_said(data: bytes, why: str) -> None:
    with pytest.raises(UndecodableError, match=why):
        decoder().decode(data)


def test_random_bytes_raise_nothing_else() -> None:
    dropsonde = decoder()
    for _ in range(3000):
        try:
            dropsonde.decode(os.urandom(40))
        except UndecodableError:
            continue


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        (b"text", "text"),
        (b"text\n", "text"),
        (b"text\r\n", "text"),
        (b"two\nlines\n\n", "two\nlines\n"),
        (b"", ""),
        (b"\xff\xfe bytes", "\ufffd\ufffd bytes"),
    ],
)
def test_a_line_loses_its_end_and_nothing_else(payload: bytes, body: str) -> None:
    assert line(payload).body == body


def test_a_long_line_is_cut_between_characters_and_says_so() -> None:
    event = line("ü".encode() * 500_000, limit=65_536)
    assert len(event.body.encode()) <= 65_536
    assert event.body.startswith("üüü")
    assert "\ufffd" not in event.body
    cut = event.attributes["penstock.cut_bytes"]
    assert event.body.endswith(f"… [{cut} bytes cut]")
    assert event.body.count("ü") * 2 + int(cut) == 1_000_000


def test_kinds_that_nobody_wants_are_not_made_but_counters_are_looked_at() -> None:
    dropsonde = decoder(frozenset({Log}))
    assert dropsonde.decode(envelopes.value("v", 1.0, "s")) is None
    counter = dropsonde.decode(envelopes.counter("dropped", 3, 9))
    assert counter is not None
    assert isinstance(counter[1], Counter)
    with pytest.raises(UndecodableError):
        dropsonde.decode(b"\x0a\x01o\x10\x06\x30\x01\x4a\x00")


def test_a_counter_without_a_total_has_none() -> None:
    document = by_hand.decode(envelopes.counter("requests", 3, 9))
    del document["counterEvent"]["total"]
    made = decoder().decode(by_hand.encode(document))
    assert made is not None
    event = made[1]
    assert isinstance(event, Counter)
    assert (event.delta, event.total) == (3, None)


def test_the_instance_of_a_metric_is_a_tag_which_a_counter_loses() -> None:
    tags = {"instance_id": "7", "source_id": "cell"}
    value = decoder().decode(envelopes.value("v", 0.0, "", tags=tags))
    counter = decoder().decode(envelopes.counter("c", 0, 0, tags=tags))
    assert value is not None
    assert counter is not None
    assert isinstance(value[1], Gauge)
    assert {made[0].resource.origin for made in (value, counter)} == {"cell/7"}
    assert value[1].attributes["instance_id"] == "7"
    assert "instance_id" not in counter[1].attributes
    assert not {"source_id"} & {*value[1].attributes, *counter[1].attributes}


def test_a_component_without_a_source_id_has_its_place_as_one() -> None:
    made = decoder().decode(envelopes.value("v", 1.0, "s", tags={}, deployment="cf", job="router"))
    assert made is not None
    assert made[0].resource.origin == "cf/router/"
    assert made[0].resource.attributes["cloudfoundry.system.id"] == "cf/router"


def test_an_app_is_named_by_its_tags() -> None:
    tags = {"app_name": "shop", "space_name": "prod", "organization_name": "acme"}
    made = decoder().decode(envelopes.log("x", app=APP, instance="3", tags=tags))
    assert made is not None
    assert made[0].resource.origin == f"{APP}/3"
    assert made[0].resource.attributes == {
        "service.name": "shop",
        "cloudfoundry.app.id": APP,
        "cloudfoundry.app.instance.id": "3",
        "cloudfoundry.app.name": "shop",
        "cloudfoundry.space.name": "prod",
        "cloudfoundry.org.name": "acme",
    }


def test_equal_tags_are_one_object() -> None:
    dropsonde = decoder()
    one, two = (dropsonde.decode(envelopes.log(text, tags={"a": "b"})) for text in "xy")
    assert one is not None
    assert two is not None
    assert one[1].attributes is two[1].attributes
    assert one[0] is two[0]


def test_tags_from_strangers_are_bounded() -> None:
    tags = {f"{number:04}" * 200: "v" * 100_000 for number in range(300)}
    made = decoder().decode(envelopes.log("x", tags=tags))
    assert made is not None
    attributes = made[1].attributes
    assert len(attributes) <= 256 + 8
    assert max(map(len, attributes)) <= 256
    assert max(len(str(value)) for value in attributes.values()) <= VALUE_CHARS


def test_tags_that_only_one_event_has_count_for_its_size() -> None:
    dropsonde = decoder()
    tags = {f"k{number}": "v" * 1000 for number in range(100)}
    sizes = [made[2] for _ in range(2) if (made := dropsonde.decode(envelopes.log("x", tags=tags)))]
    assert all(size > 100_000 for size in sizes)
    small = [made[2] for _ in range(2) if (made := dropsonde.decode(envelopes.log("x")))]
    assert small[0] > small[1]
    assert small[1] < 200


def test_the_hops_of_a_request_are_bounded_and_count_for_its_size() -> None:
    document = by_hand.decode(envelopes.http("http://x/"))
    document["httpStartStop"]["forwarded"] = ["10.0.0.1"] * 100_000
    made = decoder().decode(by_hand.encode(document))
    assert made is not None
    forwarded = str(made[1].attributes["forwarded"])
    assert VALUE_CHARS // 2 < len(forwarded) <= VALUE_CHARS
    assert forwarded.endswith(" bytes cut]")
    assert made[2] > len(forwarded)


def test_a_text_that_is_cut_says_by_how_much() -> None:
    assert text_of(b"x" * 1_000_000, 100) == "x" * 60 + "… [999940 bytes cut]"


def test_many_origins_and_tags_are_forgotten_and_found_again() -> None:
    gone: list[str] = []
    origins = Origins(lambda origin: gone.append(origin.resource.origin), most=100)
    dropsonde = Dropsonde(origins, ALL, 1000)
    for number in range(1000):
        dropsonde.decode(envelopes.log("x", instance=str(number)))
    assert 800 < len(gone) < 1000
    again = dropsonde.decode(envelopes.log("x", instance="0"))
    assert again is not None
    assert not again[0].is_forgotten


def test_events_of_one_time_have_ordinals_that_differ() -> None:
    dropsonde = decoder()
    now = time.time_ns()
    times = [now, now, now + 1, now, now, now + 1]
    made = [dropsonde.decode(envelopes.log("x", timestamp=at)) for at in times]
    found = [one[1].ordinal for one in made if one]
    assert found == [0, 1, 0, LATE_ORDINAL + 1, LATE_ORDINAL + 2, 1]


def test_an_envelope_without_a_time_has_that_of_its_message() -> None:
    document = by_hand.decode(envelopes.log("x"))
    stamp = int(document["logMessage"]["timestamp"])
    del document["timestamp"]
    made = decoder().decode(by_hand.encode(document))
    assert made is not None
    assert made[1].time_unix_nano == stamp

"""Field names: what each reads, and what is said of a name that is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api import (
    SEVERITIES,
    Counter,
    Event,
    Gap,
    Log,
    Resource,
    Value,
    rfc3339,
    severity_text,
)
from penstock.api.fields import field

RESOURCE = Resource(
    origin="docker:abc",
    attributes={
        "host.name": "node-1",
        "container.image.name": "ghcr.io/x/nginx",
        "container.label.com.example.team": "core",
        "container.env.DD_ENV": "prod",
    },
    tags={"a.b.c": "dots", "empty": ""},
)
LINE = Log(
    1_700_000_000_000_000_001,
    "hello",
    stream="stderr",
    severity_number=18,
    ordinal=2,
    merged=3,
    attributes={"n": 5, "yes": True, "no": False, "f": 0.5, "dotted.key": "v"},
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("timestamp", "2023-11-14T22:13:20.000000001Z"),
        ("kind", "log"),
        ("severity", "error"),
        ("stream", "stderr"),
        ("message", "hello"),
        ("id", "docker:abc:stderr:1700000000000000001:2+3"),
        ("attributes.n", "5"),
        ("attributes.yes", "true"),
        ("attributes.no", "false"),
        ("attributes.f", "0.5"),
        ("attributes.dotted.key", "v"),
        ("attributes.absent", None),
        ("tags.a.b.c", "dots"),
        ("tags.empty", ""),
        ("tags.absent", None),
        ("host.name", "node-1"),
        ("container.label.com.example.team", "core"),
        ("container.env.DD_ENV", "prod"),
        ("container.image.short_name", "nginx"),
        ("container.name", None),
    ],
)
def test_every_name_reads_its_field(name: str, text: str | None) -> None:
    assert field(name).get(RESOURCE, LINE) == text


@pytest.mark.parametrize("name", ["tags.x", "host.name", "container.image.short_name"])
def test_resource_fields_need_no_event(name: str) -> None:
    assert field(name).per_resource
    field(name).get(RESOURCE, None)


@pytest.mark.parametrize("name", ["timestamp", "kind", "severity", "stream", "message", "id"])
def test_event_fields_are_not_per_resource(name: str) -> None:
    assert not field(name).per_resource
    assert not field("attributes.x").per_resource


@pytest.mark.parametrize(
    "event", [Log(1, ""), Counter(1, "requests"), Gap(1, "rotated")], ids=lambda one: str(one)[:7]
)
def test_what_an_event_does_not_know_is_absent(event: Event) -> None:
    assert field("severity").get(RESOURCE, event) is None
    assert field("stream").get(RESOURCE, event) is None
    assert field("message").get(RESOURCE, event) == ("" if isinstance(event, Log) else None)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mesage", "message"),
        ("body", "message"),
        ("sevrity", "severity"),
        ("level", "severity"),
        ("hostname", "host.name"),
        ("tags", "tags.<key>"),
        ("tags.", "known are"),
        ("xyzzy", "timestamp, kind, severity, stream, message, id"),
        ("", "empty"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        field(name)


def test_severities_are_the_words_of_opentelemetrys_ranges() -> None:
    words = [severity_text(number) for number in range(1, 25)]
    assert words == [word for word in SEVERITIES for _ in range(4)]
    assert [severity_text(number) for number in SEVERITIES.values()] == list(SEVERITIES)
    assert severity_text(0) is severity_text(25) is severity_text(-1) is None


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.timedeltas(timedelta(days=-719_162), timedelta(days=2_932_896)), st.integers(0, 999))
def test_times_read_back_as_what_they_were(since: timedelta, nanoseconds: int) -> None:
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    text = rfc3339(microseconds * 1000 + nanoseconds)
    assert datetime.fromisoformat(text[:26] + "Z") == EPOCH + since
    assert (text[26:], len(text)) == (f"{nanoseconds:03}Z", 30)


def test_times_are_cut_to_the_digits() -> None:
    texts = [rfc3339(1_234_567_899, digits) for digits in (0, 3, 6, 9)]
    assert [text[17:] for text in texts] == ["01Z", "01.234Z", "01.234567Z", "01.234567899Z"]


def test_times_beyond_the_calendar_stay_times() -> None:
    assert rfc3339(10**30).startswith("9999-12-31T23:59:59.")
    assert rfc3339(-(10**30)).startswith("0001-01-01T00:00:00.")


def test_numbers_of_attributes_are_text_in_fields() -> None:
    attributes: dict[str, Value] = {"process.pid": 7}
    assert field("process.pid").get(Resource("o", attributes), None) == "7"

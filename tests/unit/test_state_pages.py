"""Batches as bytes: what goes to disk comes back, and what is damaged is known as such."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.api import (
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
from penstock.state.pages import (
    DamagedPageError,
    decode_batches,
    decode_counts,
    encode_batches,
    encode_counts,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NANOS = st.integers(0, 2**63 - 1)
SMALL = st.integers(0, 2**31)
VALUES = st.one_of(
    TEXT, st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False)
)
ATTRIBUTES = st.dictionaries(TEXT, VALUES, max_size=3)
LOGS = st.builds(
    Log,
    NANOS,
    TEXT,
    stream=st.sampled_from(["", "stdout", "stderr"]),
    severity_number=st.sampled_from([0, 9, 17]),
    ordinal=SMALL,
    merged=SMALL,
    attributes=ATTRIBUTES,
)
EVENTS = st.one_of(
    LOGS,
    st.builds(Counter, NANOS, TEXT, SMALL, st.none() | SMALL, ordinal=SMALL, attributes=ATTRIBUTES),
    st.builds(
        Gauge,
        NANOS,
        st.dictionaries(TEXT, st.builds(GaugeValue, st.floats(allow_nan=False), TEXT), max_size=3),
        ordinal=SMALL,
        attributes=ATTRIBUTES,
    ),
    st.builds(Timer, NANOS, TEXT, NANOS, NANOS, ordinal=SMALL, attributes=ATTRIBUTES),
    st.builds(TitledEvent, NANOS, TEXT, TEXT, ordinal=SMALL, attributes=ATTRIBUTES),
    st.builds(
        Gap,
        NANOS,
        TEXT,
        NANOS,
        NANOS,
        st.none() | SMALL,
        st.sampled_from(["", "stdout"]),
        ordinal=SMALL,
        attributes=ATTRIBUTES,
    ),
)
RESOURCES = st.builds(Resource, TEXT, ATTRIBUTES, st.dictionaries(TEXT, TEXT, max_size=2))
BATCHES = st.tuples(
    RESOURCES, st.lists(LOGS, max_size=5) | st.lists(EVENTS, max_size=5), SMALL
).map(lambda parts: Batch(*parts))


def plain(batches: Sequence[Batch]) -> list[object]:
    """Return what two lists of batches have in common if they say the same."""
    return [
        (_resource(batch.resource), batch.size, [_event(event) for event in batch.events])
        for batch in batches
    ]


def _resource(resource: Resource) -> object:
    return resource.origin, dict(resource.attributes), dict(resource.tags)


def _event(event: Event) -> object:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    maps: dict[str, object] = {"attributes": dict(event.attributes)}
    if isinstance(event, Gauge):
        maps["values"] = dict(event.values)
    return type(event), fields | maps


@settings(max_examples=60)
@given(st.lists(BATCHES, max_size=3))
def test_what_is_written_is_read(batches: list[Batch]) -> None:
    data = encode_batches(batches)
    read = decode_batches(data, zlib.crc32(data))
    assert plain(read) == plain(batches)
    assert all(batch.trail == () for batch in read)


def test_a_resource_is_one_object_for_all_of_its_batches() -> None:
    shared = Resource("o", {"container.name": "web"})
    other = Resource("o", {"container.name": "web"})
    batches = [Batch(one, (Log(1, "x"),), 1) for one in (shared, other, shared)]
    read = decode_batches(encode_batches(batches))
    assert read[0].resource is read[2].resource is not read[1].resource


def test_a_page_of_equal_lines_is_little_more_than_their_text() -> None:
    logs = tuple(Log(10**18 + number, "x" * 100, "stdout", 9) for number in range(1000))
    assert len(encode_batches([Batch(Resource("o"), logs, 1)])) < 1000 * 112


@pytest.mark.parametrize(
    "event",
    [
        Log(1, "torn \udcff surrogate", attributes={"k\udc80": "v\udc80"}),
        Log(1, "huge", attributes={"n": 2**80, "m": -(2**80)}),
        Log(1, "odd", attributes={"what": object(), "list": [1, object()]}),  # type: ignore[dict-item]
        Counter(1, "c", 2**70),
    ],
)
def test_what_a_plugin_makes_need_not_be_encodable(event: Event) -> None:
    resource = Resource("o\udcff", {"label": "\ud800"})
    (read,) = decode_batches(encode_batches([Batch(resource, (event,), 5)]))
    assert read.size == 5
    assert type(read.events[0]) is type(event)
    assert read.resource.origin == r"o\udcff"


@given(st.data())
def test_damage_is_never_taken_for_events(data: st.DataObject) -> None:
    batch = Batch(Resource("o", {"a": 1}), tuple(Log(n, "line") for n in range(20)), 100)
    good = encode_batches([batch])
    checksum = zlib.crc32(good)
    at = data.draw(st.integers(0, len(good) - 1))
    harm = data.draw(st.sampled_from(["flip", "cut", "grow", "empty"]))
    bad = {
        "flip": good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :],
        "cut": good[:at],
        "grow": good + b"\0",
        "empty": b"",
    }[harm]
    with pytest.raises(DamagedPageError):
        decode_batches(bad, checksum)


@given(st.binary(max_size=200))
def test_bytes_of_another_make_are_damage_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(DamagedPageError):
        decode_batches(data, zlib.crc32(data))


def test_columns_that_do_not_fit_are_damage() -> None:
    good = encode_batches([Batch(Resource("o"), (Log(1, "abc"), Log(2, "def")), 1)])
    assert good.count(b"\x92\xa3abc\xa3def") == 1
    with pytest.raises(DamagedPageError):
        decode_batches(good.replace(b"\x92\xa3abc\xa3def", b"\x91\xa7abc_def"))


@given(st.dictionaries(TEXT, SMALL, max_size=5))
def test_counts_come_back(counts: dict[str, int]) -> None:
    assert decode_counts(encode_counts(counts)) == counts


def test_counts_of_an_origin_that_is_no_text_are_kept() -> None:
    assert decode_counts(encode_counts({"o\udcff": 3})) == {r"o\udcff": 3}

"""Bodies keep within limits, whatever the pieces, and nothing is lost where they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.api import Event, Log
from penstock.http import Envelope, Limits, Owner, Parcel, Section, Target, events_of
from penstock.http.body import Body, bodies, refuse_oversized

ENVELOPES = [
    Envelope(),
    Envelope(head=b"[", tail=b"]", between=b","),
    Envelope(head=b'{"streams":[', tail=b"]}", between=b","),
    Envelope(between=b"\n", tail=b"\n"),
]

pieces = st.lists(st.binary(min_size=1, max_size=60), max_size=12)
sections = st.lists(st.tuples(pieces, st.sampled_from([b"", b'{"s":['])), max_size=5)


def made(parts: list[tuple[list[bytes], bytes]]) -> list[Section]:
    def owner(number: int) -> Owner:
        return Log(number, "x") if number % 3 else (Log(number, "a"), Log(number, "b"))

    found = []
    for of, head in parts:
        owners = [owner(number) for number in range(len(of))]
        found.append(Section(owners, list(of), head, b"]}" if head else b""))
    return found


def events(of: list[Section]) -> list[Event]:
    return [event for section in of for event in events_of(section.owners)]


def cut(
    of: list[Section], envelope: Envelope, max_bytes: int, max_events: int
) -> tuple[list[Body], dict[Event, str]]:
    limits = Limits(max_body_bytes=max_bytes, max_events=max_events, max_event_bytes=50)
    target = Target(url="", content_type="", envelope=envelope, limits=limits)
    rest, refused = refuse_oversized(Parcel(target, of))
    return list(bodies(target, rest.sections, 1 << 62)), refused


@settings(deadline=None, max_examples=100)
@given(sections, st.sampled_from(ENVELOPES), st.integers(20, 400), st.integers(1, 9))
def test_bodies_keep_within_limits_and_lose_nothing(
    parts: list[tuple[list[bytes], bytes]], envelope: Envelope, max_bytes: int, max_events: int
) -> None:
    given_sections = made(parts)
    found, refused = cut(given_sections, envelope, max_bytes, max_events)
    for body in found:
        assert len(body.data()) <= max_bytes
        assert 0 < sum(len(section.pieces) for section in body.sections) <= max_events
        assert all(section.pieces for section in body.sections)
    sent = [event for body in found for event in events_of(body.owners)]
    assert [event for event in events(given_sections) if event not in refused] == sent


@pytest.mark.parametrize("max_bytes", range(32, 90))
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_no_body_is_a_byte_too_long(envelope: Envelope, max_bytes: int) -> None:
    parts = [([b"12345678"] * 3, b'{"s":['), ([b"1234"] * 4, b""), ([b"1"] * 9, b'{"s":[')]
    found, refused = cut(made(parts), envelope, max_bytes, 1000)
    assert not refused
    assert all(len(body.data()) <= max_bytes for body in found)


@settings(deadline=None, max_examples=100)
@given(pieces, st.sampled_from(ENVELOPES), st.integers(20, 400))
def test_a_body_is_as_full_as_it_may_be(
    parts: list[bytes], envelope: Envelope, max_bytes: int
) -> None:
    found, _ = cut(made([(parts, b"")]), envelope, max_bytes, 1000)
    for body, after in pairwise(found):
        longer = len(body.data()) + len(envelope.between) + len(after.sections[0].pieces[0])
        assert longer + len(envelope.between) > max_bytes


def test_what_goes_around_a_section_is_repeated_where_it_is_cut() -> None:
    owners: list[Owner] = [Log(number, "x") for number in range(3)]
    section = Section(owners, [b"1111", b"2222", b"3333"], b'{"v":[', b"]}")
    found, _ = cut([section], ENVELOPES[1], 20, 10)
    assert [body.data() for body in found] == [b'[{"v":[1111,2222]}]', b'[{"v":[3333]}]']


def test_a_piece_that_no_body_can_carry_is_refused_by_name() -> None:
    owners: list[Owner] = [Log(number, "x") for number in range(3)]
    section = Section(owners, [b"1", b"2" * 51, b"3"])
    found, refused = cut([section], ENVELOPES[0], 400, 10)
    assert [body.data() for body in found] == [b"13"]
    assert refused == {owners[1]: "51 bytes encoded, and the destination takes 50"}

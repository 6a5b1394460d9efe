"""The doubles' own codec against what real components sent."""

from __future__ import annotations

import pytest

from tests.loggregator import captured, dropsonde, envelopes

APP = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def test_the_captured_frames_decode_to_the_json_beside_them() -> None:
    assert [dropsonde.decode(frame) for frame in captured.frames()] == captured.decoded()


def test_what_is_decoded_encodes_to_the_same_content() -> None:
    for document in captured.decoded():
        assert dropsonde.decode(dropsonde.encode(document)) == document


def test_all_six_types_are_among_the_captured_ones() -> None:
    kinds = {dropsonde.kind_of(document) for document in captured.decoded()}
    assert kinds == set(dropsonde.ENUMS["EventType"].values())


def test_a_uuid_is_packed_in_little_endian_halves() -> None:
    halves = {"low": 0x7243CC580BC17AF4, "high": 0x79D4C3B2020E67A5}
    assert {key: int(half) for key, half in dropsonde.uuid_of(APP).items()} == halves
    assert dropsonde.guid(halves) == APP


def test_the_applications_of_made_up_envelopes() -> None:
    made = [envelopes.log("x", app=APP), envelopes.http("/", app=APP), envelopes.container(app=APP)]
    others = [envelopes.counter("c", 1, 2), envelopes.value("v", 1.5, "s"), envelopes.error("e")]
    assert [dropsonde.app_of(dropsonde.decode(one)) for one in made] == [APP] * 3
    assert [dropsonde.app_of(dropsonde.decode(one)) for one in others] == [""] * 3


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05ab", b"", b"\x0a\x01a", b"\x0b"])
def test_what_is_no_envelope(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"ends within|has no|wire type"):
        dropsonde.decode(data)

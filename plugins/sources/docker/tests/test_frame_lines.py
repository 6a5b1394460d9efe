"""Frames of the engine's stream become lines: whole ones, cut ones, hostile ones."""

from __future__ import annotations

from datetime import UTC, datetime
from struct import pack

import pytest

from penstock_source_docker.budget import Budgets
from penstock_source_docker.frames import FrameLines, walk
from penstock_source_docker.lines import CUT_BYTES, LineFormat
from penstock_source_docker.position import Mark, Position
from penstock_source_docker.recent import Recent

BEGAN = 1_795_000_000 * 10**9
OUT, ERR, SYSTEM = 1, 2, 3


def stamp(time: int) -> bytes:
    """Return a time as Docker writes it."""
    second = datetime.fromtimestamp(time // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{second}.{time % 10**9:09}Z".encode()


def frame(text: bytes, after: int = 0, kind: int = OUT) -> bytes:
    """Return one frame, so many nanoseconds after the beginning."""
    payload = stamp(BEGAN + after) + b" " + text
    return pack(">BxxxI", kind, len(payload)) + payload


def lines(
    position: Position | None = None, *, limit: int = 1_048_576, closed: bool = False
) -> FrameLines:
    """Return a reader with budgets of its own."""
    budgets = Budgets()
    form = LineFormat((0, 9, 17), limit, budgets)
    return FrameLines(form, position or Position(), Recent(budgets.recent, walk), closed=closed)


def test_lines_of_both_streams_with_their_times_and_severities() -> None:
    events = lines().feed(frame(b"one\n", 1) + frame(b"two\n", 2, ERR) + frame(b"three\n", 3))
    assert [(e.body, e.stream, e.severity_number, e.time_unix_nano - BEGAN) for e in events] == [
        ("one", "stdout", 9, 1),
        ("two", "stderr", 17, 2),
        ("three", "stdout", 9, 3),
    ]


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 38, 39, 40, 41, 64])
def test_reads_may_end_anywhere(size: int) -> None:
    data = b"".join(frame(b"line %d\n" % i, i + 1) for i in range(20))
    reader = lines()
    events = [e for at in range(0, len(data), size) for e in reader.feed(data[at : at + size])]
    assert [e.body for e in events] == [f"line {i}" for i in range(20)]


def test_line_ends_blank_lines_and_bytes_that_are_no_text() -> None:
    data = frame(b"dos\r\n", 1) + frame(b"\n", 2) + frame(b"\xff\xfe\n", 3) + frame(b"a\0b\n", 4)
    assert [e.body for e in lines().feed(data)] == ["dos", "", "\ufffd\ufffd", "a\0b"]


def test_a_long_line_is_joined_per_stream_and_keeps_its_first_time() -> None:
    whole, rest = b"x" * 16_384, b"y" * 10 + b"\n"
    reader = lines()
    events = reader.feed(frame(whole, 1) + frame(b"between\n", 2, ERR) + frame(rest, 1))
    assert [(e.body, e.stream) for e in events] == [
        ("between", "stderr"),
        ("x" * 16_384 + "y" * 10, "stdout"),
    ]
    assert events[1].time_unix_nano == BEGAN + 1


def test_the_last_line_needs_no_line_end() -> None:
    reader = lines()
    assert reader.feed(frame(b"x" * 16_384, 1)) == []
    assert [e.body for e in reader.finish()] == ["x" * 16_384]


def test_a_line_beyond_the_bound_is_cut_with_a_mark_and_holds_no_more_than_it() -> None:
    reader = lines(limit=20_000)
    for _ in range(100):
        assert reader.feed(frame(b"z" * 16_384, 1)) == []
    (event,) = reader.feed(frame(b"end\n", 1))
    assert len(event.body.encode()) <= 20_000
    kept = len(event.body) - len(event.body.lstrip("z"))
    assert event.attributes[CUT_BYTES] == 100 * 16_384 + 3 - kept
    assert "bytes cut" in event.body


def test_a_frame_that_comes_twice_is_counted_and_not_delivered() -> None:
    reader = lines()
    first = reader.feed(frame(b"a\n", 1) + frame(b"b\n", 2))
    again = reader.feed(frame(b"a\n", 1) + frame(b"b\n", 2) + frame(b"c\n", 3))
    assert [e.body for e in first + again] == ["a", "b", "c"]
    assert reader.history.duplicates == 2


def test_a_clock_that_goes_back_begins_a_new_epoch_and_loses_nothing() -> None:
    reader = lines()
    reader.feed(frame(b"a\n", 1000))
    events = reader.feed(frame(b"b\n", 10) + frame(b"c\n", 11))
    assert [e.body for e in events] == ["b", "c"]
    assert reader.position.epoch == 1


def test_resumed_nothing_up_to_the_anchor_is_sent_again() -> None:
    before = lines()
    sent = before.feed(frame(b"a\n", 1) + frame(b"b\n", 2, ERR) + frame(b"c\n", 3))
    assert len(sent) == 3
    resumed = lines(before.position, closed=True)
    data = frame(b"a\n", 1) + frame(b"b\n", 2, ERR) + frame(b"c\n", 3) + frame(b"d\n", 4, ERR)
    assert [e.body for e in resumed.feed(data)] == ["d"]
    assert not resumed.history.closed


def test_an_anchor_that_does_not_come_back_is_noticed() -> None:
    position = Position(Mark(BEGAN + 2), anchor=OUT)
    resumed = lines(position, closed=True)
    assert resumed.feed(frame(b"later\n", 5)) == []
    assert resumed.history.passed


def test_two_lines_with_one_time_have_different_ordinals() -> None:
    events = lines().feed(frame(b"a\n", 1) + frame(b"b\n", 1))
    assert [(e.body, e.ordinal) for e in events] == [("a", 0), ("b", 1)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x09\0\0\0\0\0\0\x04abcd", "no frame"),
        (b"\x01\1\0\0\0\0\0\x04abcd", "no frame"),
        (frame(b"Error grabbing logs: EOF", 2, SYSTEM), "Error grabbing logs"),
    ],
)
def test_what_is_no_frame_ends_the_stream_but_keeps_what_came_before(
    data: bytes, reason: str
) -> None:
    reader = lines()
    assert [e.body for e in reader.feed(frame(b"good\n", 1) + data)] == ["good"]
    assert reason in reader.broken

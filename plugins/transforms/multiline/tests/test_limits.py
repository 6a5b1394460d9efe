"""What becomes of entries that are too large, or never end."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.api import event_id
from penstock.testing import batch, configured, resource
from penstock_transform_multiline.multiline import Multiline

PART = "penstock.multiline_part"


@pytest.mark.parametrize("size", [1, 2, 50])
def test_too_many_lines_become_several_events_that_are_marked(new_desk: Any, size: int) -> None:
    desk = new_desk(preset="java", max_lines=4)
    texts = ["java.lang.Error: no", *(f"\tat a.B.c(D.java:{n})" for n in range(8)), "bye"]
    for at in range(0, len(texts), size):
        desk.send(batch(texts[at : at + size]))
    desk.flush(final=True)
    events = desk.events()
    assert [event.merged + 1 for event in events] == [4, 4, 1, 1]
    assert [event.attributes.get(PART) for event in events] == [1, 2, 3, None]
    assert "\n".join(event.body for event in events) == "\n".join(texts)
    assert len({event_id("o", event) for event in events}) == 4


@pytest.mark.parametrize("size", [1, 3, 50])
def test_too_many_bytes_become_several_events(new_desk: Any, size: int) -> None:
    desk = new_desk(pattern=r"^\s", max_bytes=1024)
    texts = ["first", *(" " + "é" * 199 for _ in range(6)), "last"]
    for at in range(0, len(texts), size):
        desk.send(batch(texts[at : at + size]))
    desk.flush(final=True)
    assert "\n".join(event.body for event in desk.events()) == "\n".join(texts)
    assert all(len(event.body.encode()) <= 1024 for event in desk.events())
    assert [event.attributes.get(PART) for event in desk.events()] == [1, 2, 3, None]


def test_a_line_is_never_cut(new_desk: Any) -> None:
    desk = new_desk(pattern=r"^\s", max_bytes=1024)
    texts = ["a", " " + "x" * 5000, " b", "c"]
    desk.send(batch(texts))
    desk.flush(final=True)
    assert [event.body for event in desk.events()] == texts


def test_a_first_line_that_is_too_large_by_itself_begins_a_trace(new_desk: Any) -> None:
    desk = new_desk(preset="java", max_bytes=1024)
    texts = ["java.lang.Error: " + "x" * 5000, "\tat a.B.c(D.java:1)", "\tat a.B.c(D.java:2)"]
    desk.send(batch(texts))
    desk.flush(final=True)
    assert [event.body for event in desk.events()] == [texts[0], "\n".join(texts[1:])]


@pytest.mark.parametrize("match", ["last", "nonlast"])
def test_a_last_line_ends_a_part_as_well(new_desk: Any, match: str) -> None:
    desk = new_desk(pattern="^end" if match == "last" else "^[a-d]", match=match, max_lines=2)
    assert desk.send(batch(["a", "b", "end", "c", "end", "d"])) == ["a\nb", "end", "c\nend"]


class Small(Multiline):
    """Holds little."""

    max_held_bytes = 5_000


def test_what_was_held_first_makes_room_for_more() -> None:
    transform = configured(Small)
    texts = ["java.lang.Error: no", *["\tat " + "x" * 500 for _ in range(4)]]
    inputs = [batch(texts, resource(f"docker:{n}")) for n in range(4)]
    out = [[made.resource.origin for made in transform.apply(one)] for one in inputs]
    assert out == [[], [], ["docker:0"], ["docker:1"]]
    assert sum(len(hold.events) for hold in transform.tally.holds) == 10
    assert len(list(transform.flush(0.0, True))) == 2


def test_a_header_without_a_trace_does_not_swallow_what_follows(new_desk: Any) -> None:
    desk = new_desk()
    texts = ["java.io.IOException: no", *(f"word {n}" for n in range(1000))]
    for text in texts:
        desk.send(batch([text]))
    assert len(desk.events()) > 700
    desk.flush(final=True)
    assert [event.body for event in desk.events()] == texts

"""What is joined and what is not, and when it comes out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.api import Gap, Log, event_id
from penstock.testing import batch, log, one_of_each, resource

TRACE = [
    "Traceback (most recent call last):",
    '  File "a.py", line 1',
    "    no()",
    "ValueError: no",
]
RECORD = "2024-11-21 02:45:39 INFO ready"
WHOLE = "\n".join(TRACE)
PART = "penstock.multiline_part"


def err(*texts: str) -> list[Log]:
    return [log(text, "stderr") for text in texts]


# --- one event -----------------------------------------------------------------------------


def test_an_event_has_time_stream_severity_and_id_of_its_first_line(new_desk: Any) -> None:
    desk = new_desk()
    first = log(TRACE[0], "stderr", severity=17, attributes={"a": 1})
    desk.send(batch([first, *err(*TRACE[1:], RECORD)]))
    desk.flush(final=True)
    event = desk.events()[0]
    assert (event.time_unix_nano, event.stream, event.severity_number) == (
        first.time_unix_nano,
        "stderr",
        17,
    )
    assert (event.body, event.attributes, event.merged) == (WHOLE, {"a": 1}, 3)
    assert event_id("o", event) == event_id("o", first) + "+3"


def test_lines_that_were_joined_before_count_as_many(new_desk: Any) -> None:
    desk = new_desk(pattern=r"^\s")
    one, two = log("a"), msgspec.structs.replace(log(" b"), merged=4)
    desk.send(batch([one, two]))
    desk.flush(final=True)
    assert [event.merged for event in desk.events()] == [5]


def test_an_untouched_batch_is_the_same_batch(new_desk: Any) -> None:
    desk = new_desk()
    for events in (["a", "b"], [], one_of_each(), ["an Error in the text", RECORD]):
        untouched = batch(events)
        assert desk.transform.apply(untouched) in (untouched, [untouched])
        assert not desk.transform.tally.holds


def test_metrics_pass_through_a_trace(new_desk: Any) -> None:
    metrics = one_of_each()[1:5]
    desk = new_desk()
    desk.send(batch([log(TRACE[0]), metrics[0], log(TRACE[1]), *metrics[1:], *map(log, TRACE[2:])]))
    desk.flush(final=True)
    assert [event.body for event in desk.events()] == [WHOLE]
    assert [event for one in desk.out for event in one.events if type(event) is not Log] == [
        *metrics
    ]


@pytest.mark.parametrize(("stream", "ends"), [("", True), ("stdout", True), ("stderr", False)])
def test_a_gap_ends_what_its_stream_has_begun(new_desk: Any, stream: str, ends: bool) -> None:
    gap = Gap(1, "rotated", stream=stream)
    desk = new_desk()
    desk.send(batch(TRACE[:2]))
    desk.send(batch([gap, *TRACE[2:], RECORD]))
    desk.flush(final=True)
    bodies = [event.body for event in desk.events()]
    assert bodies[0] == ("\n".join(TRACE[:2]) if ends else WHOLE)
    order = [event for one in desk.out for event in one.events]
    if ends:
        assert order.index(gap) == 1


# --- containers and streams ----------------------------------------------------------------


def test_streams_and_containers_never_mix(new_desk: Any) -> None:
    desk = new_desk()
    one, two = resource("docker:1"), resource("docker:2")
    for at in range(4):
        desk.send(batch([log(TRACE[at]), log(TRACE[at], "stderr")], one))
        desk.send(batch([log(TRACE[at], "stderr")], two))
    desk.flush(final=True)
    found = [(b.resource.origin, e.stream, e.body) for b in desk.out for e in b.events]  # type: ignore[union-attr]
    assert sorted(found) == [
        ("docker:1", "stderr", WHOLE),
        ("docker:1", "stdout", WHOLE),
        ("docker:2", "stderr", WHOLE),
    ]


def test_a_container_that_is_described_anew_begins_anew_and_keeps_its_order(new_desk: Any) -> None:
    desk = new_desk()
    desk.send(batch(TRACE[:2], resource("docker:1", {"container.name": "old"})))
    desk.send(batch(["a", "b"], resource("docker:1", {"container.name": "new"})))
    assert [event.body for event in desk.events()] == ["\n".join(TRACE[:2]), "a", "b"]
    assert not desk.transform.tally.holds


# --- time ----------------------------------------------------------------------------------


def test_held_lines_come_out_by_the_clock(new_desk: Any) -> None:
    desk = new_desk(max_wait_ms=500)
    assert desk.send(batch(TRACE)) == []
    assert desk.flush(10.0) == []
    assert desk.flush(10.4) == []
    assert desk.flush(10.5) == [WHOLE]
    assert desk.flush(99.0) == []


def test_every_line_begins_the_wait_again(new_desk: Any) -> None:
    desk = new_desk(max_wait_ms=500)
    desk.send(batch(TRACE[:2]))
    desk.flush(10.0)
    desk.send(batch(TRACE[2:]))
    assert desk.flush(10.5) == []
    assert desk.flush(10.9) == []
    assert desk.flush(11.0) == [WHOLE]


def test_lines_of_which_nobody_is_sure_do_not_make_it_longer(new_desk: Any) -> None:
    desk = new_desk(max_wait_ms=500)
    desk.send(batch(["an Error in the text"]))
    desk.flush(10.0)
    for tenth in range(1, 5):
        assert desk.send(batch([f"word {tenth}"])) == []
        assert desk.flush(10 + tenth / 10) == []
    assert desk.flush(10.5) == ["an Error in the text", *(f"word {n}" for n in range(1, 5))]


def test_the_end_gives_up_everything(new_desk: Any) -> None:
    desk = new_desk()
    desk.send(batch(TRACE[:2]), batch([*err("panic: no", "")]))
    assert desk.flush(final=True) == ["\n".join(TRACE[:2]), "panic: no", ""]
    assert not desk.transform.tally.holds


def test_what_goes_on_after_the_wait_is_the_next_part(new_desk: Any) -> None:
    desk = new_desk(max_wait_ms=500)
    desk.send(batch(TRACE[:2]))
    desk.flush(10.0)
    assert desk.flush(10.5) == ["\n".join(TRACE[:2])]
    assert desk.send(batch([*TRACE[2:], "2024-11-21 ready"])) == [
        "\n".join(TRACE[2:]),
        "2024-11-21 ready",
    ]
    assert [event.attributes.get(PART) for event in desk.events()] == [None, 2, None]


def test_what_does_not_go_on_after_the_wait_is_on_its_own(new_desk: Any) -> None:
    desk = new_desk(max_wait_ms=500)
    desk.send(batch(TRACE))
    desk.flush(10.0)
    desk.flush(10.5)
    assert desk.send(batch(["a", "b"])) == ["a", "b"]
    later = log("    indented", time_unix_nano=desk.events()[0].time_unix_nano + 10**11)
    assert desk.send(batch([later])) == ["    indented"]


# --- patterns, as Logspout has them --------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "pattern", "joined"),
    [
        ("first", "^[A-Z]", [" a", "B\n c\n d", "E", "F\n g"]),
        ("nonfirst", r"^\s", [" a", "B\n c\n d", "E", "F\n g"]),
        ("last", "^[A-Z]", [" a\nB", " c\n d\nE", "F", " g"]),
        ("nonlast", r"^\s", [" a\nB", " c\n d\nE", "F", " g"]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_four_kinds_of_match(
    new_desk: Any, match: str, pattern: str, joined: list[str], size: int
) -> None:
    desk = new_desk(pattern=pattern, match=match)
    texts = [" a", "B", " c", " d", "E", "F", " g"]
    for at in range(0, len(texts), size):
        desk.send(batch(texts[at : at + size]))
    desk.flush(final=True)
    assert [event.body for event in desk.events()] == joined


@pytest.mark.parametrize("pattern", [r"^\s", r"^\s+", r"^(\s|\t)*\s", r"re:^\s"])
def test_a_pattern_may_be_simple_or_not(new_desk: Any, pattern: str) -> None:
    desk = new_desk(pattern=pattern, separator=" | ")
    desk.send(batch(["a", " b", log(" c", "stderr"), " d", "", "e"]))
    desk.flush(final=True)
    assert [event.body for event in desk.events() if event.stream == "stdout"] == [
        "a |  b |  d",
        "",
        "e",
    ]


# --- notes and the text around traces ------------------------------------------------------


def test_plain_lines_behind_an_exception_are_its_notes_where_other_lines_are_records(
    new_desk: Any,
) -> None:
    desk = new_desk()
    now = [log(text, time_unix_nano=1000 * n) for n, text in enumerate([RECORD, *TRACE, "a note"])]
    desk.send(batch([*now, log(RECORD, time_unix_nano=9000)]))
    assert [event.body for event in desk.events()] == [RECORD, f"{WHOLE}\na note", RECORD]


def test_plain_lines_behind_an_exception_are_their_own_where_others_are_plain(
    new_desk: Any,
) -> None:
    desk = new_desk()
    desk.send(batch(["ready", *TRACE, "steady", *TRACE, "go", "on"]))
    desk.flush(final=True)
    assert [event.body for event in desk.events()] == ["ready", WHOLE, "steady", WHOLE, "go", "on"]


def test_plain_lines_that_come_later_are_no_notes(new_desk: Any) -> None:
    desk = new_desk()
    texts = [log(text, time_unix_nano=1000 * n) for n, text in enumerate([RECORD, *TRACE])]
    desk.send(batch([*texts, log("ready", time_unix_nano=20_000_000)]))
    desk.flush(final=True)
    assert [event.body for event in desk.events()] == [RECORD, WHOLE, "ready"]

"""Any lines, cut into frames as Docker does and read in any pieces, come out whole."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.api import Log, rfc3339
from penstock_source_docker.budget import Budgets
from penstock_source_docker.frames import FrameLines
from penstock_source_docker.frames import walk as walk_frames
from penstock_source_docker.lines import LineFormat, Lines
from penstock_source_docker.pace import Pace
from penstock_source_docker.position import Position
from penstock_source_docker.recent import Recent
from penstock_source_docker.terminal import TerminalLines
from penstock_source_docker.terminal import walk as walk_terminal

FULL = 16_384
BEGAN = 1_795_000_000 * 10**9

texts = st.one_of(
    st.binary(max_size=40).map(lambda text: text.replace(b"\n", b" ")),
    st.sampled_from([b"x" * size for size in (FULL - 1, FULL, FULL + 1, 2 * FULL, 40_000)]),
    st.sampled_from([b"", b"\r", b"2026-01-01T00:00:00.000000001Z older", b"\xf0\x9f\x98"]),
)
lines = st.lists(st.tuples(st.sampled_from([1, 2]), texts), min_size=1, max_size=12)
cuts = st.lists(st.integers(1, 50_000), max_size=20)


def split(text: bytes) -> list[bytes]:
    """Cut a line into the payloads that Docker sends; the last one is shorter, or has the end."""
    whole = text + b"\n"
    return [whole[at : at + FULL] for at in range(0, len(whole), FULL)]


def expected(text: bytes) -> str:
    return text.removesuffix(b"\r").decode("utf-8", "replace")


def pieces(data: bytes, sizes: list[int]) -> list[bytes]:
    parts = []
    for size in sizes:
        parts.append(data[:size])
        data = data[size:]
    return [*parts, data]


def read(reader: Lines, data: bytes, sizes: list[int]) -> list[Log]:
    events = [event for piece in pieces(data, sizes) for event in reader.feed(piece)]
    return events + reader.finish()


def reader(kind: type[Lines], walk: Any, *, limit: int = 1 << 20, **options: Any) -> Lines:
    budgets = Budgets()
    form = LineFormat((0, 9, 17), limit, budgets, **options)
    return kind(form, Position(), Recent(budgets.recent, walk))


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines, cuts)
def test_multiplexed(make_frame: Any, printed: list[tuple[int, bytes]], sizes: list[int]) -> None:
    data = b"".join(
        make_frame(kind, BEGAN + number, payload)
        for number, (kind, text) in enumerate(printed)
        for payload in split(text)
    )
    events = read(reader(FrameLines, walk_frames), data, sizes)
    got = [(event.stream, event.body, event.time_unix_nano - BEGAN) for event in events]
    names = ("", "stdout", "stderr")
    assert got == [
        (names[kind], expected(text), number) for number, (kind, text) in enumerate(printed)
    ]


@settings(deadline=None, max_examples=60)
@given(st.lists(texts, min_size=1, max_size=12), cuts)
def test_a_terminal(printed: list[bytes], sizes: list[int]) -> None:
    data = b"".join(
        rfc3339(BEGAN + 10**9 * number).encode() + b" " + payload
        for number, text in enumerate(printed)
        for payload in split(text + b"\r")
    )
    events = read(reader(TerminalLines, walk_terminal), data, sizes)
    assert [event.body for event in events] == [text.decode("utf-8", "replace") for text in printed]


def test_a_terminals_frames_without_a_line_end_between_them() -> None:
    stamps = [rfc3339(BEGAN + number).encode() for number in range(4)]
    data = b"%b $ %b%b next\r\n%b only begun" % (stamps[0], b"", stamps[1], stamps[2])
    terminal = reader(TerminalLines, walk_terminal)
    assert [event.body for event in terminal.feed(data)] == ["$ ", "next"]
    assert [event.body for event in terminal.finish()] == ["only begun"]


@pytest.mark.parametrize("size", [1 << 20, 4096])
def test_characters_that_were_cut_make_longer_frames(make_frame: Any, size: int) -> None:
    """The driver json-file puts � for the halves of a character, and for what is no UTF-8."""
    for text in ("\u96e8" * 15_000).encode(), b"\xff" * 50_000:
        parts = [part.decode("utf-8", "replace").encode() for part in split(text)]
        multiplexed = b"".join(make_frame(1, BEGAN, part) for part in parts)
        terminal = b"".join(f"{rfc3339(BEGAN)} ".encode() + part for part in parts)
        whole = b"".join(parts).decode().removesuffix("\n")
        for kind, walk, data in (
            (FrameLines, walk_frames, multiplexed),
            (TerminalLines, walk_terminal, terminal),
        ):
            events = read(reader(kind, walk), data, [size] * 40)
            assert [event.body for event in events] == [whole]


def test_journald_stamps_each_part_and_drops_an_empty_rest(make_frame: Any) -> None:
    journald = reader(FrameLines, walk_frames, same_stamp=False)
    second = 10**9
    data = (
        make_frame(1, BEGAN, b"x" * FULL)
        + make_frame(1, BEGAN + 1000, b"end\n")
        + make_frame(1, BEGAN + second, b"y" * FULL)
        + make_frame(1, BEGAN + 9 * second, b"another line\n")
    )
    events = journald.feed(data)
    assert [event.body for event in events] == ["x" * FULL + "end", "y" * FULL, "another line"]
    # The place is behind the last part: what is read again is not newer.
    assert journald.feed(make_frame(1, BEGAN + 1000, b"end\n")) == []


def test_parts_of_different_times_are_different_lines(make_frame: Any) -> None:
    data = make_frame(1, BEGAN, b"x" * FULL) + make_frame(1, BEGAN + 1, b"other\n")
    events = reader(FrameLines, walk_frames).feed(data)
    assert [event.body for event in events] == ["x" * FULL, "other"]


@pytest.mark.parametrize("limit", [64, 1000, 20_000])
def test_what_is_cut_ends_between_characters_and_keeps_its_bound(
    make_frame: Any, limit: int
) -> None:
    text = "é€😀".encode() * 5000
    data = b"".join(make_frame(1, BEGAN, payload) for payload in split(text))
    (event,) = reader(FrameLines, walk_frames, limit=limit).feed(data)
    body, _, mark = event.body.rpartition("… [")
    assert len(event.body.encode()) <= limit
    assert "\ufffd" not in body
    missing = event.attributes["penstock.cut_bytes"]
    assert mark == f"{missing} bytes cut]"
    assert len(body.encode()) + int(missing) == len(text)


def test_a_frame_larger_than_docker_makes_is_not_held_whole(make_frame: Any) -> None:
    data = make_frame(1, BEGAN, b"z" * 3_000_000 + b"\n") + make_frame(1, BEGAN + 1, b"next\n")
    large = reader(FrameLines, walk_frames, limit=100_000)
    events = [
        event for at in range(0, len(data), 65_536) for event in large.feed(data[at : at + 65_536])
    ]
    assert [len(event.body.encode()) <= 100_000 for event in events] == [True, True]
    missing = events[0].attributes["penstock.cut_bytes"]
    assert events[0].body.count("z") + int(missing) == pytest.approx(3_000_000, abs=1)
    assert events[1].body == "next"


def test_all_open_lines_together_have_one_bound(make_frame: Any) -> None:
    budgets = Budgets()
    form = LineFormat((0, 9, 17), 1 << 20, budgets)
    readers = [FrameLines(form, Position(), Recent(budgets.recent, walk_frames)) for _ in range(40)]
    part = make_frame(1, BEGAN, b"x" * FULL)
    for one in readers:
        for _ in range(60):
            one.feed(part)
    held = budgets.partials.held
    assert held <= 12 * 1_048_576
    events = [event for one in readers for event in one.feed(make_frame(1, BEGAN, b"\n"))]
    assert len(events) == 40
    for event in events:
        missing = int(event.attributes.get("penstock.cut_bytes", 0))
        assert event.body.count("x") + missing == 60 * FULL
    assert budgets.partials.held == 0


async def test_a_line_whose_rest_is_late(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading(pace=Pace(patience_s=0.1)) as out:
        stamp = web.print(b"x" * FULL)
        await out.until_lines(1)
        web.print(b"late\n", at=stamp)
        web.print("next")
        await out.until_lines(3)
        await asyncio.sleep(0.05)
    assert out.lines() == ["x" * FULL, "late", "next"]
    ids = {(event.time_unix_nano, event.ordinal) for event in out.events() if type(event) is Log}
    assert len(ids) == 3
    async with reading(out.committed) as again:
        web.print("live")
        await again.until_lines(1)
    assert again.lines() == ["live"]


async def test_text_that_an_end_leaves_without_a_line_end(engine: Any, reading: Any) -> None:
    web = engine.add("web", tty=True)
    async with reading() as out:
        web.print(b"prompt $ ")
        await asyncio.sleep(0.1)
        web.stop()
        engine.emit("die", web)
        await out.until_lines(1)
        web.start()
        web.last = time.time_ns()
        web.print(b"next\r\n")
        engine.emit("start", web)
        await out.until_lines(2)
    assert out.lines() == ["prompt $ ", "next"]
    assert out.duplicate_counts == {}

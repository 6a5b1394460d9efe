"""Goes on exactly behind the last line that was sent, or says what is lost."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from penstock.api import Gap, Log
from penstock.testing import RecordingOutlet
from penstock_source_docker.pace import Pace

SECOND = 1_000_000_000


async def test_lines_of_a_running_container(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    web.print("old")
    async with reading() as out:
        web.print("one", "two")
        web.print("err", kind=2)
        await out.until_lines(3)
    assert out.lines() == ["one", "two", "err"]
    assert [event.severity_number for event in out.events()] == [9, 9, 17]


async def test_a_restart_goes_on_behind_the_last_line(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading() as first:
        for number in range(50):
            web.print(f"out {number}")
            web.print(f"err {number}", kind=2)
        await first.until_lines(100)
    web.print("while away")
    web.print("while away", kind=2)
    async with reading(first.committed) as second:
        await second.until_lines(2)
        web.print("live")
        await second.until_lines(3)
    assert second.lines("stdout") == ["while away", "live"]
    assert second.lines("stderr") == ["while away"]
    assert second.gaps == []
    # Ten seconds before the newest line, of few frames: not the whole log.
    last = engine.queries[-1]
    assert last["tail"] == "1000"
    assert float(last["since"]) > time.time() - 60


async def test_an_early_line_of_the_other_stream_does_not_read_everything_again(
    engine: Any, reading: Any
) -> None:
    web = engine.add("web")
    stamp = time.time_ns() - 40 * SECOND
    async with reading(start_at="beginning") as first:
        web.print("early", kind=2, at=stamp)
        web.print("now")
        await first.until_lines(2)
    async with reading(first.committed) as second:
        web.print("next")
        await second.until_lines(1)
    assert second.lines() == ["next"]
    since = int(engine.queries[-1]["since"].replace(".", ""))
    assert since > stamp + 20 * SECOND


async def test_the_tail_grows_until_the_last_line_comes_back(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading() as first:
        web.print("anchor")
        await first.until_lines(1)
    web.print(*(f"line {number}" for number in range(25_000)))
    async with reading(first.committed) as second:
        await second.until_lines(25_000)
    assert second.lines() == [f"line {number}" for number in range(25_000)]
    assert second.gaps == []
    tails = [query["tail"] for query in engine.queries]
    assert tails[1:] == ["1000", "100", "1000", "10000", "100000", "1000000"]


async def test_what_docker_no_longer_has_is_a_gap(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading() as first:
        last = web.print("anchor")
        await first.until_lines(1)
    web.print(*(f"line {number}" for number in range(100)))
    web.hides = 51
    async with reading(first.committed) as second:
        await second.until_lines(50)
        web.print("live")
        await second.until_lines(51)
    gap, *rest = second.events()
    assert type(gap) is Gap
    assert gap.from_unix_nano == last
    assert gap.to_unix_nano == rest[0].time_unix_nano
    assert second.lines() == [*(f"line {number}" for number in range(50, 100)), "live"]
    assert len(second.gaps) == 1


async def test_an_emptied_log_is_a_gap_said_once(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading() as first:
        web.print("anchor")
        await first.until_lines(1)
    web.log.clear()
    async with reading(first.committed) as second:
        await second.until(lambda: second.gaps)
        engine.cut()
        await asyncio.sleep(0.3)
        web.print("new")
        await second.until_lines(1)
    assert len(second.gaps) == 1
    assert second.lines() == ["new"]


async def test_a_stream_cut_in_the_middle_of_a_long_line(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    full = b"x" * 16_384
    async with reading() as out:
        web.print("before")
        stamp = web.print(full)
        await out.until_lines(1)
        engine.cut()
        await asyncio.sleep(0.2)
        web.print(full, at=stamp)
        web.print(b"end\n", at=stamp)
        web.print("after")
        await out.until_lines(3)
    assert out.lines() == ["before", "x" * 32_768 + "end", "after"]
    assert out.gaps == []


async def test_a_line_that_was_open_when_the_other_stream_went_on(
    engine: Any, reading: Any
) -> None:
    web = engine.add("web")
    full = b"x" * 16_384
    async with reading() as first:
        stamp = web.print(full)
        web.print("meanwhile 1", "meanwhile 2", kind=2)
        await first.until_lines(2)
    web.print(b"end\n", at=stamp)
    web.print("after")
    async with reading(first.committed) as second:
        await second.until_lines(2)
    assert second.lines() == ["x" * 16_384 + "end", "after"]
    assert second.lines("stderr") == []
    assert second.gaps == []


async def test_two_lines_with_one_stamp_are_both_delivered(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    stamp = time.time_ns()
    async with reading() as first:
        web.print("one", "two", at=stamp)
        await first.until_lines(2)
        web.print("three", at=stamp)
        await first.until_lines(3)
    ordinals = [event.ordinal for event in first.events() if type(event) is Log]
    assert ordinals == [0, 1, 2]
    web.print("four", at=stamp)
    async with reading(first.committed) as second:
        await second.until_lines(1)
    assert second.lines() == ["four"]
    assert [event.ordinal for event in second.events() if type(event) is Log] == [3]


async def test_frames_that_docker_repeats_are_dropped_and_counted(
    engine: Any, reading: Any
) -> None:
    web = engine.add("web")
    async with reading() as out:
        web.print(*(f"line {number}" for number in range(200)))
        await out.until_lines(200)
        web.log.extend(web.log[-120:])
        web.print("after")
        await out.until_lines(201)
    assert out.lines() == [*(f"line {number}" for number in range(200)), "after"]
    assert out.duplicate_counts == {f"docker:{web.id}": 120}


async def test_a_clock_that_goes_back_makes_no_line_vanish(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading() as first:
        web.print("before")
        await first.until_lines(1)
        for number in range(5):
            web.print(f"back {number}", at=time.time_ns() - 3600 * SECOND)
            web.print(f"back {number}", kind=2, at=time.time_ns() - 3600 * SECOND)
        await first.until_lines(11)
    assert first.lines("stdout") == ["before", *(f"back {number}" for number in range(5))]
    assert first.lines("stderr") == [f"back {number}" for number in range(5)]
    web.print("while away", at=time.time_ns() - 3600 * SECOND)
    async with reading(first.committed) as second:
        await second.until_lines(1)
        await asyncio.sleep(0.1)
    assert second.lines() == ["while away"]
    assert second.gaps == first.gaps == []


async def test_a_clock_set_back_while_the_stream_asks_for_since(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading() as first:
        web.print("before")
        await first.until_lines(1)
    async with reading(first.committed, pace=Pace(list_every_s=0.1)) as out:
        web.print("after")
        await out.until_lines(1)
        # The fake engine, like the real one, filters live lines by since as well. What it has
        # from here on is older than that.
        hidden = time.time_ns() - 3600 * SECOND
        engine.hide_before = True
        web.print("hidden 1", at=hidden)
        await asyncio.sleep(0.1)
        assert out.lines() == ["after"]
        engine.date = lambda: time.time() - 3600
        await out.until_lines(2)
        web.print("hidden 2", at=hidden + 5)
        await out.until_lines(3)
    assert out.lines() == ["after", "hidden 1", "hidden 2"]
    assert out.gaps == []


async def test_at_most_four_logs_are_searched_at_once(engine: Any, reading: Any) -> None:
    containers = [engine.add(f"web-{number}") for number in range(12)]
    async with reading() as first:
        for container in containers:
            container.print("anchor")
        await first.until_lines(12)
    engine.most_scans = 0
    engine.scan_gate = asyncio.Event()
    async with reading(first.committed) as second:
        await asyncio.sleep(0.3)
        assert engine.scans == 4
        engine.scan_gate.set()
        for container in containers:
            container.print("next")
        await second.until_lines(12)
    assert engine.most_scans == 4
    assert second.lines() == ["next"] * 12


async def test_a_blocked_outlet_looks_the_last_line_up_again(engine: Any, reading: Any) -> None:
    web = engine.add("web", options={"max-size": "1m"})
    out = RecordingOutlet(settle=True)
    async with reading(outlet=out):
        last = web.print("one")
        await out.until_lines(1)
        out.shut()
        web.print("two")
        await asyncio.sleep(0.1)
        web.print("three")
        await asyncio.sleep(1.1)
        # While the outlet is shut the log rotates past everything, and the stream says nothing.
        web.log.append((1, time.time_ns(), b"four\n"))
        web.log.append((1, time.time_ns(), b"five\n"))
        web.hides = 4
        out.open()
        await out.until(lambda: out.gaps)
        await out.until(lambda: "five" in out.lines())
    assert out.lines() == ["one", "two", "three", "five"]
    (loss,) = out.gaps
    assert loss.gap.from_unix_nano > last


async def test_a_silent_stream_is_probed_and_opened_anew(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading(pace=Pace(list_every_s=0.1, idle_s=0.05)) as out:
        web.print("one")
        await out.until_lines(1)
        # The stream does not hear of it, as with a log that was truncated in place.
        web.log.append((1, time.time_ns(), b"two\n"))
        await out.until_lines(2)
    assert out.lines() == ["one", "two"]


async def test_what_the_open_stream_and_the_log_both_have_comes_once(
    engine: Any, reading: Any
) -> None:
    web = engine.add("web", options={"max-size": "1m"})
    out = RecordingOutlet(settle=True)
    async with reading(outlet=out):
        web.print("one")
        await out.until_lines(1)
        out.shut()
        for number in range(2, 8):
            await asyncio.sleep(0.01)
            web.print(f"out {number}")
            web.print(f"err {number}", kind=2)
        await asyncio.sleep(1.1)
        # What was sent is rotated away; of what the stream has already, the rest is there.
        web.hides = 4
        web.print("last")
        out.open()
        await out.until(lambda: "last" in out.lines())
        await asyncio.sleep(0.1)
    assert out.lines("stdout") == ["one", *(f"out {number}" for number in range(2, 8)), "last"]
    assert out.lines("stderr") == [f"err {number}" for number in range(2, 8)]
    assert out.gaps == []

"""Containers that are removed while they are read: Docker may end their log too soon."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("silence_ms", "lines", "gaps"), [(300, 5000, 1), (5, 5000, 0), (300, 50, 0)]
)
async def test_a_log_that_ends_at_full_speed_long_before_its_container(
    engine: Any, reading: Any, silence_ms: int, lines: int, gaps: int
) -> None:
    async with reading() as out:
        web = engine.new("web")
        await asyncio.sleep(0.05)
        first = time.time_ns() - silence_ms * 1_000_000
        for number in range(lines):
            web.log.append((1, first + number, b"x" * 60 + b"\n"))
        web.running = False
        engine.emit("die", web)
        engine.remove(web)
        await out.until(lambda: out.retired)
    assert len(out.lines()) == lines
    assert len(out.gaps) == gaps
    for loss in out.gaps:
        assert loss.gap.from_unix_nano == web.log[-1][1]
        assert "before the last line" in loss.gap.reason


async def test_a_log_that_was_waited_for_has_ended(engine: Any, reading: Any) -> None:
    async with reading() as out:
        web = engine.new("web")
        for _ in range(5000):
            web.log.append((1, web.last, b"x" * 60 + b"\n"))
            web.last += 1
        web.print("last")
        await out.until_lines(5001)
        await asyncio.sleep(0.3)
        web.running = False
        engine.emit("die", web)
        engine.remove(web)
        await out.until(lambda: out.retired)
    assert out.gaps == []


async def test_a_log_that_is_removed_as_it_is_opened_is_a_gap(engine: Any, reading: Any) -> None:
    """The engine has answered by then: it says in the stream that there is no file any more."""
    async with reading() as out:
        brief = engine.new("brief")
        brief.print("Error grabbing logs: no such file or directory", kind=3)
        async with asyncio.timeout(10):
            while not engine.queries:
                await asyncio.sleep(0.001)
        engine.remove(brief)
        await out.until(lambda: brief.id in out.retired)
    assert [loss.lane for loss in out.gaps] == [brief.id]

"""``@source`` with positions: a generator that can be read again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from tests.authoring_lab import STAMP, FileContract, OfFile, read

from penstock.api import (
    Log,
    PluginError,
    Positioned,
    Resource,
    RetryableError,
    source,
)
from penstock.testing import RecordingOutlet, configured, log


@source(config=OfFile, requires_api="1.0")
async def tail(config: OfFile, position: int | None) -> AsyncIterator[Positioned]:
    """Read a file that grows, from the byte where it came to."""
    at = position or 0
    with Path(config.path).open("rb") as file:
        while True:
            file.seek(at)
            for line in iter(file.readline, b""):
                text = line.removesuffix(b"\n").decode("utf-8", "replace")
                yield Positioned(Log(STAMP, text, ordinal=at), file.tell())
                at = file.tell()
            await asyncio.sleep(0.005)


class TestTail(FileContract):
    reader = tail


async def test_it_can_be_read_again() -> None:
    assert (tail.replayable, tail.kinds) == (True, {Log})


async def test_positions_are_those_of_the_last_event_of_a_batch() -> None:
    @source
    async def counted(position: int | None) -> AsyncIterator[Positioned]:
        for number in range(position or 0, 10):
            yield Positioned(Log(number + 1, str(number)), number + 1)
        yield Positioned(None, 12)

    out = await read(counted)
    assert out.committed == {"": 12}
    again = await read(counted, RecordingOutlet({"": 7}, settle=True))
    assert again.lines() == ["7", "8", "9"]


async def test_each_batch_has_the_position_behind_it() -> None:
    a, b = Resource("a"), Resource("b")

    @source
    async def mixed(position: int | None) -> AsyncIterator[Positioned]:
        yield Positioned((a, log("1")), 1)
        yield Positioned((b, log("2")), 2)
        yield Positioned((b, log("3")), 3)
        yield Positioned((a, log("4")), 4)

    out = await read(mixed, RecordingOutlet())
    sent = [(one.batch.resource.origin, one.lines, one.position) for one in out.sent]
    assert sent == [("a", ["1"], 1), ("b", ["2", "3"], 3), ("a", ["4"], 4)]


async def test_a_position_without_an_event_is_reached_alone() -> None:
    @source
    async def skips(position: int | None) -> AsyncIterator[Positioned]:
        yield Positioned(None, (position or 0) + 5)

    out = await read(skips, RecordingOutlet({"": 7}))
    assert (out.sent, out.committed) == ([], {"": 12})


class Place(Struct):
    file: str
    at: int


async def test_a_position_comes_back_as_its_type() -> None:
    seen: list[object] = []

    @source
    async def typed(position: Place | None) -> AsyncIterator[Positioned]:
        seen.append(position)
        yield Positioned(log("x"), Place("a", 3))
        raise RetryableError("again")

    out = RecordingOutlet({"": {"file": "b", "at": 2}})
    made = configured(typed)
    for _ in range(2):
        with pytest.raises(RetryableError):
            await made.run(out)
    assert seen == [Place("b", 2), Place("a", 3)], "what was sent counts before it is committed"
    out.settle_all()
    assert out.committed == {"": {"file": "a", "at": 3}}


async def test_a_position_of_another_type_is_named() -> None:
    out = RecordingOutlet({"": "somewhere"})
    with pytest.raises(PluginError, match="the stored position 'somewhere' is none of its own"):
        await configured(tail).run(out)


async def test_a_missing_position_is_named() -> None:
    @source
    async def forgets(position: int | None) -> AsyncIterator[Any]:
        yield log("x")

    with pytest.raises(PluginError, match=r"yields Log without a position"):
        await configured(forgets).run(RecordingOutlet())

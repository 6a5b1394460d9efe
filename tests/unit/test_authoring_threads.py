"""``@source`` over a plain generator: a blocking reader in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.authoring_lab import STAMP, FileContract, OfFile

from penstock.api import (
    Log,
    PluginError,
    Positioned,
    RetryableError,
    source,
)
from penstock.testing import (
    RecordingOutlet,
    configured,
    log,
)


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("penstock-")}


@source(config=OfFile, requires_api="1.0")
def tail(config: OfFile, position: int | None) -> Iterator[Positioned | None]:
    """Read a file that grows, in a thread."""
    at = position or 0
    with Path(config.path).open("rb") as file:
        while True:
            file.seek(at)
            for line in iter(file.readline, b""):
                text = line.removesuffix(b"\n").decode("utf-8", "replace")
                yield Positioned(Log(STAMP, text, ordinal=at), file.tell())
                at = file.tell()
            time.sleep(0.005)
            yield None


class TestTail(FileContract):
    reader = tail

    @pytest.fixture(autouse=True)
    def _ended(self) -> Iterator[None]:
        yield
        assert not threads()


async def test_a_plain_generator_runs_in_a_thread() -> None:
    seen: set[int] = set()

    @source
    def numbers() -> Iterator[Log]:
        for number in range(5000):
            seen.add(threading.get_ident())
            yield Log(number + 1, str(number))

    out = RecordingOutlet(settle=True)
    await configured(numbers).run(out)
    assert out.lines() == [str(number) for number in range(5000)]
    assert len(seen) == 1
    assert threading.get_ident() not in seen
    assert not threads()


async def test_a_thread_reads_no_further_than_a_few_items_ahead() -> None:
    came = 0

    @source
    def eager() -> Iterator[Log]:
        nonlocal came
        while True:
            came += 1
            yield Log(came, "x")

    out = RecordingOutlet(capacity=1)
    task = asyncio.create_task(configured(eager).run(out))
    await out.until(lambda: out.waiting)
    await asyncio.sleep(0.05)
    assert came < 1100
    before = came
    await asyncio.sleep(0.05)
    assert came == before
    out.open()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(out.lines()) == came, "what was read is handed over, also what was read ahead"
    assert not threads()


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), RetryableError("gone")])
async def test_an_error_comes_after_what_was_read(error: Exception) -> None:
    @source
    def breaks() -> Iterator[Log]:
        yield log("before")
        raise error

    out = RecordingOutlet()
    with pytest.raises(RetryableError, match="gone"):
        await configured(breaks).run(out)
    assert out.lines() == ["before"]
    assert not threads()


async def test_an_exit_ends_the_source_alone() -> None:
    @source
    def leaves() -> Iterator[Log]:
        yield log("before")
        raise SystemExit(3)

    with pytest.raises(PluginError, match="raised SystemExit"):
        await configured(leaves).run(RecordingOutlet())


async def test_a_plain_generator_is_closed_in_its_thread() -> None:
    seen: list[int] = []

    @source
    def closes() -> Iterator[Log | None]:
        try:
            yield log("x")
            while True:
                time.sleep(0.005)
                yield None
        finally:
            seen.append(threading.get_ident())

    out = RecordingOutlet()
    task = asyncio.create_task(configured(closes).run(out))
    await out.until_lines(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(seen) == 1
    assert seen[0] != threading.get_ident()
    assert not threads()


async def test_a_reader_that_does_not_come_back_is_left_behind_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    door: queue.SimpleQueue[str] = queue.SimpleQueue()

    @source
    def blocks() -> Iterator[Log]:
        yield log("first")
        yield log(door.get())

    out = RecordingOutlet()
    task = asyncio.create_task(configured(blocks).run(out))
    await out.until_lines(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "<locals>.blocks still waits for its next item and is left behind" in caplog.text
    assert threads() == {"penstock-blocks"}
    door.put("too late")
    while threads():
        await asyncio.sleep(0.005)
    assert out.lines() == ["first"]

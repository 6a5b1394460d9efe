"""``ThreadedSink``: a blocking client behind a thread of its own."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import queue
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta

from penstock.api import (
    Batch,
    PluginError,
    RejectedError,
    Report,
    RetryableError,
    Sink,
    ThreadedSink,
    encode_events,
)
from penstock.testing import (
    SinkContract,
    batch,
    configured,
    lines,
    log,
)


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("penstock-")}


class Lines(ThreadedSink):
    """Append every event to a file: a sink in 20 lines."""

    name = "lines"
    requires_api = "1.0"

    class Config(Sink.Config, frozen=True, kw_only=True):
        """Where to."""

        path: Annotated[str, Meta(description="File to append to.")]

    config: Config

    def write_blocking(self, batches: Sequence[Batch]) -> None:
        with open(self.config.path, "ab") as file:
            for one in batches:
                file.writelines(b"%b\n" % line for line in encode_events(one.resource, one.events))
            file.flush()
            os.fsync(file.fileno())


class TestLines(SinkContract):
    @pytest.fixture(autouse=True)
    async def _file(self, tmp_path: Path) -> AsyncIterator[None]:
        self.path = tmp_path / "folder/lines"
        self.path.parent.mkdir()
        self.made: list[Sink] = []
        yield
        for sink in self.made:
            await sink.close()  # A test that is skipped half-way leaves it open.
        assert not threads()

    def make_sink(self) -> Sink:
        self.made.append(configured(Lines, {"path": str(self.path)}))
        return self.made[-1]

    async def collected(self) -> list[str]:
        text = self.path.read_text() if self.path.exists() else ""
        return [json.loads(line)["message"] for line in text.split("\n")[:-1]]

    async def break_destination(self) -> None:
        self.path.parent.rename(self.path.parent.with_name("elsewhere"))

    async def mend_destination(self) -> None:
        self.path.parent.with_name("elsewhere").rename(self.path.parent)


class Client:
    """A blocking client that does what a test tells it to, and says what it did."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.entered = threading.Semaphore(0)
        self.failure: BaseException | None = None

    def take(self, call: str) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    def wait(self) -> Any:
        self.entered.release()
        answer = self.answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Told(ThreadedSink):
    name = "told"

    def __init__(self, config: Sink.Config) -> None:
        super().__init__(config)
        self.client = Client()

    def open_blocking(self) -> None:
        self.client.take("open")

    def write_blocking(self, batches: Sequence[Batch]) -> Report | None:
        self.client.take(f"write {' '.join(lines(batches))}")
        if "wait" in lines(batches):
            return self.client.wait()  # type: ignore[no-any-return]
        return None

    def close_blocking(self) -> None:
        self.client.take("close")


class Interruptible(Told):
    name = "interruptible"

    def interrupt(self) -> None:
        self.client.calls.append("interrupt")
        self.client.answers.put(ConnectionAbortedError("interrupted"))


class Brief(Told):
    name = "brief"
    close_timeout_s = 0.05


async def opened(kind: type[Told] = Told) -> Told:
    sink = kind(kind.Config())
    await sink.open()
    return sink


async def writing(sink: Told, *texts: str) -> asyncio.Task[Report | None]:
    """Start a write that waits in the thread."""
    task = asyncio.create_task(sink.write([batch(texts)]))
    await asyncio.to_thread(sink.client.entered.acquire)
    return task


async def test_all_calls_are_made_by_one_other_thread() -> None:
    sink = await opened()
    await sink.write([batch(["a", "b"])])
    await sink.close()
    assert sink.client.calls == ["open", "write a b", "close"]
    (thread,) = sink.client.threads
    assert thread != threading.get_ident()
    assert not threads()


async def test_the_loop_goes_on_while_a_call_blocks() -> None:
    sink = await opened()
    task = await writing(sink, "wait")
    assert not task.done()
    report = Report(retry=(log("x"),))
    sink.client.answers.put(report)
    assert await task is report
    await sink.close()


@pytest.mark.parametrize(
    ("raised", "comes"),
    [
        (RetryableError("later"), RetryableError),
        (RejectedError("never"), RejectedError),
        (ConnectionResetError("gone"), RetryableError),
        (TimeoutError(), RetryableError),
        (ValueError("odd"), ValueError),
        (StopIteration(), PluginError),
        (SystemExit(3), PluginError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value),
)
async def test_errors_come_through(raised: BaseException, comes: type[Exception]) -> None:
    sink = await opened()
    sink.client.failure = raised
    with pytest.raises(comes):
        await sink.write([batch(["a"])])
    await sink.write([batch(["b"])])
    await sink.close()
    assert sink.client.calls == ["open", "write a", "write b", "close"]


async def test_a_write_that_is_cancelled_comes_to_its_end_before_the_next() -> None:
    sink = await opened()
    first = await writing(sink, "wait")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(sink.write([batch(["second"])]))
    third = asyncio.create_task(sink.write([batch(["third"])]))
    await asyncio.sleep(0)
    third.cancel()
    sink.client.answers.put(None)
    await second
    await sink.write([batch(["fourth"])])
    await sink.close()
    assert sink.client.calls == ["open", "write wait", "write second", "write fourth", "close"]


async def test_writes_that_are_given_up_behind_one_that_hangs_hold_nothing() -> None:
    sink = await opened()
    first = await writing(sink, "wait")
    first.cancel()
    given = [batch(["given up"])]
    before = sys.getrefcount(given[0])
    for _ in range(100):
        write = asyncio.create_task(sink.write(list(given)))
        await asyncio.sleep(0)
        write.cancel()
        await asyncio.gather(write, return_exceptions=True)
    del write
    await asyncio.sleep(0)
    gc.collect()
    held = sys.getrefcount(given[0]) - before
    sink.client.answers.put(None)
    await sink.write([batch(["last"])])
    await sink.close()
    assert sink.client.calls == ["open", "write wait", "write last", "close"]
    assert held <= 1, "one at most, by the loop that has just cancelled it"


async def test_interrupt_ends_a_write_that_is_cancelled() -> None:
    sink = await opened(Interruptible)
    first = await writing(sink, "wait")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await sink.write([batch(["second"])])
    await sink.close()
    assert sink.client.calls == ["open", "write wait", "interrupt", "write second", "close"]


async def test_close_interrupts_what_is_under_way_and_writes_nothing_more() -> None:
    sink = await opened(Interruptible)
    first = await writing(sink, "wait")
    second = asyncio.create_task(sink.write([batch(["second"])]))
    await asyncio.sleep(0)
    await sink.close()
    with pytest.raises(RetryableError, match="interrupted"):
        await first
    with pytest.raises(RetryableError, match="closed"):
        await second
    with pytest.raises(RetryableError, match="not open"):
        await sink.write([batch(["third"])])
    await sink.close()
    assert sink.client.calls == ["open", "write wait", "interrupt", "close"]
    assert not threads()


async def test_close_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    sink = await opened(Brief)
    first = await writing(sink, "wait")
    first.cancel()
    await sink.close()
    assert "its thread is left behind" in caplog.text
    assert threads() == {"penstock-brief"}
    sink.client.answers.put(None)
    while threads():
        await asyncio.sleep(0.005)
    assert sink.client.calls == ["open", "write wait", "close"], "in the end it is closed too"


async def test_open_is_tried_again() -> None:
    sink = Told(Told.Config())
    sink.client.failure = ConnectionRefusedError("nobody there")
    with pytest.raises(RetryableError, match="nobody there"):
        await sink.check()
    await sink.open()
    await sink.close()
    assert sink.client.calls == ["open", "open", "close"]


async def test_what_was_opened_in_vain_is_closed() -> None:
    sink = Told(Told.Config())
    sink.client.failure = ConnectionRefusedError("nobody there")
    with pytest.raises(RetryableError):
        await sink.open()
    await sink.close()
    assert sink.client.calls == ["open", "close"]


async def test_an_open_that_was_given_up_is_not_repeated_when_it_succeeds() -> None:
    class Slow(Told):
        name = "slow"

        def open_blocking(self) -> None:
            super().open_blocking()
            self.client.wait()

    sink = Slow(Slow.Config())
    opening = asyncio.create_task(sink.open())
    await asyncio.to_thread(sink.client.entered.acquire)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    sink.client.answers.put(None)
    await sink.open()
    await sink.close()
    assert sink.client.calls == ["open", "close"]


def test_a_sink_without_write_blocking_says_so_before_anything_starts() -> None:
    class Empty(ThreadedSink):
        name = "empty"

    with pytest.raises(PluginError, match="Empty has no write_blocking"):
        Empty(Empty.Config())


def test_a_loop_that_is_gone_leaves_no_thread() -> None:
    async def leave() -> Told:
        sink = await opened(Brief)
        task = await writing(sink, "wait")
        task.cancel()
        await sink.close()
        return sink

    sink = asyncio.run(leave())
    sink.client.answers.put(None)
    for thread in threading.enumerate():
        if thread.name == "penstock-brief":
            thread.join(10)
    assert not threads()

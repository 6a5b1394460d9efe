"""The kit finds what is wrong with a sink: how it is made, configured, opened and closed."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from tests.contract.sinks import SinkUnderTest, fails, impatient

from penstock.api import Batch, Counter, Log, Report, RetryableError
from penstock.testing import MemorySink, SinkContract, batch


async def test_a_sink_that_leaks_a_task() -> None:
    class Leaking(MemorySink):
        async def open(self) -> None:
            self.task = asyncio.create_task(asyncio.sleep(2), name="pinger")

    contract = impatient(Leaking)
    broken = await fails(contract, "test_close_leaves_nothing_behind")
    assert "pinger" in broken.seen
    broken = await fails(contract, "test_open_cancelled_anywhere")
    assert "pinger" in broken.seen


async def test_a_sink_that_takes_a_cancellation_for_success() -> None:
    class Swallowing(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
                return await super().write(batches)
            return None

    broken = await fails(impatient(Swallowing), "test_write_cancelled_anywhere")
    assert "returned as if it had delivered: 0 lines instead of 6" in broken.seen


async def test_a_sink_that_leaks_a_socket() -> None:
    opened = []

    class Leaking(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            opened.append(socket.socket())
            return await super().write(batches)

    broken = await fails(impatient(Leaking), "test_close_leaves_nothing_behind")
    assert "socket" in broken.seen
    for sock in opened:
        sock.close()


async def test_a_sink_that_sends_after_close() -> None:
    tasks = []

    class Persistent(MemorySink):
        """Goes on trying in a task of its own, which close forgets."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            try:
                return await super().write(batches)
            except RetryableError:
                tasks.append(asyncio.create_task(self._insist(batches)))
                raise

        async def _insist(self, batches: Sequence[Batch]) -> None:
            while True:
                try:
                    await self.destination.take(batches)
                except RetryableError:
                    await asyncio.sleep(0.01)
                else:
                    return

    broken = await fails(SinkUnderTest(Persistent), "test_sends_nothing_after_close")
    assert "'after close'" in broken.seen
    await asyncio.gather(*tasks)


async def test_a_sink_that_cannot_be_closed_without_open() -> None:
    class Fragile(MemorySink):
        async def open(self) -> None:
            self.handle = object()

        async def close(self) -> None:
            del self.handle

    broken = await fails(SinkUnderTest(Fragile), "test_close_without_open")
    assert "AttributeError" in broken.seen


async def test_a_sink_that_hangs_in_open_or_close() -> None:
    class Opening(MemorySink):
        async def open(self) -> None:
            await asyncio.Event().wait()

    class Closing(MemorySink):
        async def close(self) -> None:
            await asyncio.Event().wait()

    assert "TimeoutError" in (await fails(impatient(Opening), "test_delivers")).seen
    assert "TimeoutError" in (await fails(impatient(Closing), "test_close_without_open")).seen


async def test_a_sink_that_does_io_when_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")

    class Eager(MemorySink):
        def __init__(self, config: MemorySink.Config) -> None:
            super().__init__(config)
            (tmp_path / "token").read_text()

    class Resolving(MemorySink):
        def __init__(self, config: MemorySink.Config) -> None:
            super().__init__(config)
            socket.getaddrinfo("127.0.0.1", 514)

    broken = await fails(SinkUnderTest(Eager), "test_construction_does_no_io")
    assert "token" in broken.seen
    broken = await fails(SinkUnderTest(Resolving), "test_construction_does_no_io")
    assert "socket.getaddrinfo" in broken.seen


class Sloppy(MemorySink):
    """Settings that core could not work with."""

    name = "Sloppy Sink"

    class Config(msgspec.Struct):
        destination: Annotated[str, msgspec.Meta(description="Where to.")] = "default"
        retry: int = 3

    def __init__(self, config: Any) -> None:
        self.config = config
        self.accepts = frozenset({Log, Counter})


@pytest.mark.parametrize(
    ("test", "seen"),
    [
        ("test_name", "Sloppy Sink"),
        ("test_unknown_settings_are_refused", "takes any key"),
        ("test_settings_are_frozen", "not frozen"),
        ("test_settings_are_described", "says nothing of: retry"),
        ("test_no_setting_is_reserved", "retry"),
    ],
)
async def test_a_sink_with_sloppy_settings(test: str, seen: str) -> None:
    assert seen in (await fails(SinkUnderTest(Sloppy), test)).seen


async def test_a_sink_whose_settings_have_no_type() -> None:
    class Opaque(MemorySink):
        class Config(MemorySink.Config, frozen=True, kw_only=True):
            clock: Annotated[Path | None, msgspec.Meta(description="A type of its own.")] = None

    class Unwritable(MemorySink):
        class Config(MemorySink.Config, frozen=True, kw_only=True):
            clock: Annotated[Any, msgspec.Meta(description="A default of its own.")] = object()

    broken = await fails(SinkUnderTest(Opaque), "test_settings_have_a_schema")
    assert "no type is known of: clock" in broken.seen
    broken = await fails(SinkUnderTest(Unwritable), "test_settings_have_a_schema")
    assert "NotImplementedError" in broken.seen


async def test_outages_are_skipped_aloud_when_nothing_can_be_broken() -> None:
    class Unbreakable(SinkUnderTest):
        break_destination = SinkContract.break_destination

    with pytest.raises(pytest.skip.Exception, match="nothing is known of this sink in an outage"):
        await Unbreakable(MemorySink).test_outage()


async def test_a_sink_that_leaks_a_thread() -> None:
    over = threading.Event()

    class Threaded(MemorySink):
        async def open(self) -> None:
            threading.Thread(target=over.wait, name="poller", daemon=True).start()

    class Eager(MemorySink):
        def __init__(self, config: MemorySink.Config) -> None:
            super().__init__(config)
            threading.Thread(target=over.wait, name="early", daemon=True).start()

    try:
        broken = await fails(impatient(Threaded), "test_close_leaves_nothing_behind")
        assert "thread poller" in broken.seen
        broken = await fails(SinkUnderTest(Eager), "test_construction_does_no_io")
        assert "started the thread early" in broken.seen
    finally:
        over.set()


async def test_a_thread_of_the_loop_is_no_leak() -> None:
    class Delegating(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            await asyncio.to_thread(len, batches)
            return await super().write(batches)

    await SinkUnderTest(Delegating).test_close_leaves_nothing_behind()


async def test_a_sink_that_forgets_before_it_has_closed() -> None:
    class Forgetful(MemorySink):
        """Lets go of its connection before it has closed it: a second close has nothing to do."""

        connection: asyncio.Task[None] | None = None

        async def open(self) -> None:
            self.connection = asyncio.create_task(asyncio.sleep(2), name="connection")

        async def close(self) -> None:
            connection, self.connection = self.connection, None
            if connection:
                await asyncio.sleep(0)  # Says goodbye.
                connection.cancel()

    broken = await fails(impatient(Forgetful), "test_close_cancelled_anywhere")
    assert "connection" in broken.seen


async def test_a_sink_that_cannot_close_again() -> None:
    class Once(MemorySink):
        closed = False

        async def close(self) -> None:
            if self.closed:
                raise RuntimeError("closed already")
            self.closed = True
            await asyncio.sleep(0)

    broken = await fails(impatient(Once), "test_close_cancelled_anywhere")
    assert "closed already" in broken.seen


async def test_a_sink_that_leaves_half_a_record_behind() -> None:
    class Halving(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                self.destination.received.append((batches[0].resource, Log(1, "cance")))
                raise
            return await super().write(batches)

    broken = await fails(impatient(Halving), "test_write_cancelled_anywhere")
    assert "['cance']" in broken.seen


async def test_a_sink_that_checks_with_an_event() -> None:
    class Probing(MemorySink):
        async def check(self) -> None:
            await self.write([batch(["is anybody there?"])])

    class Leaving(MemorySink):
        async def check(self) -> None:
            self.task = asyncio.create_task(asyncio.sleep(2), name="checker")

    class Failing(MemorySink):
        async def check(self) -> None:
            raise ConnectionRefusedError("nobody there")

    class Stuck(MemorySink):
        """Cannot be closed after a check that never opened it."""

        handle: asyncio.Event | None = None

        async def close(self) -> None:
            self.handle.set()  # type: ignore[union-attr]

    for sink, seen in ((Failing, "ConnectionRefusedError"), (Stuck, "AttributeError")):
        assert seen in (await fails(impatient(sink), "test_check_writes_nothing")).seen
    broken = await fails(impatient(Probing), "test_check_writes_nothing")
    assert "is anybody there?" in broken.seen
    assert "checker" in (await fails(impatient(Leaving), "test_check_writes_nothing")).seen

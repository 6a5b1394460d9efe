"""The kit finds what is wrong with a sink: how it is made, configured, opened and closed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from tests.contract.sinks import SinkUnderTest, fails, impatient

from penstock.api import Batch, Counter, Log, Report, RetryableError
from penstock.testing import MemorySink, SinkContract


async def test_a_sink_that_leaks_a_task() -> None:
    class Leaking(MemorySink):
        async def open(self) -> None:
            self.task = asyncio.create_task(asyncio.sleep(2), name="pinger")

    contract = impatient(Leaking)
    broken = await fails(contract, "test_close_leaves_nothing_behind")
    assert "pinger" in broken.seen
    broken = await fails(contract, "test_open_cancelled_anywhere")
    assert "pinger" in broken.seen


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
            tasks.append(asyncio.create_task(self._insist(batches)))
            raise RetryableError("later")

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

    broken = await fails(SinkUnderTest(Opaque), "test_settings_have_a_schema")
    assert "no type is known of: clock" in broken.seen


async def test_outages_are_skipped_aloud_when_nothing_can_be_broken() -> None:
    class Unbreakable(SinkUnderTest):
        break_destination = SinkContract.break_destination

    with pytest.raises(pytest.skip.Exception, match="nothing is known of this sink in an outage"):
        await Unbreakable(MemorySink).test_outage()

"""The kit finds what is wrong with a source: what it counts, shares, blocks and says."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import ClassVar

from msgspec.structs import replace
from tests.contract.sources import Between, SourceUnderTest, Wrapped, fails, fails_soon

from penstock.api import (
    Batch,
    Counter,
    Event,
    Log,
    Outlet,
    PluginError,
    Receipt,
    Resource,
    RetryableError,
    Secret,
)
from penstock.testing import MemorySource, RecordingOutlet


async def test_a_source_that_counts_otherwise() -> None:
    class Twice(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            await super().send(batch, lane=lane)
            return await super().send(batch, lane=lane, position=position)

    class Nowhere(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            return await super().send(batch, lane=lane)

    class Repeating(Wrapped):
        between = Twice

    class Placeless(Wrapped):
        between = Nowhere

    test = "test_account_agrees_with_the_destination"
    assert "repeated" in (await fails_soon(Repeating, test)).seen
    assert "no position is committed" in (await fails_soon(Placeless, test)).seen


async def test_a_source_that_sends_past_its_outlet() -> None:
    class Private(MemorySource):
        async def run(self, out: Outlet) -> None:
            await super().run(RecordingOutlet(settle=True))

    assert "0 of 20 events counted" in (await fails_soon(Private, "test_metrics_are_kept")).seen


async def test_a_source_that_uses_a_list_again() -> None:
    class Reuse(Between):
        events: ClassVar[list[Event]] = []

        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            self.events[:] = batch.events
            same = replace(batch, events=self.events)
            return await super().send(same, lane=lane, position=position)

    class Reusing(Wrapped):
        between = Reuse

    broken = await fails_soon(Reusing, "test_leaves_sent_batches_alone")
    assert "batches changed after they were sent" in broken.seen


async def test_a_source_that_hides_a_kind() -> None:
    class Count(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            mixed = replace(batch, events=[*batch.events, Counter(1, "lines")])
            return await super().send(mixed, lane=lane, position=position)

    class Counting(Wrapped):
        between = Count

    broken = await fails_soon(Counting, "test_sends_the_kinds_that_it_names")
    assert "it sends counter, log and names log" in broken.seen


async def test_what_a_source_raises_is_told_with_its_line() -> None:
    class Raising(MemorySource):
        async def run(self, out: Outlet) -> None:
            raise KeyError("cursor")

    class Misused(MemorySource):
        async def run(self, out: Outlet) -> None:
            raise PluginError("it yields a Batch without a position: yield Positioned")

    broken = await fails_soon(Raising, "test_sends_every_line_in_order")
    assert broken.seen.startswith("run raised KeyError: 'cursor' (unit/test_testing_source_account")
    broken = await fails_soon(Misused, "test_sends_every_line_in_order")
    assert "without a position: yield Positioned (" in broken.seen
    assert broken.do.startswith("mend what it says")


async def test_a_source_that_blocks_the_loop() -> None:
    class Blocking(MemorySource):
        async def open(self) -> None:
            time.sleep(0.7)

    broken = await fails(Blocking, "test_does_not_block_the_loop")
    assert "`time.sleep(0.7)` in open" in broken.seen


async def test_a_source_that_blocks_the_loop_while_there_is_nothing_to_read() -> None:
    class Polling(MemorySource):
        async def run(self, out: Outlet) -> None:
            reader = asyncio.create_task(super().run(out))
            try:
                while not reader.done():
                    await asyncio.sleep(0.2)
                    time.sleep(0.8)
            finally:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

    broken = await fails(Polling, "test_does_not_block_the_loop")
    assert "`time.sleep(0.8)` in run" in broken.seen


async def test_a_source_that_forgets_before_it_has_closed() -> None:
    class Forgetful(MemorySource):
        poller: asyncio.Task[None] | None = None

        async def open(self) -> None:
            self.poller = asyncio.create_task(asyncio.sleep(2), name="poller")

        async def close(self) -> None:
            poller, self.poller = self.poller, None
            if poller:
                await asyncio.sleep(0)  # Says goodbye.
                poller.cancel()

    assert "poller" in (await fails_soon(Forgetful, "test_close_cancelled_anywhere")).seen


async def test_a_source_that_says_its_secret() -> None:
    class Keyed(MemorySource):
        class Config(MemorySource.Config, frozen=True, kw_only=True):
            key: Secret = Secret("k3y-canary-0123")

        config: Config

    class Logging(Keyed):
        async def open(self) -> None:
            logging.getLogger("anything").debug("asking with %s", self.config.key.reveal())

    class Raising(Keyed):
        async def run(self, out: Outlet) -> None:
            try:
                await super().run(out)
            except RetryableError as error:
                raise RetryableError("away") from ValueError(self.config.key.reveal(), error)

    class Sending(Keyed):
        async def run(self, out: Outlet) -> None:
            key = self.config.key.reveal()
            of = Resource("memory:own", {"url": f"http://user:{key}@localhost"})
            await out.send(Batch(of, (Log(1, "x"),), 200))
            await super().run(out)

    for source in (Logging, Raising, Sending):
        broken = await fails_soon(source, "test_no_secret_is_said")
        assert "<the secret>" in broken.seen
        assert "canary" not in str(broken)
    await SourceUnderTest(Keyed).test_no_secret_is_said()

"""The kit finds what is wrong with a sink: what it counts, holds, tries and says by itself."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence

import pytest
from tests.contract.sinks import SinkUnderTest, fails, impatient

from penstock.api import Batch, Report, RetryableError, Secret
from penstock.testing import MemorySink, SinkContract

ACCOUNT = "test_account_agrees_with_the_destination"


async def test_a_sink_that_says_more_than_it_delivers() -> None:
    class Boasting(MemorySink):
        """Takes an outage for a success."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            try:
                return await super().write(batches)
            except RetryableError:
                return None

    class Swallowing(MemorySink):
        """Says of a refused event that it was delivered."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            await super().write(batches)
            return None

    class NothingRefused(SinkUnderTest):
        refuse = SinkContract.refuse

    broken = await fails(NothingRefused(Boasting, patience_s=0.4), ACCOUNT)
    assert "missing" in broken.seen
    assert (
        "0 events are dead letters, 1 should be"
        in (await fails(impatient(Swallowing), ACCOUNT)).seen
    )


async def test_a_sink_that_never_lets_a_write_go() -> None:
    class Clinging(MemorySink):
        """Delivers, and waits for something that does not come."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            await super().write(batches)
            await asyncio.Event().wait()
            return None

    broken = await fails(impatient(Clinging), ACCOUNT)
    assert "abandoned" in broken.seen


async def test_a_sink_that_delivers_what_it_calls_refused() -> None:
    class Blaming(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            await super().write(batches)
            return Report({event: "refused" for batch in batches for event in batch.events})

    broken = await fails(SinkUnderTest(Blaming), "test_metrics_are_kept")
    assert "0 of 10 events counted" in broken.seen


async def test_a_sink_with_a_queue_of_its_own() -> None:
    class Queueing(MemorySink):
        """Returns at once and delivers from a task: nothing ever waits."""

        async def open(self) -> None:
            self.queue: asyncio.Queue[Sequence[Batch]] = asyncio.Queue()
            self.task = asyncio.create_task(self._deliver())

        async def _deliver(self) -> None:
            while True:
                await self.destination.take(await self.queue.get())

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            self.queue.put_nowait(batches)
            return None

        async def close(self) -> None:
            self.task.cancel()

    broken = await fails(SinkUnderTest(Queueing), "test_waits_for_its_destination")
    assert "1200 events of about 1 kB were taken" in broken.seen
    assert "keep no queue" in broken.do


async def test_a_sink_that_loses_what_waited() -> None:
    class Impatient(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            if self.destination.is_hanging:
                await asyncio.sleep(0.7)
                return None
            return await super().write(batches)

    broken = await fails(SinkUnderTest(Impatient), "test_waits_for_its_destination")
    assert "missing" in broken.seen


async def test_a_sink_that_remembers_what_failed() -> None:
    class Hoarding(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            try:
                return await super().write(batches)
            except RetryableError:
                self.__dict__.setdefault("failed", []).append(list(batches))
                raise

    class Swallowing(MemorySink):
        """Has a queue that a dead destination never empties, and says that all is well."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            self.__dict__.setdefault("queue", []).append(list(batches))
            return None

    for sink in (Hoarding, Swallowing):
        broken = await fails(SinkUnderTest(sink), "test_bounded_memory")
        assert "bytes more are held after" in broken.seen


async def test_memory_is_bounded_where_core_holds_it() -> None:
    class Careless(MemorySink):
        """What core logs of an undeclared error is not the sink's to answer for here."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            raise ValueError(f"{len(batches)} batches")

    class Waiting(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            await asyncio.Event().wait()
            return None

    for sink in (Careless, Waiting):
        await SinkUnderTest(sink).test_bounded_memory()


async def test_a_sink_that_piles_up_sockets() -> None:
    opened = []

    class Reconnecting(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            opened.append(socket.socket())
            return await super().write(batches)

    broken = await fails(SinkUnderTest(Reconnecting), "test_retry_storm")
    assert "are open" in broken.seen
    for sock in opened:
        sock.close()


async def test_a_sink_that_gives_up_after_some_failures() -> None:
    class Sulking(MemorySink):
        failures = 0

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            if self.failures > 5:
                return None
            try:
                return await super().write(batches)
            except RetryableError:
                self.failures += 1
                raise

    assert "missing" in (await fails(impatient(Sulking), "test_retry_storm")).seen


async def test_a_sink_that_retries_by_itself() -> None:
    class Insisting(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            while True:
                try:
                    return await super().write(batches)
                except RetryableError:
                    await asyncio.sleep(0.01)

    class Hammering(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            for _ in range(8):
                with socket.socket() as sock:
                    sock.connect_ex(("127.0.0.1", 9))
            return await super().write(batches)

    test = "test_leaves_retrying_to_core"
    assert "awaits in its second half second" in (await fails(SinkUnderTest(Insisting), test)).seen
    assert "one write made 8 connections" in (await fails(SinkUnderTest(Hammering), test)).seen


class Throttled(SinkUnderTest):
    async def throttle_destination(self, retry_after_s: int) -> None:
        self.destination.fail(RetryableError("too many", retry_after=retry_after_s))


async def test_a_sink_that_keeps_what_it_is_told_to_itself() -> None:
    class Deaf(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            try:
                return await super().write(batches)
            except RetryableError as error:
                raise RetryableError(str(error)) from None

    class Confused(MemorySink):
        """Takes seconds for milliseconds."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            try:
                return await super().write(batches)
            except RetryableError as error:
                raise RetryableError(str(error), retry_after=7000) from None

    broken = await fails(Throttled(Deaf), "test_says_how_long_to_wait")
    assert "retry_after = None" in broken.seen
    broken = await fails(Throttled(Confused), "test_says_how_long_to_wait")
    assert "retry_after = 7000" in broken.seen
    await Throttled(MemorySink).test_says_how_long_to_wait()


async def test_a_sink_that_blocks_the_loop() -> None:
    class Blocking(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            time.sleep(0.7)
            return await super().write(batches)

    broken = await fails(impatient(Blocking), "test_does_not_block_the_loop")
    assert "`time.sleep(0.7)` in write (unit/test_testing_sink_pressure.py, line" in broken.seen


class Keyed(MemorySink):
    class Config(MemorySink.Config, frozen=True, kw_only=True):
        key: Secret = Secret("")

    config: Config


def with_key(sink: type[Keyed]) -> SinkUnderTest:
    return SinkUnderTest(sink, patience_s=1.0, key="k3y/canary+0123")


async def test_a_sink_that_says_its_secret() -> None:
    class Raising(Keyed):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            try:
                return await super().write(batches)
            except RetryableError as error:
                key = self.config.key.reveal()
                raise RetryableError("no answer") from ValueError(f"?key={key}", error)

    class Logging(Keyed):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            logging.getLogger("client").debug(
                "sending", extra={"url": f"?{self.config.key.reveal()}"}
            )
            return await super().write(batches)

    class Printing(Keyed):
        async def open(self) -> None:
            print("key", self.config.key.reveal())

    for sink in (Raising, Logging, Printing):
        broken = await fails(with_key(sink), "test_no_secret_is_said")
        assert "<the secret>" in broken.seen
        assert "canary" not in str(broken)
    await with_key(Keyed).test_no_secret_is_said()


async def test_a_sink_that_shows_its_secret() -> None:
    class Keeping(Keyed):
        def __init__(self, config: Keyed.Config) -> None:
            super().__init__(config)
            self.headers = {"Authorization": f"Bearer {config.key.reveal()}"}

    broken = await fails(with_key(Keeping), "test_secrets_do_not_print")
    assert "Bearer <the secret>" in broken.seen
    with_key(Keyed).test_secrets_do_not_print()


async def test_a_secret_that_is_not_set_is_said() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"no secret is set: .* for key"):
        await SinkUnderTest(Keyed).test_no_secret_is_said()


async def test_what_needs_faults_is_skipped_without_them() -> None:
    class Unbreakable(SinkUnderTest):
        break_destination = SinkContract.break_destination
        hang_destination = SinkContract.hang_destination
        refuse = SinkContract.refuse

    contract = Unbreakable(MemorySink)
    for test in ("test_bounded_memory", "test_retry_storm", "test_waits_for_its_destination"):
        with pytest.raises(pytest.skip.Exception, match="is not given"):
            await getattr(contract, test)()
    await Unbreakable(MemorySink).test_account_agrees_with_the_destination()
    await Unbreakable(MemorySink).test_metrics_are_kept()

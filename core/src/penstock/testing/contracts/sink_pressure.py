"""A sink takes no more than its destination does, and leaves waiting and retrying to core."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from functools import partial
from typing import Any

from penstock.api.delivery import Report
from penstock.api.errors import RetryableError
from penstock.api.settings import BufferSettings, DeadLetterSettings, RetrySettings
from penstock.testing.contracts.base import asynchronous, error_of
from penstock.testing.contracts.sink_rig import SinkRig
from penstock.testing.events import batch
from penstock.testing.obligation import difference, first_of_each, require, short
from penstock.testing.pipeline import SinkLine
from penstock.testing.route import Route
from penstock.testing.stepping import Steps
from penstock.testing.waiting import eventually
from penstock.testing.watch import Watch

SMALL_BUFFER_BYTES = 131_072
FLOOD_LINES = 1200
STORM = 15
"""Failures in a row after which a leak at each of them shows."""
SOON_DEAD = RetrySettings(max_attempts=2, initial_backoff_ms=1, max_backoff_ms=1)
"""Every write fails twice and is buried, so that a dead destination is offered ever more."""
SOON_TRIED_S = 1.0
"""After how long a write that comes to no end is one that waits for its destination."""
NO_LETTERS = DeadLetterSettings(enabled=False)


class SinkPressure(SinkRig):
    """Back-pressure, memory, and storms of retries."""

    @asynchronous
    async def test_waits_for_its_destination(self) -> None:
        """Back-pressure: while the destination does not read, writes wait and so does the source.

        Nothing is taken into a queue of the sink's own, and nothing is lost to the wait.
        """
        test = self.test_waits_for_its_destination
        lines = [f"{number:04} ".ljust(1000, "w") for number in range(FLOOD_LINES)]
        buffer = BufferSettings(type="memory", max_memory_bytes=SMALL_BUFFER_BYTES)
        async with Route(sink=self.make_sink, buffer=buffer) as route:
            route.origin.write(lines[:1])
            await self._collect(lines[:1])
            await self.hang_destination()
            route.origin.write(lines[1:])
            read = await _when_still(route)
            await self.mend_destination()
            await eventually(lambda: route.account().read == len(lines), self.patience_s)
            account = await route.finish(self.patience_s)
        require(
            read < len(lines) // 2,
            test,
            seen=f"{read} events of about 1 kB were taken from the source, with a buffer of "
            f"{SMALL_BUFFER_BYTES:,} bytes and nobody reading",
            do="return from `write` only when the destination has the events; keep no queue",
        )
        got = first_of_each(await self._collect(lines))
        require(
            account.read == len(lines) and set(got) == set(lines),
            test,
            seen=f"{account.read} of {len(lines)} events were read in the end; "
            f"{difference(lines, got)}",
            do="go on when the destination reads again: core sends again what was not confirmed",
        )

    @asynchronous
    async def test_bounded_memory(self) -> None:
        """With a dead destination, memory stays bounded however much is offered.

        What is made once, such as modules and connections, is made before it is measured.
        """
        await self.break_destination()
        buffer = BufferSettings(
            type="memory", max_memory_bytes=2 * SMALL_BUFFER_BYTES, when_full="drop_oldest"
        )
        core: dict[str, Any] = {"buffer": buffer, "retry": SOON_DEAD, "dead_letter": NO_LETTERS}
        async with self._line(events_per_write=100, **core) as line:
            line.sink.remembers = False
            may_grow = self.may_hold_bytes + buffer.max_memory_bytes
            grown, offered = await self._growth(line, may_grow // 2, 3 * may_grow)
        await self.mend_destination()
        require(
            grown <= may_grow,
            self.test_bounded_memory,
            seen=f"{grown:,} bytes more are held after {line.sink.writes} writes, of "
            f"{offered:,} bytes offered; at most {may_grow:,} may be",
            do="keep nothing of a batch once its `write` has ended, and have no queue: core has it",
        )

    async def _growth(self, line: SinkLine, before: int, more: int) -> tuple[int, int]:
        """Offer bytes, then more; return by how many the heap grew meanwhile, and how many more."""
        tracemalloc.start()
        try:
            await self._offer(line, before)
            gc.collect()
            held = tracemalloc.get_traced_memory()[0]
            offered = await self._offer(line, more)
            gc.collect()
            return tracemalloc.get_traced_memory()[0] - held, offered
        finally:
            tracemalloc.stop()

    async def _offer(self, line: SinkLine, total: int) -> int:
        """Offer so many bytes, each portion once the one before came to its end; return them.

        Where the sink waits for its destination none does: it is then offered all at once.
        """
        offered, patience_s = 0, SOON_TRIED_S
        while offered < total:
            portion = batch(f"{offered:08} {n:02} ".ljust(1000, "m") for n in range(100))
            receipt = await line.outlet.send(portion, lane=portion.resource.origin)
            offered += portion.size
            if not await eventually(partial(getattr, receipt, "is_settled"), patience_s):
                patience_s = 0.01
        return offered

    @asynchronous
    async def test_retry_storm(self) -> None:
        """However often in a row it fails, nothing piles up, and afterwards everything arrives."""
        lines = [f"storm {number}" for number in range(12)]
        watch = Watch()
        await self.break_destination()
        async with self._line(watch) as line:
            await line.send(batch(lines))
            await eventually(lambda: len(line.sink.retryable) >= STORM, 1.0)
            failures, left = len(line.sink.retryable), watch.leftovers
            await self.mend_destination()
            await self._drain(line, self.test_retry_storm)
            got = first_of_each(await self._collect(lines))
        require(
            len(left) < STORM // 2 or len(left) < failures // 2,
            self.test_retry_storm,
            seen=f"after {failures} failures {len(left)} are open: {'; '.join(left[:3])[:200]}",
            do="close a connection that failed, and end its tasks, before RetryableError is raised",
        )
        require(
            set(got) == set(lines),
            self.test_retry_storm,
            seen=difference(lines, got),
            do="begin each write as if it were the first: nothing of a failure may last",
        )

    @asynchronous
    async def test_leaves_retrying_to_core(self) -> None:
        """One ``write`` is one attempt: it fails or waits, and does not try again by itself.

        Core spaces attempts, obeys what the destination asks for, and counts them.
        """
        test = self.test_leaves_retrying_to_core
        sink, watch, steps = self.make_sink(), Watch(), Steps()
        await watch.run(sink.open(), timeout=self.patience_s)
        await self.break_destination()
        watch.io.clear()
        write = watch.start(sink.write([batch(["one attempt"])]), steps)
        await asyncio.wait([write], timeout=0.5)
        before = steps.count
        await asyncio.wait([write], timeout=0.5)
        awaits = 0 if write.done() else steps.count - before
        write.cancel()
        await asyncio.wait([write], timeout=self.patience_s)
        attempts = sum(call.startswith("socket.connect") for call in watch.io)
        await error_of(watch.run(sink.close(), timeout=self.patience_s))
        await self.mend_destination()
        require(
            attempts <= self.most_attempts and awaits <= 20,
            test,
            seen=f"one write made {attempts} connections and went through {awaits} awaits in its "
            "second half second",
            do="raise RetryableError at the first failure: loops with sleeps of your own escape "
            "core's backoff, its deadline and its metrics",
        )

    @asynchronous
    async def test_says_how_long_to_wait(self) -> None:
        """What a throttling destination asks for (``Retry-After``) is told to core."""
        await self.throttle_destination(7)
        sink, watch = self.make_sink(), Watch()
        await watch.run(sink.open(), timeout=self.patience_s)
        write = watch.start(sink.write([batch(["too many"])]))
        await asyncio.wait([write], timeout=self.patience_s)
        write.cancel()
        said = (await asyncio.gather(write, return_exceptions=True))[0]
        await watch.run(sink.close(), timeout=self.patience_s)
        await self.mend_destination()
        wait = said.retry_after if isinstance(said, RetryableError | Report) else None
        require(
            wait is not None and 5 <= wait <= 9,
            self.test_says_how_long_to_wait,
            seen=f"asked to wait 7 s, write came back with {short(said)}, retry_after = {wait}",
            do="raise RetryableError(…, retry_after=seconds): core then leaves the destination "
            "alone for so long",
        )


async def _when_still(route: Route) -> int:
    """Return how much was read of the source once no more is for a while."""
    read, since = -1, 0
    while since < 10:
        await asyncio.sleep(0.03)
        now = route.account().read
        read, since = now, since + 1 if now == read else 0
    return read

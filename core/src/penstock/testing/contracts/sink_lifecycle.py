"""A sink can be stopped at any time and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from penstock.api.delivery import Report
from penstock.testing.contracts.base import asynchronous, error_of
from penstock.testing.contracts.lifecycle import Lifecycle
from penstock.testing.contracts.sink_rig import SinkRig
from penstock.testing.events import batch
from penstock.testing.obligation import difference, first_of_each, require, short
from penstock.testing.stepping import Steps
from penstock.testing.watch import Watch


class SinkLifecycle(SinkRig, Lifecycle):
    """Closing, and being cancelled.

    Cannot check: every await of a call that has more of them than ``most_awaits``; it is then
    cancelled at so many, from the first to the last.
    """

    @asynchronous
    async def test_close_leaves_nothing_behind(self) -> None:
        """``close`` lets go of everything: no task or thread runs on, no socket stays open."""
        watch = Watch()
        async with self._line(watch) as line:
            await line.send(batch(["left behind 1", "left behind 2"]))
            await self._drain(line, self.test_close_leaves_nothing_behind)
        await self._require_clean(watch, self.test_close_leaves_nothing_behind)

    @asynchronous
    async def test_close_cancelled_anywhere(self) -> None:
        """``close`` may be cancelled at any await; called again, it leaves nothing behind."""
        undisturbed = Steps()
        await self._cancel_close(undisturbed)
        for at in undisturbed.spread(self.most_awaits):
            await self._cancel_close(Steps(at))

    async def _cancel_close(self, steps: Steps) -> None:
        """Cancel one close, there or when it takes long, and close again."""
        watch = Watch()
        sink = self.make_sink()
        await watch.run(sink.open(), timeout=self.patience_s)
        write = watch.start(sink.write([batch(["before close"])]))
        await asyncio.wait([write], timeout=0.2)
        write.cancel()
        await asyncio.wait([write], timeout=self.patience_s)
        await error_of(watch.run(sink.close(), timeout=self.patience_s, steps=steps))
        again = await error_of(watch.run(sink.close(), timeout=self.patience_s))
        require(
            again is None,
            self.test_close_cancelled_anywhere,
            seen=f"cancelled at await {steps.at}, the second close raised {again!r}",
            do="forget a resource only once it is closed, and close what is left",
        )
        await self._require_clean(watch, self.test_close_cancelled_anywhere)

    @asynchronous
    async def test_check_writes_nothing(self) -> None:
        """``check`` tries the destination and writes nothing; ``close`` then leaves nothing."""
        watch = Watch()
        sink = self.make_sink()
        error = await error_of(watch.run(sink.check(), timeout=self.patience_s))
        closed = await error_of(watch.run(sink.close(), timeout=self.patience_s))
        got = await self.collected()
        require(
            error is None and closed is None and not got,
            self.test_check_writes_nothing,
            seen=f"the destination has {short(got)}" if got else f"{(error or closed)!r}",
            do="make `check` look at the destination without an event, such as by connecting",
        )
        await self._require_clean(watch, self.test_check_writes_nothing)

    @asynchronous
    async def test_write_cancelled_anywhere(self) -> None:
        """``write`` may be cancelled at any await, and the same events written again.

        Core does so when a write takes too long. Half of a record must not stay behind.
        """
        undisturbed = Steps()
        await self._cancel_write(undisturbed)
        for at in undisturbed.spread(self.most_awaits):
            await self._cancel_write(Steps(at))
        got = await self.collected()
        strange = [text for text in got if not text.startswith("cancelled at ")]
        require(
            not strange,
            self.test_write_cancelled_anywhere,
            seen=f"the destination has {short(strange)}",
            do="connect anew after a write that did not come to its end",
        )

    async def _require_delivered_if_it_says_so(
        self, write: asyncio.Task[Report | None], lines: Sequence[str]
    ) -> None:
        """Check that a write that returned although it was cancelled had delivered."""
        if write.cancelled() or write.exception() or write.result() is not None:
            return
        got = first_of_each([text for text in await self._collect(lines) if text in lines])
        require(
            set(got) == set(lines),
            self.test_write_cancelled_anywhere,
            seen=f"a cancelled write returned as if it had delivered: {difference(lines, got)}",
            do="let CancelledError through: to return means delivered",
        )

    async def _cancel_write(self, steps: Steps) -> None:
        """Cancel one write, there or when it waits long, write again and look for the lines."""
        test = self.test_write_cancelled_anywhere
        lines = [f"cancelled at {steps.at}: {number}" for number in range(6)]
        watch = Watch()
        again = batch(lines)
        async with self._line(watch) as line:
            first = watch.start(line.sink.sink.write([again]), steps)
            await asyncio.wait([first], timeout=0.5)
            first.cancel()
            _, stuck = await asyncio.wait([first], timeout=self.patience_s)
            require(
                not stuck,
                test,
                seen="a cancelled write does not return",
                do="let CancelledError through; never catch BaseException and go on",
            )
            await self._require_delivered_if_it_says_so(first, lines)
            await line.send(again)
            await self._drain(line, test)
            got = [text for text in await self._collect(lines) if text in lines]
        require(
            set(got) == set(lines),
            test,
            seen=f"cancelled at await {steps.at}: {difference(lines, first_of_each(got))}",
            do="forget a write that was cancelled: core has the events and sends them again",
        )
        await self._require_clean(watch, test)

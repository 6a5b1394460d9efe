"""A source can be stopped at any time, survives outages and leaves nothing behind."""

from __future__ import annotations

import asyncio

from penstock.api.errors import RetryableError
from penstock.testing.contracts.base import asynchronous, error_of
from penstock.testing.contracts.lifecycle import Lifecycle
from penstock.testing.contracts.secrets import Eavesdropper
from penstock.testing.contracts.source_rig import SourceRig
from penstock.testing.loop_guard import LoopGuard
from penstock.testing.obligation import difference, require
from penstock.testing.outlet import RecordingOutlet
from penstock.testing.source_run import SourceRun
from penstock.testing.stepping import Steps
from penstock.testing.waiting import eventually
from penstock.testing.watch import Watch

IDLE_S = 0.6
"""How long a source that has read everything is watched: longer than it may block."""


class SourceLifecycle(SourceRig, Lifecycle):
    """Closing, being cancelled, and outages.

    Cannot check: every await of a call that has more of them than ``most_awaits``; it is then
    cancelled at so many, from the first to the last.
    """

    @asynchronous
    async def test_close_leaves_nothing_behind(self) -> None:
        """``close`` lets go of everything: no task or thread runs on, no socket stays open."""
        lines = await self._prepare("left behind")
        async with self._run(RecordingOutlet(settle=True)) as run:
            await run.lines(len(lines))
        await self._require_clean(run, self.test_close_leaves_nothing_behind)

    @asynchronous
    async def test_check_leaves_nothing_behind(self) -> None:
        """``check`` tries the origin once; ``close`` then leaves nothing behind."""
        await self._prepare("checked", 5)
        watch = Watch()
        source = self.make_source()
        error = await error_of(watch.run(source.check(), timeout=self.patience_s))
        closed = await error_of(watch.run(source.close(), timeout=self.patience_s))
        left = await watch.until_clean(self.patience_s)
        require(
            error is None and closed is None and not left,
            self.test_check_leaves_nothing_behind,
            seen=f"left over: {'; '.join(left)[:300]}" if left else f"{error or closed!r}",
            do="make `check` look at the origin as `open` does, and read nothing",
        )

    @asynchronous
    async def test_sends_nothing_after_close(self) -> None:
        """After ``close`` nothing more is sent, also of what was read before."""
        lines = await self._prepare("closed")
        outlet = RecordingOutlet(capacity=1)
        async with self._run(outlet) as run:
            await run.until(lambda: outlet.waiting or len(outlet.lines()) >= len(lines))
        before = len(outlet.sent)
        outlet.open()
        if not self.generates:
            await self.produce(["after close"])
        await asyncio.sleep(0.1)
        require(
            len(outlet.sent) == before,
            self.test_sends_nothing_after_close,
            seen=f"{len(outlet.sent) - before} batches were sent after close",
            do="stop every task that sends when `run` is cancelled",
        )

    @asynchronous
    async def test_stops_while_the_outlet_is_full(self) -> None:
        """``run`` can be cancelled while ``send`` waits."""
        await self._prepare("full")
        outlet = RecordingOutlet(capacity=0)
        async with self._run(outlet) as run:
            await run.until(lambda: outlet.waiting)
        await self._require_clean(run, self.test_stops_while_the_outlet_is_full)

    @asynchronous
    async def test_close_cancelled_anywhere(self) -> None:
        """``close`` may be cancelled at any await; called again, it leaves nothing behind."""
        undisturbed = Steps()
        await self._cancel_close(undisturbed)
        for at in undisturbed.spread(self.most_awaits):
            await self._cancel_close(Steps(at))

    async def _cancel_close(self, steps: Steps) -> None:
        """Cancel one close, there or when it takes long, and close again."""
        await self._prepare(f"closing {steps.at}", 5)
        run = self._run(RecordingOutlet(settle=True))
        async with run:
            await eventually(run.outlet.lines, 0.5)
            await run.end()
            closing = run.watch.run(run.source.close(), timeout=self.patience_s, steps=steps)
            await error_of(closing)
        await self._require_clean(run, self.test_close_cancelled_anywhere)

    @asynchronous
    async def test_outage(self) -> None:
        """An outage is survived, or a ``RetryableError``; nothing is lost or repeated by it."""
        self._only_produced()
        lines = await self._prepare("before the outage")
        outlet = RecordingOutlet(settle=True)
        async with self._run(outlet) as run:
            await run.lines(len(lines))
            await self.break_origin()
            await asyncio.sleep(0.1)
            await self.mend_origin()
            lines += await self._prepare("after the outage", 10)
            got = await run.lines(len(lines))
        self._require_alive(run, self.test_outage)
        require(
            got == lines,
            self.test_outage,
            seen=difference(lines, got),
            do="keep how far was sent on the source itself: `run` is called again with the same "
            "object, and what is committed is not yet all that was sent",
        )

    @asynchronous
    async def test_outage_at_start(self) -> None:
        """An origin that is away at the start is a ``RetryableError``, or waited for."""
        self._only_produced()
        lines = await self._prepare("there before", 5)
        await self.break_origin()
        source = self.make_source()
        opened = await error_of(asyncio.wait_for(source.open(), self.patience_s))
        await source.close()
        require(
            opened is None or isinstance(opened, RetryableError | TimeoutError),
            self.test_outage_at_start,
            seen=f"open raised {opened!r}",
            do="raise RetryableError from the error: what is away may come back",
        )
        run = SourceRun(self.make_source(), RecordingOutlet(settle=True))
        mending = asyncio.create_task(self._mend_soon())
        async with run:
            await mending
            got = await run.lines(len(lines))
        self._require_alive(run, self.test_outage_at_start)
        require(
            got == lines,
            self.test_outage_at_start,
            seen=difference(lines, got),
            do="begin as if nothing had been wrong once the origin is there",
        )

    @asynchronous
    async def test_no_secret_is_said(self) -> None:
        """No secret is in what is sent, logged, raised or printed, also when things go wrong."""
        secrets = self._secrets()
        lines = await self._prepare("said", 5)
        outlet = RecordingOutlet(settle=True)
        with Eavesdropper() as heard:
            async with self._run(outlet) as run:
                await run.lines(len(lines))
                if self._can("break_origin"):
                    await self.break_origin()
                    await asyncio.sleep(0.2)
                    await self.mend_origin()
            for error in [run.error, *run.retried]:
                heard.hear(error)
            heard.said += [repr((sent.batch.resource, sent.position)) for sent in outlet.sent]
        self._require_silence(secrets, heard.said, self.test_no_secret_is_said)

    @asynchronous
    async def test_does_not_block_the_loop(self) -> None:
        """No call stops the event loop for half a second: it would stop every other pipeline."""
        lines = await self._prepare("blocks", 500)
        async with LoopGuard() as guard, self._run(RecordingOutlet(settle=True)) as run:
            await run.lines(len(lines))
            await asyncio.sleep(IDLE_S)  # How it waits for more is the likelier place to block.
        require(
            not guard.blocked,
            self.test_does_not_block_the_loop,
            seen=f"it stood at {'; '.join(guard.blocked[:2])}",
            do="await what waits, run what blocks in a thread, and divide what computes long",
        )

    async def _mend_soon(self) -> None:
        await asyncio.sleep(0.1)
        await self.mend_origin()

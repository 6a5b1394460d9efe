"""A sink survives that its destination does not."""

from __future__ import annotations

import asyncio

from penstock.api.errors import RetryableError
from penstock.testing.contracts.base import asynchronous, error_of
from penstock.testing.contracts.sink_rig import SinkRig
from penstock.testing.events import batch
from penstock.testing.obligation import difference, first_of_each, require, short
from penstock.testing.waiting import eventually
from penstock.testing.watch import Watch


class SinkOutage(SinkRig):
    """What happens while the destination is away, and afterwards."""

    @asynchronous
    async def test_outage(self) -> None:
        """An outage is a ``RetryableError``, and after it everything arrives, in order."""
        lines = [f"outage {number:03}" for number in range(20)]
        async with self._line() as line:
            await line.send(batch(lines[:4]))
            await self._collect(lines[:4])
            await self.break_destination()
            await line.send(*(batch(lines[at : at + 4]) for at in range(4, 20, 4)))
            await eventually(lambda: line.sink.retryable or line.sink.undeclared, 1.0)
            await self.mend_destination()
            await self._drain(line, self.test_outage)
            got = first_of_each(await self._collect(lines))
        require(
            got == lines if self._keeps_order else set(got) == set(lines),
            self.test_outage,
            seen=difference(lines, got),
            do="raise RetryableError for what was not taken, and connect again in the next write",
        )

    @asynchronous
    async def test_loses_nothing_to_a_hang(self) -> None:
        """What a destination has not read when it hangs, and then dies, is not delivered."""
        lines = [f"hang {number:03}" for number in range(20)]
        async with self._line() as line:
            await line.send(batch(lines[:4]))
            await self._collect(lines[:4])
            await self.hang_destination()
            await line.send(*(batch(lines[at : at + 4]) for at in range(4, 20, 4)))
            await eventually(lambda: len(line.sink.taken) == len(lines), 0.3)
            await self.mend_destination()
            await self._drain(line, self.test_loses_nothing_to_a_hang)
            got = first_of_each(await self._collect(lines))
        require(
            got == lines if self._keeps_order else set(got) == set(lines),
            self.test_loses_nothing_to_a_hang,
            seen=difference(lines, got),
            do="return from `write` when the destination has answered; that the kernel took the "
            "bytes says nothing of it",
        )

    @asynchronous
    async def test_outage_at_start(self) -> None:
        """A destination that is away at the start is a ``RetryableError`` of ``open`` or later."""
        await self.break_destination()
        watch = Watch()
        sink = self.make_sink()
        error = await error_of(watch.run(sink.open(), timeout=self.patience_s))
        await watch.run(sink.close(), timeout=self.patience_s)
        require(
            error is None or isinstance(error, RetryableError | TimeoutError),
            self.test_outage_at_start,
            seen=f"open raised {error!r}",
            do="raise RetryableError from the error: what is away may come back",
        )
        async with self._line() as line:
            await line.send(batch(["after the start"]))
            await asyncio.sleep(0.1)
            await self.mend_destination()
            await self._drain(line, self.test_outage_at_start)
            got = await self._collect(["after the start"])
        require(
            first_of_each(got) == ["after the start"],
            self.test_outage_at_start,
            seen=difference(["after the start"], got),
            do="connect in the next `open` or `write`, whatever became of the first",
        )

    @asynchronous
    async def test_hung_destination(self) -> None:
        """A destination that hangs holds up neither a cancelled write nor ``close``."""
        test = self.test_hung_destination
        lines = [f"hung {number}" for number in range(6)]
        watch = Watch()
        sink = self.make_sink()
        await watch.run(sink.open(), timeout=self.patience_s)
        await self.hang_destination()
        write = watch.start(sink.write([batch(lines)]))
        await asyncio.wait([write], timeout=0.2)
        write.cancel()
        _, stuck = await asyncio.wait([write], timeout=self.patience_s)
        closed = await error_of(watch.run(sink.close(), timeout=self.patience_s))
        require(
            not stuck and closed is None,
            test,
            seen="a cancelled write does not return" if stuck else f"close raised {closed!r}",
            do="let CancelledError through, and close without waiting for the other side",
        )
        await self._require_clean(watch, test)
        await self.mend_destination()
        async with self._line() as line:
            await line.send(batch(lines))
            await self._drain(line, test)
            got = first_of_each(await self._collect(lines))
        require(
            set(lines) <= set(got),
            test,
            seen=difference(lines, got),
            do="connect anew: what a hung connection took may be lost",
        )

    @asynchronous
    async def test_refused_event(self) -> None:
        """An event that the destination refuses is named, and the others are delivered."""
        lines = [f"taken {number}" for number in range(9)]
        await self.refuse("refuse me")
        async with self._line() as line:
            await line.send(batch([*lines[:4], "refuse me", *lines[4:]]))
            await self._drain(line, self.test_refused_event)
            got = first_of_each(await self._collect(lines))
            rejected = [getattr(event, "body", "") for event in line.sink.rejected]
        require(
            set(rejected) == {"refuse me"},
            self.test_refused_event,
            seen=f"rejected were {short(rejected)}, refused was 'refuse me'",
            do="name it in a Report, or raise RejectedError: core then divides the write",
        )
        require(
            set(got) == set(lines),
            self.test_refused_event,
            seen=difference(lines, got),
            do="deliver what is not refused, or raise RejectedError before anything is delivered",
        )

    @asynchronous
    async def test_sends_nothing_after_close(self) -> None:
        """After ``close`` nothing more is sent, also of what could not be sent before."""
        watch = Watch()
        sink = self.make_sink()
        await watch.run(sink.open(), timeout=self.patience_s)
        await self.break_destination()
        write = watch.start(sink.write([batch(["after close"])]))
        await asyncio.wait([write], timeout=0.2)
        write.cancel()
        await asyncio.gather(write, return_exceptions=True)
        await watch.run(sink.close(), timeout=self.patience_s)
        before = len(await self.collected())
        await self.mend_destination()
        await asyncio.sleep(0.3)
        got = await self.collected()
        require(
            len(got) == before,
            self.test_sends_nothing_after_close,
            seen=f"{short(got[before:])} arrived after close",
            do="stop every task in `close` and forget what was not delivered: core still has it",
        )

"""What the tests of a sink stand on: the sink, its far end, and core between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from penstock.api.component import Sink
from penstock.api.delivery import Report
from penstock.api.event import Batch
from penstock.testing.contracts.base import Test
from penstock.testing.contracts.component import ComponentContract
from penstock.testing.obligation import require, short
from penstock.testing.pipeline import ObservedSink, SinkLine
from penstock.testing.watch import Watch


class SinkRig(ComponentContract):
    """What a subclass of ``SinkContract`` gives, and how its tests use that."""

    may_hold_bytes: ClassVar[int] = 1_048_576
    """Heap bytes that the sink may hold beyond ``context.open_bytes``, whatever it is offered."""
    most_attempts: ClassVar[int] = 4
    """How many connections one call of ``write`` may try to make."""
    most_awaits: ClassVar[int] = 25
    """How many awaits of one call are cancelled, one after the other."""

    def make_sink(self) -> Sink:
        """Return a new sink, each time to the same destination."""
        raise NotImplementedError

    async def collected(self) -> Sequence[str]:
        """Return the text of every log that the destination has, in the order it came.

        Ask the destination, never the sink. Text that the sink had to escape may stay escaped.
        """
        raise NotImplementedError

    async def break_destination(self) -> None:
        """Have the destination fail: refuse connections, answer with errors, be gone."""
        pytest.skip("break_destination is not given: nothing is known of this sink in an outage")

    async def hang_destination(self) -> None:
        """Have the destination keep the connection and neither read nor answer."""
        pytest.skip("hang_destination is not given: nothing is known of it when nobody answers")

    async def mend_destination(self) -> None:
        """Have the destination work again, with what it had; after a hang it may have died."""

    async def throttle_destination(self, retry_after_s: int) -> None:
        """Have the destination refuse everything for now, and say after how long to come again."""
        pytest.skip(
            "throttle_destination is not given: nothing is known of it when it is told to wait"
        )

    async def refuse(self, text: str) -> None:
        """Have the destination refuse events of this text, and take others."""
        pytest.skip("refuse is not given: nothing is known of it when an event is refused")

    def make_component(self) -> Sink:
        return self.make_sink()

    def _can(self, fault: str) -> bool:
        """Say whether the subclass gives a fault, for tests that are worth it without, too."""
        return getattr(type(self), fault) is not getattr(SinkRig, fault)

    @property
    def _keeps_order(self) -> bool:
        return self.make_sink().order != "none"

    @asynccontextmanager
    async def _line(self, watch: Watch | None = None, **options: Any) -> AsyncIterator[SinkLine]:
        options = {"patience_s": self.patience_s, **options}
        async with SinkLine(self.make_sink(), watch or Watch(), **options) as line:
            yield line

    async def _drain(self, line: SinkLine, test: Test) -> None:
        """Have everything written as at a stop, and check how each write ended."""
        done = await line.drain(self.patience_s)
        self._require_good_manners(line.sink, test)
        errors = short([*line.sink.retryable, *line.sink.undeclared][-1:])
        written = f"{line.sink.writes} writes, {len(line.sink.taken)} events taken"
        require(
            done or not line.sink.is_stuck(self.patience_s / 2),
            test,
            seen=f"{written}, and `write` did not return within {self.patience_s:g} s of `drain`; "
            f"last errors: {errors}",
            do="have every open `write` return once `drain` is called, or raise RetryableError",
        )
        require(
            done,
            test,
            seen=f"{written}, and {self.patience_s:g} s after `drain` not all are; every write "
            f"returned; last errors: {errors}",
            do="ask again only for what waiting mends: what the destination will never take is "
            "rejected, and a connection that failed is made anew. Where each write takes long, "
            "raise `patience_s`",
        )

    async def _collect(self, expected: Sequence[str], count: int = 0) -> list[str]:
        """Wait for lines to arrive, and a moment longer for what should not."""
        deadline = asyncio.get_running_loop().time() + self.patience_s
        wanted = set(expected)
        while True:
            got = await self.collected()
            late = asyncio.get_running_loop().time() > deadline
            if late or (wanted <= set(got) and len(got) >= count):
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.02)
        return list(await self.collected())

    def _require_good_manners(self, sink: ObservedSink, test: Test) -> None:
        """Check what holds for every write: declared errors, and reports of real events."""
        require(
            not sink.undeclared,
            test,
            seen=f"it raised {self._told(next(iter(sink.undeclared), None))}",
            do="raise RetryableError from what the outside world does, RejectedError or a Report "
            "for events that cannot be sent, and let nothing else through",
        )
        for batches, report in sink.reports:
            self._require_real_events(batches, report, test)

    @staticmethod
    def _require_real_events(batches: Sequence[Batch], report: object, test: Test) -> None:
        given = {event for b in batches for event in b.events}
        named = {*report.rejected, *report.retry} if isinstance(report, Report) else {None}
        require(
            named <= given,
            test,
            seen=f"write returned {short(report)}, which names events that it was not given",
            do="return None or a Report whose keys are the very event objects of the batches",
        )

    async def _require_clean(self, watch: Watch, test: Test) -> None:
        left = await watch.until_clean(self.patience_s)
        require(
            not left,
            test,
            seen=f"left over: {'; '.join(left)[:300]}",
            do="cancel and await every task in `close`, and close every connection",
        )

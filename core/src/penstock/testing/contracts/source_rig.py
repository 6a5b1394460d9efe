"""What the tests of a source stand on: what it reads, and an outlet that records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import pytest

from penstock.api.component import Source
from penstock.api.errors import PluginError
from penstock.testing.contracts.base import Test
from penstock.testing.contracts.component import ComponentContract
from penstock.testing.obligation import difference, require
from penstock.testing.outlet import RecordingOutlet
from penstock.testing.source_run import SourceRun


class SourceRig(ComponentContract):
    """What a subclass of ``SourceContract`` gives, and how its tests use that."""

    generates: ClassVar[bool] = False
    """Whether the source makes its lines itself, always the same ones: no ``produce`` then."""
    may_hold_bytes: ClassVar[int] = 4_194_304
    """Heap bytes that the source may hold while the outlet is full."""
    most_waiting_sends: ClassVar[int] = 64
    """How many ``send`` calls may wait at once while the outlet is full."""
    most_awaits: ClassVar[int] = 25
    """How many awaits of ``run`` are cancelled, one after the other."""

    _known: Sequence[str] = ()

    def make_source(self) -> Source:
        """Return a new source of the same input; without a position it begins at the beginning."""
        raise NotImplementedError

    async def produce(self, lines: Sequence[str]) -> None:
        """Have the input contain further lines, on one stream, behind the source's back."""
        raise NotImplementedError

    async def produce_bytes(self, lines: Sequence[bytes]) -> None:
        """Have the input contain lines that are no text, as ``produce`` does."""
        pytest.skip("produce_bytes is not given: nothing is known of bytes that are no text")

    async def break_origin(self) -> None:
        """Have the input go away, such as a server that is stopped."""
        pytest.skip("break_origin is not given: nothing is known of this source in an outage")

    async def mend_origin(self) -> None:
        """Have the input back, with all that it had."""

    def make_component(self) -> Source:
        return self.make_source()

    def _can(self, fault: str) -> bool:
        """Say whether the subclass gives a fault, for tests that are worth it without, too."""
        return getattr(type(self), fault) is not getattr(SourceRig, fault)

    def _run(self, outlet: RecordingOutlet, *, cancel_at: int = 0) -> SourceRun:
        return SourceRun(
            self.make_source(), outlet, patience_s=self.patience_s, cancel_at=cancel_at
        )

    async def _prepare(self, what: str, count: int = 40) -> list[str]:
        """Have lines to be read: produce them, or see which ones the source makes itself."""
        if self.generates:
            return await self._generated(count)
        lines = [f"{what} {number:04}" for number in range(count)]
        await self.produce(lines)
        return lines

    async def _generated(self, count: int) -> list[str]:
        """Return the first lines that the source makes."""
        if len(self._known) < count:
            async with self._run(RecordingOutlet(settle=True)) as run:
                self._known = await run.lines(count)
        return list(self._known[:count])

    async def _compare(self, lines: list[str], got: list[str]) -> str:
        """Say how what was read differs from the lines, or from what the source makes."""
        return difference(await self._generated(len(got)) if self.generates else lines, got)

    def _only_replayable(self) -> None:
        if not self.make_source().replayable:
            pytest.skip("the source says replayable = False: it has no positions to go on from")

    def _only_produced(self) -> None:
        if self.generates:
            pytest.skip("the source makes its lines itself: none can be produced for it")

    def _require_alive(self, run: SourceRun, test: Test) -> None:
        require(
            not isinstance(run.error, PluginError),
            test,
            seen=f"run raised {self._told(run.error)}",
            do="mend what it says: core found what the source made to be wrong",
        )
        require(
            run.error is None,
            test,
            seen=f"run raised {self._told(run.error)}",
            do="raise RetryableError for the outside world: core calls `run` again",
        )

    async def _require_clean(self, run: SourceRun, test: Test) -> None:
        require(
            not run.is_stuck,
            test,
            seen=f"run did not end within {run.patience_s:g} s of its cancellation",
            do="let CancelledError through, and do nothing long while stopping",
        )
        left = await run.watch.until_clean(self.patience_s)
        require(
            not left,
            test,
            seen=f"left over: {'; '.join(left)[:300]}",
            do="cancel and await every task where `run` ends, and close what `open` opened",
        )


def stored(positions: Mapping[str, object]) -> dict[str, Any]:
    """Return positions as they come back from a disk."""
    restored: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(positions))
    return restored

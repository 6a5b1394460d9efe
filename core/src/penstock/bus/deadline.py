"""A deadline that can be set late, and drawn nearer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from penstock.guard import end


class Deadline:
    """None at first; ``after`` sets it, a second call can only draw it nearer."""

    def __init__(self) -> None:
        self._passed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def after(self, seconds: float) -> None:
        """Let it pass in this many seconds."""
        loop = asyncio.get_running_loop()
        if self._timer and self._timer.when() <= loop.time() + seconds:
            return
        if self._timer:
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._passed.set)

    async def bound(
        self,
        tasks: Iterable[asyncio.Task[Any]],
        *,
        at_most_s: float | None = None,
        grace_s: float = 0.0,
    ) -> None:
        """Wait for tasks until the deadline, or that long, then cancel those that are left.

        ``grace_s`` is what they get beyond that: more than nothing if they have only just begun.
        """
        pending = [task for task in tasks if not task.done()]
        if not pending:
            return
        passed = asyncio.create_task(self._passed.wait())
        together = asyncio.create_task(_all_done(pending))
        try:
            await asyncio.wait(
                (passed, together), timeout=at_most_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            passed.cancel()
            together.cancel()
        if grace_s and (pending := [task for task in pending if not task.done()]):
            await asyncio.wait(pending, timeout=grace_s)
        await end(pending)


async def _all_done(tasks: Iterable[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tuple(tasks))

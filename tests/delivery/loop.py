"""An event loop for tests that need not wait: where nothing happens, time is skipped."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class SkippingSelector(selectors.DefaultSelector):
    """Never sleeps until a timer is due, but says how long it would have."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0
        self.threads = 0
        """Jobs that a thread does at the moment: then there is something to wait for."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select()
        if self.threads:
            return super().select(min(timeout, 0.01))
        events = super().select(0)
        if not events:
            self.skipped += max(0.0, timeout)
        return events


class SkippingLoop(asyncio.SelectorEventLoop):
    """Real in everything but that its clock jumps to the next timer when nothing is ready.

    A backoff of a minute passes at once, and in the right order with everything else.
    """

    def __init__(self) -> None:
        self._skipping = SkippingSelector()
        super().__init__(self._skipping)

    @property
    def skipped(self) -> float:
        """The seconds that were skipped: what was waited for, however slow the machine is."""
        return self._skipping.skipped

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        job = super().run_in_executor(executor, func, *args)
        self._skipping.threads += 1
        job.add_done_callback(self._job_done)
        return job

    def _job_done(self, job: asyncio.Future[Any]) -> None:
        self._skipping.threads -= 1

    def time(self) -> float:
        return super().time() + self.skipped

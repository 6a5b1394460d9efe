"""An event loop for tests that need not wait: where nothing happens, time is skipped."""

from __future__ import annotations

import asyncio
import selectors


class SkippingSelector(selectors.DefaultSelector):
    """Never sleeps until a timer is due, but says how long it would have."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select()
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

    def time(self) -> float:
        return super().time() + self.skipped

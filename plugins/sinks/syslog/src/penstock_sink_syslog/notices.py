"""What the operator hears of messages that were changed: at once, then once a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

EVERY_S = 60.0


class Notices:
    """Counts what happens to messages and says it in the log, a line a minute at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._said: dict[str, float] = {}
        self.log = logging.getLogger("penstock")

    def add(self, what: str, count: int = 1) -> None:
        """Count, and say the count if it was not said lately."""
        self._counts[what] = self._counts.get(what, 0) + count
        now = self._clock()
        if now - self._said.get(what, -EVERY_S) >= EVERY_S:
            self._said[what] = now
            self._say(what)

    def flush(self) -> None:
        """Say what was counted and not said."""
        for what in list(self._counts):
            self._say(what)

    def _say(self, what: str) -> None:
        if count := self._counts.pop(what, 0):
            self.log.warning(what, extra={"messages": count})

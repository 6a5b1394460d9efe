"""What a sink has to say of many events, said once a minute with their number."""

from __future__ import annotations

import logging
import time

INTERVAL_S = 60.0


class Notices:
    """Counts what happens to events and logs it, each kind once in an interval.

    ``log`` is set when the sink is opened; ``flush`` says what is left at the end.
    """

    def __init__(self) -> None:
        self.log = logging.getLogger("penstock")
        self._counts: dict[str, int] = {}
        self._next: dict[str, float] = {}

    def add(self, what: str, count: int = 1) -> None:
        self._counts[what] = self._counts.get(what, 0) + count
        now = time.monotonic()
        if now >= self._next.get(what, 0.0):
            self._next[what] = now + INTERVAL_S
            self._say(what)

    def flush(self) -> None:
        for what in tuple(self._counts):
            self._say(what)

    def _say(self, what: str) -> None:
        if count := self._counts.pop(what, 0):
            self.log.warning(what, extra={"events": count})

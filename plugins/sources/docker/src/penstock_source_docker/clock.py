"""The engine's clock, as far as it can be told from here."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

SAME_S = 2.0
"""Clocks that differ by less are taken for one: an answer's date has only seconds."""

FALL_S = 2.0


class EngineClock:
    """Follows the date of the engine's answers.

    Stamps are made by the engine's wall clock. A stream that was asked for ``since`` a time stays
    silent once that clock is set back beyond it, so a fall has to be noticed.
    """

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._ahead: float | None = None
        self._skew = 0.0
        self.falls = 0
        """How often it was set back."""

    def now(self) -> int:
        """Return the engine's time in Unix nanoseconds."""
        return self._wall() + int(self._skew * 1e9)

    def answered(self, date: str) -> None:
        """Take the date of an answer; the monotonic clock tells whether it went back."""
        try:
            seconds = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        skew = seconds - self._wall() / 1e9
        self._skew = skew if abs(skew) >= SAME_S else 0.0
        ahead = seconds - self._monotonic()
        if self._ahead is not None and ahead < self._ahead - FALL_S:
            self.falls += 1
        self._ahead = ahead

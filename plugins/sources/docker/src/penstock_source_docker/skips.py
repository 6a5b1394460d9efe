"""Suspects Docker of having skipped lines in a stream that looks whole.

A log that rotates faster than it is read loses whole files, without an error and without an end.
All that can be seen is a jump in time: long enough that the container, going on as it did, would
have filled a good part of a file meanwhile. That is a reason to look, not a proof.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from penstock.api import Log

JUMP_NS = 2_000_000
"""Shorter jumps are not looked at."""

FIRST_JUMP_NS = 20_000_000
"""What is no output, as long as the pace is not known."""

PART = 4
"""What counts as a good part of a file: a quarter, as sizes here are not those on disk."""

WINDOW_BYTES = 131_072
"""Over how much output the pace is measured."""

FASTEST = 0.2
"""Bytes a nanosecond that no engine writes (measured: 0.06)."""

FIRST_TRUST_S = 0.25
MOST_TRUST_S = 10.0
"""After false alarms a container is trusted, longer each time."""


class Skips:
    """Watches the pace of one container's lines."""

    __slots__ = ("_bytes", "_file", "_last", "_pace", "_took", "_trust", "_trusted_until", "jump")

    def __init__(self, file: int) -> None:
        self._file = file
        self._last = 0
        self._took = 0
        self._bytes = 0
        self._pace = 0.0
        self.jump: tuple[int, int] | None = None
        """The times around what is suspected to be missing."""
        self._trust = 0.0
        self._trusted_until = 0.0

    def suspects(self, events: Sequence[Log], size: int, opened: int) -> bool:
        """Say whether something may be missing before or between events that were just read.

        What is older than the opening of the stream is not suspect: Docker held all its files.
        """
        if not self._file or not events:
            return False
        if self.jump:
            self._judge(events, self.jump)
        last = self._last or events[0].time_unix_nano
        self._last = newest = events[-1].time_unix_nano
        known = self._pace
        jump = self._find(events, last) if newest - last >= JUMP_NS else None
        self._measure(newest - last - (jump[1] - jump[0] if jump else 0), size)
        if jump is None or jump[1] < opened or not known:
            return False
        if time.monotonic() < self._trusted_until:
            return False
        self.jump = jump
        return True

    def too_short(self, before: int, after: int) -> bool:
        """Say whether no file can have been filled between two times, at any pace."""
        return (after - before) * FASTEST < self._file / PART

    def split(self, events: Sequence[Log]) -> tuple[Sequence[Log], Sequence[Log]]:
        """Split events that were suspected, before the jump and behind it."""
        after = self.jump[1] if self.jump else 0
        times = [event.time_unix_nano for event in events]
        at = times.index(after) if after in times else len(events)
        return events[:at], events[at:]

    def found(self, *, missing: bool) -> None:
        """Take the result of a look."""
        self.jump = None
        self._trust = 0.0 if missing else min(max(self._trust * 2, FIRST_TRUST_S), MOST_TRUST_S)
        self._trusted_until = time.monotonic() + self._trust

    def _find(self, events: Sequence[Log], last: int) -> tuple[int, int] | None:
        """Return the ends of the first jump in which much may have been written."""
        least = max(JUMP_NS, self._file / PART / self._pace) if self._pace else FIRST_JUMP_NS
        for event in events:
            at = event.time_unix_nano
            if at - last >= least:
                return last, at
            last = at
        return None

    def _measure(self, took: int, size: int) -> None:
        """Keep the pace, in bytes a nanosecond, of the output between the jumps."""
        self._took += took
        self._bytes += size
        if self._bytes >= WINDOW_BYTES // 2:
            self._pace = max(self._bytes / max(self._took, 1), self._pace / 2)
        if self._bytes >= WINDOW_BYTES:
            self._took = self._bytes = 0

    def _judge(self, events: Sequence[Log], jump: tuple[int, int]) -> None:
        """See whether there was something in the jump after all."""
        before, after = jump
        for event in events:
            if before < event.time_unix_nano < after:
                self.found(missing=True)
                return
            if event.time_unix_nano >= after:
                self.found(missing=False)
                return

"""Estimates how soon lines of one container that were not read yet will be rotated away."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.api import Log
from penstock_source_docker.retention import Retention

WINDOW_NS = 10_000_000_000
"""The present pace is that of so much of the log, or of a little less."""

LEAST_NS = 100_000_000
"""A pace is measured over no less: a burst is no pace."""

EARLY_BYTES = 65_536
"""So much is not left out by chance between a container's last line and its end."""

BEHIND_NS = 2_000_000_000
"""Who is not further behind keeps up: it is what the clocks may differ by."""


class Risk:
    """The pace of one container's log, by the stamps of what was read of it."""

    __slots__ = (
        "_began",
        "_behind",
        "_bytes",
        "_earlier",
        "_middle",
        "_newest",
        "_retention",
        "_until",
    )

    def __init__(self, retention: Retention, behind_ns: int = BEHIND_NS) -> None:
        self._retention = retention
        self._behind = behind_ns
        self._began = self._middle = self._newest = self._until = 0
        self._earlier = self._bytes = 0.0

    def read(self, events: Sequence[Log], size: int) -> None:
        """Note what was read, and in how many bytes."""
        if not events:
            return
        first, newest = events[0].time_unix_nano, events[-1].time_unix_nano
        if first < self._began or first - self._newest > WINDOW_NS:
            self._began = self._middle = first
            self._earlier = self._bytes = 0.0
        elif newest - self._middle > WINDOW_NS // 2:
            self._began, self._middle = self._middle, self._newest
            self._earlier, self._bytes = self._bytes, 0.0
        self._bytes += self._retention.on_disk(size, len(events))
        self._newest = newest

    def caught_up(self, now: int) -> None:
        """Note that all there was by now has been read."""
        self._until = now

    def seconds(self, now: int, opened: int) -> float | None:
        """Return the seconds until a line is lost that was not read, None if none is in danger.

        ``opened`` is when the stream was: Docker holds what there was then. Whatever came since
        then and was not read came at the present pace, as far as can be known.
        """
        behind = now - max(self._newest, self._until, opened)
        if not self._retention.file or not self._bytes or behind < self._behind:
            return None
        return max(self._retention.held / self._pace - behind, 0.0) / 1e9

    def ended_early(self, end: int) -> bool:
        """Say whether there must have been more before the end of a container than was read.

        Docker notes the end once the last line is kept, a few milliseconds later (measured).
        """
        silence = end - max(self._newest, self._until)
        return silence > LEAST_NS and self._pace * silence > EARLY_BYTES

    @property
    def _pace(self) -> float:
        """Bytes a nanosecond."""
        took = max(self._newest, self._until) - self._began
        return (self._earlier + self._bytes) / max(took, LEAST_NS)

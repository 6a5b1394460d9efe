"""What tells a write that can never succeed from a destination that is down or flaky."""

from __future__ import annotations

from typing import NamedTuple


class Record(NamedTuple):
    """How many writes to a destination came through so far, and how many failed."""

    successes: int = 0
    failures: int = 0


class Evidence:
    """How one write failed beside the others to its destination, since it was made.

    A ``strike`` is a failure after another write came through since the last one: the failures
    of an outage are one strike at most. ``defects`` are errors of the plugin's own.
    """

    __slots__ = ("_failures", "_since", "defects", "last", "strikes")

    def __init__(self, since: Record) -> None:
        self._since = since
        self._failures = 0
        self.last = since
        """The record at the last failure."""
        self.strikes = 0
        self.defects = 0

    def failed(self, record: Record, *, by_defect: bool = False) -> None:
        """Note a failure, and how all writes have fared by now."""
        self._failures += 1
        self.strikes += record.successes > self.last.successes
        self.defects += by_defect
        self.last = record

    @property
    def chance(self) -> float:
        """How likely so many strikes are if they are the destination's, by how the others fare."""
        succeeded = self.last.successes - self._since.successes
        failed = self.last.failures - self._since.failures - self._failures
        return float(((failed + 1) / (failed + 1 + succeeded)) ** self.strikes)

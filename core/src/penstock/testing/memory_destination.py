"""A destination in memory: the far end of a ``MemorySink``, which a test breaks and mends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar
from weakref import WeakValueDictionary

from penstock.api.delivery import Report
from penstock.api.errors import RejectedError, RetryableError
from penstock.api.event import Batch, Event, Log, Resource

Matches = Callable[[Event], bool]
"""Says whether an event is meant."""


@dataclass
class Faults:
    """What is wrong with a destination at the moment."""

    error: Exception | None = None
    errors_left: int | None = None
    refuses: Matches | None = None
    reason: str = ""
    rejects: Matches | None = None
    postpones: Matches | None = None
    postponements_left: int = 0
    retry_after: float | None = None
    seconds: float = 0.0

    def strike(self, batches: Sequence[Batch]) -> None:
        """Raise what a write of these batches has to raise."""
        if self.error is not None and self.errors_left != 0:
            if self.errors_left is not None:
                self.errors_left -= 1
            # One object raised often would keep the frames of every time alive.
            raise self.error.with_traceback(None)
        if _matching(batches, self.rejects):
            raise RejectedError("the destination refuses an event of this write")

    def report(self, batches: Sequence[Batch]) -> Report:
        """Name the events of these batches that are not taken."""
        refused = dict.fromkeys(_matching(batches, self.refuses), self.reason)
        postponed: list[Event] = []
        if self.postponements_left:
            postponed = [e for e in _matching(batches, self.postpones) if e not in refused]
            self.postponements_left -= bool(postponed)
        return Report(refused, postponed, self.retry_after if postponed else None)


class MemoryDestination:
    """Where a ``MemorySink`` delivers to: the far end, which a test breaks and mends.

    It is found by name and outlives the sinks that write to it. It lives as long as somebody
    refers to it. A failure that ``times`` does not limit lasts until ``mend``.
    """

    _all: ClassVar[WeakValueDictionary[str, MemoryDestination]] = WeakValueDictionary()

    def __init__(self) -> None:
        self.received: list[tuple[Resource, Event]] = []
        self.writes: list[list[Event]] = []
        self.open_failure: Exception | None = None
        self.writing = 0
        self._faults = Faults()
        self._mended = asyncio.Event()
        self._mended.set()
        self._arrivals: list[asyncio.Future[None]] = []

    @classmethod
    def named(cls, name: str) -> MemoryDestination:
        """Return the destination of this name, made on first use."""
        return cls._all.setdefault(name, cls())

    # What a test asks.

    def events(self, origin: str | None = None) -> list[Event]:
        """Return what arrived, in order, of one origin or of all."""
        return [event for of, event in self.received if origin is None or of.origin == origin]

    def lines(self, origin: str | None = None) -> list[str]:
        """Return the text of the logs that arrived."""
        return [event.body for event in self.events(origin) if type(event) is Log]

    @property
    def is_hanging(self) -> bool:
        """Whether writes wait for ``mend``."""
        return not self._mended.is_set()

    async def until(self, condition: Callable[[], object], *, timeout: float = 30.0) -> None:
        """Wait until a condition on what arrived holds; ``TimeoutError`` after ``timeout``."""
        async with asyncio.timeout(timeout):
            while not condition():
                arrival = asyncio.get_running_loop().create_future()
                self._arrivals.append(arrival)
                await arrival

    async def until_lines(self, count: int, *, timeout: float = 30.0) -> list[str]:
        """Wait for so many lines and return all that arrived."""
        await self.until(lambda: len(self.lines()) >= count, timeout=timeout)
        return self.lines()

    # What a test does.

    def fail(self, error: Exception | None = None, *, times: int | None = None) -> None:
        """Have writes raise this, a ``RetryableError`` by default, and take nothing."""
        self._faults.error = error or RetryableError("the destination is down")
        self._faults.errors_left = times

    def refuse(self, matches: Matches, reason: str = "refused") -> None:
        """Have writes take all but these events, and report those as rejected."""
        self._faults.refuses, self._faults.reason = matches, reason

    def reject(self, matches: Matches) -> None:
        """Have a write that holds such an event raise ``RejectedError`` and take nothing."""
        self._faults.rejects = matches

    def postpone(self, matches: Matches, *, times: int = 1, after: float | None = None) -> None:
        """Have writes report these events as to be sent again, ``times`` writes long."""
        self._faults.postpones, self._faults.postponements_left = matches, times
        self._faults.retry_after = after

    def hang(self) -> None:
        """Have writes wait until ``mend``."""
        self._mended.clear()

    def slow(self, seconds: float) -> None:
        """Have each write take so long."""
        self._faults.seconds = seconds

    def mend(self) -> None:
        """End every failure; writes that hang go on."""
        self._faults = Faults()
        self._mended.set()

    # What the sink does.

    async def take(self, batches: Sequence[Batch]) -> Report | None:
        """Record a write, or fail as told."""
        self.writing += 1
        self._changed()
        try:
            await asyncio.sleep(self._faults.seconds)
            await self._mended.wait()
            return self._record(batches)
        finally:
            self.writing -= 1
            self._changed()

    def _record(self, batches: Sequence[Batch]) -> Report | None:
        self._faults.strike(batches)
        report = self._faults.report(batches)
        left_out = {*report.rejected, *report.retry}
        taken = [
            (batch.resource, event)
            for batch in batches
            for event in batch.events
            if event not in left_out
        ]
        self.received += taken
        self.writes.append([event for _, event in taken])
        return report if left_out else None

    def _changed(self) -> None:
        arrivals, self._arrivals = self._arrivals, []
        for arrival in arrivals:
            if not arrival.done():
                arrival.set_result(None)


def _matching(batches: Sequence[Batch], matches: Matches | None) -> list[Event]:
    if matches is None:
        return []
    return [event for batch in batches for event in batch.events if matches(event)]

"""Watches a journal that is read more slowly than it is written, and vacuumed meanwhile.

What reads it keeps files open that are deleted, but never sees one that came and went while it
waited. Only a look at the oldest entry tells.
"""

from __future__ import annotations

import time

from penstock_source_journald.cursor import Cursor
from penstock_source_journald.entry import Entry
from penstock_source_journald.journal import Journal, Query, one
from penstock_source_journald.missing import cursor_of
from penstock_source_journald.sending import Sending

BEHIND_NS = 5_000_000_000
"""A journal that is read within so much of its writing is not looked at."""

LOOK_EVERY_S = 5.0
PAUSE_S = 0.5
"""After a longer wait for the pipelines it is looked at in any case."""

OVERTAKEN = "the journal may have been vacuumed faster than it could be read"


class Vacuum:
    """Looks where the journal begins, and says what was deleted before it was read."""

    def __init__(self, journal: Journal, machine: str, sending: Sending) -> None:
        self._journal = journal
        self._machine = machine
        self._sending = sending
        self._last: Cursor | None = None
        self._looked = 0.0
        self._margin = 0
        self._oldest = 0
        """Where the journal begins, if that is behind the last entry; else 0."""

    async def watch(self, entries: list[Entry]) -> None:
        """Say what is missing before or between entries that are about to be sent."""
        last = self._last or cursor_of(entries[0])
        newest = cursor_of(entries[-1])
        overdue = time.monotonic() - self._looked >= LOOK_EVERY_S
        if self._sending.pause_s > PAUSE_S:
            await self._look(last)
        elif time.time_ns() - newest.time_unix_nano < BEHIND_NS:
            self._margin = 0
        elif overdue:
            await self._look(last)
        if self._oldest:
            await self._cross(last, entries)
        self._last = newest

    async def _look(self, last: Cursor) -> None:
        oldest = await one(self._journal, Query(first=1, filtered=False, machine=self._machine))
        elapsed, self._looked = time.monotonic() - self._looked, time.monotonic()
        if oldest is None:
            return
        begins = cursor_of(oldest).time_unix_nano
        margin, before = last.time_unix_nano - begins, self._margin
        self._margin = margin
        if margin < 0:
            self._oldest = begins
        shrinking = (before - margin) / elapsed
        is_at_risk = before > 0 and shrinking > 0
        self._sending.at_risk(max(margin, 0) / shrinking if is_at_risk else None)

    async def _cross(self, last: Cursor, entries: list[Entry]) -> None:
        """Say the gap once the first entry comes that the journal still has."""
        for entry in entries:
            place = cursor_of(entry)
            if place.time_unix_nano >= self._oldest:
                self._oldest = 0
                if not last.precedes(place):
                    start, end = last.time_unix_nano, place.time_unix_nano
                    await self._sending.lost(OVERTAKEN, start, end)
                return
            last = place

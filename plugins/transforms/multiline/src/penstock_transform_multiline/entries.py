"""Entries by a pattern, as Logspout has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from penstock.api import Event, Log
from penstock_transform_multiline.assembly import Assembly, Limits, size_of
from penstock_transform_multiline.matching import LineMatcher
from penstock_transform_multiline.page import bodies_of

Match = Literal["first", "last", "nonfirst", "nonlast"]


class EntryReader:
    """Joins all lines, from one that is first to the next, or up to one that is last."""

    def __init__(self, matcher: LineMatcher, match: Match) -> None:
        self.matcher = matcher
        self.has_first = match.endswith("first")
        self.negated = match.startswith("non")

    def look(self, events: Sequence[Event]) -> EntryLook:
        """Look at a batch's events."""
        return EntryLook(self, events)

    def settled(self, entry: Assembly) -> None:
        """Learn nothing."""


class EntryLook:
    """Which lines of one batch are first, or last, of their entries."""

    __slots__ = ("_events", "_has_first", "_marks")

    def __init__(self, reader: EntryReader, events: Sequence[Event]) -> None:
        self._events = events
        self._has_first = reader.has_first
        marks = reader.matcher(bodies_of(events))
        self._marks = [not mark for mark in marks] if reader.negated else marks

    @property
    def is_clean(self) -> bool:
        """Whether there is no line that is more than an entry of its own."""
        return not self._marks or (not self._has_first and all(self._marks))

    def next(self, at: int) -> int:
        """Return the index of the next line that is more than an entry of its own."""
        events, marks = self._events, self._marks
        if not self._has_first:
            return next((i for i in range(at, len(marks)) if not marks[i]), len(marks))
        for index in range(at, len(marks) - 1):
            if not (marks[index + 1] and _same_stream(events[index], events[index + 1])):
                return index
        return len(marks) - 1

    def begin(self, at: int, line: Log) -> Assembly | None:
        """Return an entry that begins with a line."""
        entry = Assembly()
        self.take(at, line, entry)
        return entry

    def take(self, at: int, line: Log, entry: Assembly) -> bool:
        """Add a line to an entry, unless it is the first of another."""
        if entry.count and self._has_first and self._marks[at]:
            return False
        entry.add(line)
        entry.sure = entry.count
        return True

    def follow(self, at: int, entry: Assembly, limits: Limits) -> int:
        """Add the lines from here on that are neither first nor last."""
        lines, size, stream = entry.lines, entry.size, entry.lines[-1].stream
        marks, start = self._marks, at
        for event in self._events[at : at + limits.max_lines - entry.count]:
            if type(event) is not Log or event.stream != stream or marks[at]:
                break
            more = size + size_of(event.body)
            if more > limits.max_bytes:
                break
            size = more
            lines.append(event)
            at += 1
        entry.size = size
        entry.sure = entry.count = entry.count + at - start
        return at

    def passed(self, event: Event) -> None:
        """Learn nothing."""

    def ends(self, at: int) -> bool:
        """Whether a line is the last of its entry."""
        return not self._has_first and self._marks[at]


def _same_stream(one: Event, other: Event) -> bool:
    return type(one) is Log and type(other) is Log and one.stream == other.stream

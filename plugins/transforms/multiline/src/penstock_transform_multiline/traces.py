"""Stack traces, found by presets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from penstock.api import Event, Log
from penstock_transform_multiline.assembly import Assembly, Limits
from penstock_transform_multiline.candidate import Candidate
from penstock_transform_multiline.machine import LOOK, Machine, is_plain
from penstock_transform_multiline.page import Needles, Page, bodies_of

NOTE_NS = 10_000_000
"""The text of an exception is written at once: what comes this much later is none of it."""

RESUME_NS = 5_000_000_000
"""What goes on so much later than a part that was emitted is no part of the same trace."""

MAX_UNSURE = 100
"""How many lines in a row may wait for the one that tells whether they belong together."""

MAX_STREAMS = 16
"""Of how many streams of a container it is remembered what their lines look like."""


class Presets:
    """Some machines, and the search for lines with which a trace of theirs may begin."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self.machines = tuple(machines)
        self.needles = Needles(text for one in machines for text in one.literals)

    def starting(self, line: str) -> Iterator[Candidate]:
        """Yield a candidate for each preset of which a trace may begin with a line."""
        several = len(self.machines) > 1
        for machine in self.machines:
            if several and not any(text in line for text in machine.literals):
                continue
            for rule in machine.starts:
                if rule.hits(line):
                    yield Candidate(machine, rule)
                    break


class TraceReader:
    """Reads one container's traces; ``learn`` is told the preset of each."""

    def __init__(self, presets: Presets, learn: Callable[[str], None]) -> None:
        self.presets = presets
        self.learn = learn
        self._between: dict[str, str] = {}
        """Of each stream, the last line that was in no trace."""

    def look(self, events: Sequence[Event]) -> TraceLook:
        """Look at a batch's events."""
        return TraceLook(self, events)

    def settled(self, entry: Assembly) -> None:
        """Learn from a trace that is whole."""
        if entry.sure > 1:
            self.learn(entry.found)

    def passed(self, event: Event) -> None:
        """Remember a line that was in no trace."""
        if type(event) is Log and event.body:
            between = self._between
            if event.stream not in between and len(between) >= MAX_STREAMS:
                between.clear()
            between[event.stream] = event.body[:LOOK]

    def expects_plain(self, stream: str) -> bool:
        """Whether the lines of a stream that are in no trace are plain, as far as is known."""
        line = self._between.get(stream)
        return line is not None and is_plain(line)


class TraceLook:
    """Finds and follows traces in one batch."""

    __slots__ = ("_events", "_page", "_reader")

    def __init__(self, reader: TraceReader, events: Sequence[Event]) -> None:
        self._reader = reader
        self._events = events
        self._page = Page(bodies_of(events), reader.presets.needles)

    @property
    def is_clean(self) -> bool:
        """Whether no trace begins in the batch."""
        return self._page.is_clean

    def next(self, at: int) -> int:
        """Return the first index, from this one on, where a trace may begin."""
        return self._page.find(at)

    def passed(self, event: Event) -> None:
        """Learn what lines between traces look like."""
        self._reader.passed(event)

    def begin(self, at: int, line: Log) -> Assembly | None:
        """Return a trace that begins with a line, if one may."""
        candidates = list(self._reader.presets.starting(line.body[:LOOK]))
        if not candidates:
            return None
        # What looks like the stream's other lines is not taken for the text of an exception.
        entry = Assembly(candidates, notes=not self._reader.expects_plain(line.stream))
        entry.add(line)
        _judge(entry)
        return entry

    def take(self, at: int, line: Log, entry: Assembly) -> bool:
        """Add a line to a trace, if it may belong to it."""
        return self._may_belong(line, entry) and self._step(line, entry)

    def ends(self, at: int) -> bool:
        """No line is known to be a trace's last."""
        return False

    def follow(self, at: int, entry: Assembly, limits: Limits) -> int:
        """Add the lines from here on that change nothing in the only preset left.

        They are logs: what is none has no text.
        """
        if entry.sole is None or not (stay := entry.sole.stay):
            return at
        end = self._run(at, entry.lines[-1].stream, stay, at + limits.max_lines - entry.count)
        size = self._page.size(at, end)
        while end > at and size + entry.size > limits.max_bytes:
            end = (at + end) // 2
            size = self._page.size(at, end)
        if end > at:
            entry.lines += self._events[at:end]  # type: ignore[arg-type]
            entry.size += size
            entry.sure = entry.count = entry.count + end - at
        return end

    def _run(self, start: int, stream: str, stay: tuple[str, ...], end: int) -> int:
        """Return the index behind the lines of a stream that begin like ``stay``."""
        at = start
        for body in self._page.lines[start:end]:
            if not body.startswith(stay):
                break
            at += 1
        for index in range(start, at):
            if self._events[index].stream != stream:  # type: ignore[union-attr]
                return index
        return at

    @staticmethod
    def _may_belong(line: Log, entry: Assembly) -> bool:
        if not entry.count:
            return line.time_unix_nano - entry.last_time < RESUME_NS
        return entry.count - entry.sure < MAX_UNSURE

    @staticmethod
    def _step(line: Log, entry: Assembly) -> bool:
        body, count = line.body[:LOOK], entry.count + 1
        is_note = partial(_is_note, line, entry)
        sole = entry.sole
        if sole is not None and entry.count:
            if not sole.step(body, count, is_note):
                return False
            entry.add(line)
            if sole.sure > entry.sure:
                entry.sure, entry.found = sole.sure, sole.machine.name
            return True
        entry.candidates = [one for one in entry.candidates if one.step(body, count, is_note)]
        # A part that goes on with a line of which nobody is sure is over instead.
        if count == 1:
            entry.candidates = [one for one in entry.candidates if one.sure]
        if not entry.candidates:
            return False
        entry.add(line)
        _judge(entry)
        return True


def _judge(entry: Assembly) -> None:
    """See what the candidates make of the last line; those that know less than others go."""
    for candidate in entry.candidates:
        if candidate.sure > entry.sure:
            entry.sure = candidate.sure
            entry.found = candidate.machine.name
    if entry.sure == entry.count > 1:
        entry.candidates = [one for one in entry.candidates if one.sure == entry.count]
    entry.sole = entry.candidates[0] if len(entry.candidates) == 1 else None


def _is_note(line: Log, entry: Assembly) -> bool:
    lines = (entry.lines or entry.all_lines()) if entry.notes else []
    return bool(lines) and line.time_unix_nano - lines[-1].time_unix_nano <= NOTE_NS

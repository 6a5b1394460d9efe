"""What was read of a container's log: tells new frames from those that came before."""

from __future__ import annotations

from typing import NamedTuple

from penstock_source_docker.position import STDERR, STDOUT, Mark, Position, digest
from penstock_source_docker.recent import Recent


class Place(NamedTuple):
    """Where a frame is in what was read."""

    read: bytes
    at: int
    end: int


class History:
    """The marks of both streams, and the way to the place where they end.

    Resumed, it is closed: everything up to the anchor was sent, but for lines that had only begun.
    Open, it takes what is newer than the last line of its stream. A frame that is not is dropped
    only where it is known to the byte; else the clock went back, and a new epoch begins.
    """

    __slots__ = (
        "_continued",
        "_lenient",
        "_marks",
        "_matched",
        "_recent",
        "_reopened",
        "_resumed",
        "_starts",
        "anchor",
        "closed",
        "doubt",
        "duplicates",
        "epoch",
        "oldest",
        "passed",
        "seen",
        "times",
        "wary",
    )

    def __init__(
        self, position: Position, recent: Recent, *, closed: bool = False, lenient: bool = False
    ) -> None:
        self._lenient = lenient
        self._resumed = position
        self._recent = recent
        self._marks = [None, position.stdout, position.stderr]
        self._matched = 0
        self._starts = [0, position.open_stdout, position.open_stderr]
        self._reopened = [False, False, False]
        self._continued = [0, 0, 0]
        self.times = [mark.time if mark else 0 for mark in self._marks]
        """Per stream, the stamp that a frame must exceed to be new beyond doubt."""
        self.anchor = position.anchor
        self.epoch = position.epoch
        self.closed = closed
        """Whether the anchor has not come back yet."""
        self.wary = False
        """Whether an older frame that is not known is a doubt, instead of a new epoch."""
        self.doubt = False
        """Whether there was one: the order of Docker's own log has to tell what it is."""
        self.passed = False
        """Whether what came shows that more has to be asked for: the anchor was not in it."""
        self.seen = 0
        """Frames that came while it was closed."""
        self.oldest = 0
        """The stamp of the first of them."""
        self.duplicates = 0
        """Lines that came twice, since somebody looked."""

    @property
    def plain(self) -> bool:
        """Whether a newer stamp is all that it takes."""
        return not self.closed and not self.doubt and not any(self._continued)

    def admits(self, kind: int, time: int, text: bytes, place: Place) -> bool:
        """Say whether the frame at a place, with its time and text, is new."""
        if self.closed:
            return self._before_anchor(kind, time)
        if time > self.times[kind] or time == self._continued[kind]:
            self._continued[kind] = time if time == self._continued[kind] else 0
            return True
        if self._is_last(kind, time, text) or self._came(place):
            self.duplicates += text.endswith(b"\n")
            return False
        if time < self.times[kind]:
            if self.wary:
                self.doubt = True
                return False
            self.epoch += 1
        self.times[kind] = time - 1
        return True

    def ended(self, kind: int, stamp: int, frames: int, last: int, *, in_order: bool = True) -> int:
        """Note the end of a stream's line; return the line's ordinal.

        A line that ends late, after others behind it in Docker's log, is no anchor.
        """
        mark = self._marks[kind]
        ordinal = 0
        if mark and mark.time == stamp:
            ordinal = mark.ordinal + 1
            frames += mark.frames
        self._marks[kind] = Mark(stamp, frames, last, ordinal)
        self.times[kind] = stamp
        if in_order or self._marks[self.anchor] is None:
            self.anchor = kind
        return ordinal

    def cut(self, kind: int, stamp: int) -> None:
        """Note that a line was ended before its end: frames with its stamp still belong to it."""
        self._continued[kind] = stamp

    def position(self, open_stdout: int, open_stderr: int) -> Position:
        """Return how far it was read, with the starts of the lines that are open."""
        return Position(
            self._marks[STDOUT],
            self._marks[STDERR],
            self.anchor,
            self.epoch,
            open_stdout,
            open_stderr,
            self._resumed.since,
            name=self._resumed.name,
        )

    def _before_anchor(self, kind: int, time: int) -> bool:
        self.seen += 1
        self.oldest = self.oldest or time
        start = self._starts[kind]
        if start and (time == start or self._reopened[kind]):
            self._reopened[kind] = True
            return True
        mark = self._resumed.mark
        if mark is None or kind != self._resumed.anchor:
            return False
        if time == mark.time:
            self._matched += 1
            if self._matched == mark.frames:
                self._found()
        elif time > mark.time:
            self.passed = True
        return False

    def _found(self) -> None:
        """Open, unless a line that had begun before the anchor came without its beginning."""
        if self._lenient or all(map(_implies, self._starts, self._reopened)):
            self.closed = False
        else:
            self.passed = True

    def _is_last(self, kind: int, time: int, text: bytes) -> bool:
        mark = self._marks[kind]
        return mark is not None and mark.time == time and mark.digest == digest(text)

    def _came(self, place: Place) -> bool:
        frame = place.read[place.at : place.end]
        return place.read.find(frame, 0, place.at) >= 0 or frame in self._recent


def _implies(start: int, reopened: bool) -> bool:
    return reopened or not start

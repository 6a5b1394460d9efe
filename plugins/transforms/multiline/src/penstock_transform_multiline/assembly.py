"""Lines of one stream that may become one event."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from penstock.api import Hold, Log
from penstock_transform_multiline.candidate import Candidate

PART = "penstock.multiline_part"
"""The attribute that marks a piece of an entry that was too long for one event: 1, 2, and so on."""


class Limits(Struct, frozen=True):
    """How an entry is joined, and how large it may be."""

    separator: str
    max_lines: int
    max_bytes: int


class Assembly:
    """An entry that may not be whole yet.

    ``lines`` came with the batch at hand, ``holds`` have those before. The first ``sure`` of all
    ``count`` certainly belong together, as ``found`` says. Sizes are bytes of UTF-8.
    """

    __slots__ = (
        "candidates",
        "count",
        "found",
        "fresh",
        "holds",
        "last_time",
        "lines",
        "notes",
        "part",
        "since",
        "size",
        "sole",
        "sure",
        "told",
    )

    def __init__(self, candidates: Sequence[Candidate] = (), *, notes: bool = False) -> None:
        self.candidates = list(candidates)
        self.sole: Candidate | None = None
        self.lines: list[Log] = []
        self.holds: list[Hold] = []
        self.count = self.size = self.sure = self.part = 0
        self.found = ""
        self.notes = notes
        """Whether plain lines behind an exception are its text."""
        self.last_time = 0
        """The time of the last line of the part before."""
        self.fresh = True
        self.told = 0
        """How many lines were sure when it was last called ``fresh``."""
        self.since = 0.0
        """The time since which no line has come of which anybody is sure, if not ``fresh``."""

    def add(self, line: Log) -> None:
        """Append a line."""
        self.lines.append(line)
        self.count += 1
        self.size += size_of(line.body)

    def all_lines(self) -> list[Log]:
        """Return the lines, held or not, in order."""
        held = [line for hold in self.holds for line in hold.events if type(line) is Log]
        return held + self.lines

    def events(self, separator: str) -> list[Log]:
        """Return what certainly belongs together as one event, and the other lines as they are."""
        lines = self.all_lines()
        if self.sure < 2 and not self.part:
            return lines
        return [joined(lines[: self.sure], separator, self.part), *lines[self.sure :]]

    def next_part(self) -> None:
        """Begin another event of the same entry."""
        self.last_time = self.all_lines()[-1].time_unix_nano
        self.part = max(self.part, 1) + 1
        self.lines = []
        self.holds = []
        self.count = self.size = self.sure = self.told = 0
        for candidate in self.candidates:
            candidate.sure = 0


def size_of(body: str) -> int:
    """Return the bytes of a line and of what parts it from the next."""
    return 1 + (len(body) if body.isascii() else len(body.encode(errors="replace")))


def joined(lines: Sequence[Log], separator: str, part: int) -> Log:
    """Make one event of several, with time, stream and severity of the first."""
    first = lines[0]
    attributes = {**first.attributes, PART: part} if part else first.attributes
    return replace(
        first,
        body=separator.join([line.body for line in lines]),
        merged=sum([line.merged for line in lines]) + len(lines) - 1,
        attributes=attributes,
    )

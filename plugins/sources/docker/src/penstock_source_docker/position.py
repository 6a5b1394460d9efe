"""How far a container's log was sent: what it takes to go on exactly behind it."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace

from penstock.api import Log

STDOUT, STDERR = 1, 2
"""The streams as frame headers number them; a terminal has only the first."""

STREAMS = ("", "stdout", "stderr")
"""Names by number."""

MARGIN_NS = 10_000_000_000
"""How much earlier than the last line a resume begins: the two streams are mixed by some ms."""


class Mark(Struct, frozen=True, array_like=True):
    """The last line of a stream: the stamp of its last frame, and what tells twins apart.

    ``frames`` is how many came with that stamp: a long line has several, lines may be stamped
    alike. ``digest`` is the last frame's; ``ordinal`` counts earlier lines with that stamp.
    """

    time: int
    frames: int = 1
    digest: int = 0
    ordinal: int = 0


class Position(Struct, frozen=True, omit_defaults=True):
    """All that was sent of one container's log.

    ``anchor`` is the stream of the line that came last, in the order of Docker's log: whatever is
    behind it there is not sent, except as said here. ``open_stdout`` and ``open_stderr`` are the
    first stamps of lines that had begun before it and had not ended. A new ``epoch`` begins when
    stamps go back. Without marks reading begins at ``since``. ``finished``: the container has ended
    and all of its log was read. ``name`` is for the day when only the position is left of it.
    """

    stdout: Mark | None = None
    stderr: Mark | None = None
    anchor: int = STDOUT
    epoch: int = 0
    open_stdout: int = 0
    open_stderr: int = 0
    since: int = 0
    finished: bool = False
    name: str = ""

    @property
    def mark(self) -> Mark | None:
        """The last line of all: the anchor."""
        return self.stderr if self.anchor == STDERR else self.stdout

    @property
    def last_time(self) -> int:
        """The time of the last line sent; where none was, of the beginning."""
        mark = self.mark
        return mark.time if mark else self.since

    @property
    def resume_since(self) -> int:
        """From when on Docker has to be asked."""
        mark = self.mark
        if mark is None:
            return self.since
        times = (mark.time - MARGIN_NS, self.open_stdout, self.open_stderr)
        return max(min(time for time in times if time), 0)

    def behind(self, events: Iterable[Log]) -> Position:
        """Return it behind lines of which no more is known than that they were sent."""
        marks = {event.stream: Mark(event.time_unix_nano, 1, 0, event.ordinal) for event in events}
        stdout, stderr = (marks.get(name) for name in STREAMS[1:])
        return replace(self, stdout=stdout or self.stdout, stderr=stderr or self.stderr)


def digest(text: bytes) -> int:
    """Return a frame's digest, the same in every process."""
    return crc32(text)

"""A terminal's stream: no headers and only one stream, but a stamp in front of every frame."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator

from penstock.api import Log
from penstock_source_docker.history import Place
from penstock_source_docker.lines import Lines
from penstock_source_docker.partials import FRAME_BYTES
from penstock_source_docker.position import STDOUT
from penstock_source_docker.stamps import STAMP_BYTES, find_stamp, parse_stamp

MOST_FRAME_BYTES = 3 * FRAME_BYTES
"""A frame in which every byte was replaced by ``�``."""


def walk(read: bytes) -> Iterator[bytes]:
    """Yield the frames of a read, stamps and all; only those that end a line matter."""
    yield from read.splitlines(keepends=True)


class TerminalLines(Lines):
    """The lines of a container with a terminal.

    A frame ends with its line, or where the next stamp begins: a part of a long line, the end of
    one in the driver ``local``, and text that an exit left have no line end. A stamp within a line
    that is older than the line is the container's own text.
    """

    _fed = 0.0

    def _read(self, data: bytes, events: list[Log]) -> int:
        at = 0
        while at < len(data) and not self.stopped:
            end = self._end(data, at)
            if end < 0:
                break
            self._frame(Place(data, at, end), events)
            at = end
        return at

    @property
    def waiting(self) -> bool:
        """Whether something came that is no whole line yet."""
        return bool(self._rest) or super().waiting

    def feed(self, data: bytes) -> list[Log]:
        """Take the next bytes of the stream; return the lines that end in them."""
        self._fed = clock.monotonic()
        return super().feed(data)

    def stale(self, seconds: float) -> list[Log]:
        """End the lines that had no continuation for so long; what comes later is another event."""
        events: list[Log] = []
        if self._rest and clock.monotonic() - self._fed >= seconds:
            self._take_rest(events)
        return [*events, *super().stale(seconds)]

    def finish(self) -> list[Log]:
        """End what is open, as nothing more will come."""
        events: list[Log] = []
        if self._rest:
            self._take_rest(events)
        return [*events, *super().finish()]

    def _take_rest(self, events: list[Log]) -> None:
        rest, self._rest = self._rest, b""
        self._frame(Place(rest, 0, len(rest)), events)

    def _end(self, data: bytes, at: int) -> int:
        """Return where the frame at a place ends, -1 if that cannot be told yet."""
        text = at + STAMP_BYTES
        if len(data) < text:
            return -1
        full = text + MOST_FRAME_BYTES
        line_end = data.find(b"\n", at, full)
        end = line_end + 1 if line_end >= 0 else full if len(data) >= full else -1
        time = parse_stamp(data[at : text - 1])
        if time is None:
            return end
        following = find_stamp(data, text, end if end >= 0 else len(data))
        if following and following[1] >= time:
            return following[0]
        return end

    def _frame(self, place: Place, events: list[Log]) -> None:
        frame = place.read[place.at : place.end]
        stamp, _, text = frame.partition(b" ")
        time = parse_stamp(stamp)
        if time is None:
            self._take_unstamped(STDOUT, frame, events)
        elif self.history.admits(STDOUT, time, text, place):
            self._take(STDOUT, time, text, events)

"""Docker's multiplexed stream: frames of both streams, each behind a header of eight bytes."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct as Layout

from penstock.api import Log
from penstock_source_docker.history import Place
from penstock_source_docker.lines import Lines
from penstock_source_docker.partials import FRAME_BYTES
from penstock_source_docker.position import STDERR, STDOUT, digest
from penstock_source_docker.stamps import STAMP_BYTES, parse_stamp, seconds_nano

HEADER = Layout(">B3sI")
"""Stream, zeros, length: what is in front of every frame."""

FRAME = Layout(">BxxxI19sx9s2s")
"""A header and the parts of a stamp: stream, length, date and second, nanoseconds, zone."""

TEXT_AT = FRAME.size
SYSTEM_ERROR = 3


def walk(read: bytes) -> Iterator[bytes]:
    """Yield the whole frames of a read, header and all."""
    at = 0
    while len(read) - at >= HEADER.size:
        end = at + HEADER.size + HEADER.unpack_from(read, at)[2]
        if end > len(read):
            return
        yield read[at:end]
        at = end


class FrameLines(Lines):
    """The lines of a container without a terminal."""

    _skip = 0
    _second = b""
    _base = 0

    def feed(self, data: bytes) -> list[Log]:
        """Take the next bytes of the stream; return the lines that end in them."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        return super().feed(data)

    def _read(self, data: bytes, events: list[Log]) -> int:
        at = 0
        returns = b"\r\n" in data
        while True:
            if self.history.plain and not any(self.partials.open):
                at = self._usual(data, at, returns, events)
            after = self._unusual(data, at, events)
            if after == at:
                return at
            at = after

    def _usual(self, data: bytes, at: int, returns: bool, events: list[Log]) -> int:
        """Append lines up to a frame that is more than one line, newer than the last.

        One flat loop of literals and local names: a call for each line would cost a fifth of it.
        """
        unpack, append, log, size = FRAME.unpack_from, events.append, Log, len(data)
        _, stdout_severity, stderr_severity = self.form.severities
        _, stdout_time, stderr_time = self.history.times
        largest = self.form.limit + STAMP_BYTES + 1
        may_exceed = size > largest
        second, base = self._second, self._base
        stdout_at = stderr_at = -1
        while at + 39 < size:
            kind, length, stamp, digits, zone = unpack(data, at)
            end = at + 7 + length
            if end >= size or data[end] != 10 or zone != b"Z ":  # A line's end.
                break
            if may_exceed and length > largest:
                break
            try:
                if stamp != second:
                    base = seconds_nano(stamp)
                    second = stamp
                time = base + int(digits)
                if returns and data[end - 1] == 13:
                    body = data[at + 39 : end - 1].decode()
                else:
                    body = data[at + 39 : end].decode()
            except ValueError:
                break
            if kind == 1 and time > stdout_time:
                append(log(time, body, "stdout", stdout_severity))
                stdout_time = time
                stdout_at = at
            elif kind == 2 and time > stderr_time:
                append(log(time, body, "stderr", stderr_severity))
                stderr_time = time
                stderr_at = at
            else:
                break
            at = end + 1
        self._second, self._base = second, base
        lasts = ((stdout_at, STDOUT, stdout_time), (stderr_at, STDERR, stderr_time))
        for last, kind, time in sorted(lasts):
            if last >= 0:
                end = last + HEADER.size + HEADER.unpack_from(data, last)[2]
                self.history.ended(kind, time, 1, digest(data[last + TEXT_AT : end]))
        return at

    def _unusual(self, data: bytes, at: int, events: list[Log]) -> int:
        """Take one frame of any form, if it is whole; return where the next one begins."""
        if len(data) - at < HEADER.size or self.stopped:
            return at
        kind, zeros, length = HEADER.unpack_from(data, at)
        if not 0 < kind <= SYSTEM_ERROR or zeros != b"\0\0\0":
            self.broken = "the stream has something that is no frame"
            return at
        start = at + HEADER.size
        end: int = start + length
        largest = max(self.form.limit, FRAME_BYTES) + STAMP_BYTES + 2
        missing = 0
        if length > largest and len(data) - start >= largest:
            # Only an engine that does not cut lines sends such a frame; it is not held whole.
            missing, end = end - (start + largest), start + largest
            self._skip = max(missing - (len(data) - end), 0)
        if end > len(data):
            return at
        if kind == SYSTEM_ERROR:
            text = data[start : min(end, start + 1000)].decode("utf-8", "replace").strip()
            self.broken = f"the engine reports: {text}"
            return at
        self._frame(kind, Place(data, at, end), missing, events)
        return min(end + missing, len(data))

    def _frame(self, kind: int, place: Place, missing: int, events: list[Log]) -> None:
        payload = place.read[place.at + HEADER.size : place.end]
        stamp, _, text = payload.partition(b" ")
        time = parse_stamp(stamp)
        if time is None:
            self._take_unstamped(kind, payload, events)
        elif self.history.admits(kind, time, text, place):
            self._take(kind, time, text, events, missing=missing)

"""Joins the frames of lines that are longer than one: Docker cuts them every 16 KiB."""

from __future__ import annotations

import time as clock
from typing import NamedTuple

from penstock_source_docker.budget import Budget
from penstock_source_docker.position import digest
from penstock_source_docker.text import decode_cut

FRAME_BYTES = 16_384
"""A frame of this size without a line end has a continuation.

It is longer where the driver ``json-file`` has put ``�`` for bytes that are no UTF-8, such as half
a character where the line was cut.
"""

JOURNAL_GAP_NS = 1_000_000_000
"""How far apart the parts of one line may be stamped, where each has a stamp of its own."""


class Line(NamedTuple):
    """A line that has ended. ``stamp`` is its last frame's, which ``frames`` of it share."""

    time: int
    stamp: int
    frames: int
    digest: int
    text: bytes
    missing: int = 0

    def body(self, limit: int) -> tuple[str, int]:
        """Return the text without its line end, and how many bytes are cut from it."""
        text = without_line_end(self.text)
        if self.missing or len(text) > limit:
            return decode_cut(text[:limit], self.missing + max(len(text) - limit, 0), limit)
        return text.decode("utf-8", "replace"), 0


class Partial:
    """A line that has begun; what exceeds its bound or the source's is counted, not kept."""

    __slots__ = (
        "_pieces",
        "digest",
        "frames",
        "missing",
        "overtaken",
        "size",
        "stamp",
        "time",
        "touched",
    )

    def __init__(self, time: int) -> None:
        self.time = time
        self.stamp = time
        self.frames = 0
        self.digest = 0
        self.size = 0
        self.missing = 0
        self.touched = 0.0
        self.overtaken = False
        """Whether a line of the other stream ended meanwhile: the anchor is behind its start."""
        self._pieces: list[bytes] = []

    def add(self, time: int, text: bytes, limit: int, budget: Budget) -> None:
        """Append a frame."""
        self.frames = self.frames + 1 if time == self.stamp else 1
        self.stamp = time
        self.digest = digest(text)
        self.touched = clock.monotonic()
        kept = text[: max(limit - self.size, 0)]
        if self.missing or not budget.take(len(kept)):
            kept = b""
        if kept:
            self._pieces.append(kept)
            self.size += len(kept)
        self.missing += len(without_line_end(text)) - len(without_line_end(kept))

    def end(self) -> Line:
        r"""Return it as a line.

        The driver ``local`` of Docker 20.10 drops the ``\n`` of such lines, not its ``\r``.
        """
        text = b"".join(self._pieces)
        if not self.missing:
            text = text.removesuffix(b"\r")
        return Line(self.time, self.stamp, self.frames, self.digest, text, self.missing)


class Partials:
    """The open lines of one container, at most one a stream."""

    __slots__ = ("_budget", "_limit", "_same_stamp", "open")

    def __init__(self, limit: int, budget: Budget, *, same_stamp: bool) -> None:
        self._limit = limit
        self._budget = budget
        self._same_stamp = same_stamp
        self.open: list[Partial | None] = [None, None, None]

    def add(self, kind: int, time: int, text: bytes, missing: int = 0) -> list[Line]:
        """Take a frame, of which bytes may be missing; return the lines that end with it."""
        ended = []
        partial = self.open[kind]
        if partial and not self._continues(partial, time):
            ended.append(self.close(kind))
            partial = None
        whole = len(text) < FRAME_BYTES or text.endswith(b"\n")
        if partial is None:
            if whole and len(text) <= self._limit and not missing:
                ended.append(Line(time, time, 1, digest(text), text))
                return ended
            partial = self.open[kind] = Partial(time)
        partial.add(time, text, self._limit, self._budget)
        partial.missing += missing
        if whole:
            ended.append(self.close(kind))
        return ended

    def close(self, kind: int) -> Line:
        """End a stream's open line where it is."""
        partial = self.open[kind]
        if partial is None:
            raise ValueError(f"no open line in stream {kind}")
        self.open[kind] = None
        self._budget.give(partial.size)
        return partial.end()

    def discard(self) -> None:
        """Forget what is open: it will be read again."""
        for kind, partial in enumerate(self.open):
            if partial:
                self.close(kind)

    def overtake(self, kind: int) -> None:
        """Note that a line of a stream ended: the anchor is behind the others' open lines."""
        for other, partial in enumerate(self.open):
            if partial and other != kind:
                partial.overtaken = True

    def start(self, kind: int) -> int:
        """Return the time of a stream's open line if the anchor is behind its start, else 0."""
        partial = self.open[kind]
        return partial.time if partial and partial.overtaken else 0

    def _continues(self, partial: Partial, time: int) -> bool:
        """Tell a continuation: it has the same stamp, but for journald, which stamps each part.

        journald drops the empty rest of a line of exactly 16 KiB: what comes later is another line.
        """
        if self._same_stamp:
            return time == partial.stamp
        return 0 <= time - partial.stamp <= JOURNAL_GAP_NS


def without_line_end(text: bytes) -> bytes:
    """Return the text without its ``\\n`` or ``\\r\\n``."""
    if not text.endswith(b"\n"):
        return text
    return text[:-2] if text.endswith(b"\r\n") else text[:-1]

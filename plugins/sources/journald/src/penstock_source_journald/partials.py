"""Joins the parts that Docker makes of a long line, 16 KiB each, into one."""

from __future__ import annotations

import time

from penstock_source_journald.entry import Entry, Fields
from penstock_source_journald.resources import Origin

PART = b"CONTAINER_PARTIAL_MESSAGE"
PART_ID = b"CONTAINER_PARTIAL_ID"

PARTIAL_BYTES = 12 * 1_048_576
"""Of all lines that have begun; what goes beyond is cut from them."""

PATIENCE_S = 1.0
"""The rest of a line that fills its last part exactly never comes: the driver drops it."""


class Line:
    """A line that has begun: its first entry, and the text so far."""

    __slots__ = ("cut", "first", "ident", "last", "seen", "text")

    def __init__(self, entry: Entry) -> None:
        self.first = entry
        self.ident = entry.block.fields.get(PART_ID)
        self.text = bytearray()
        self.cut = 0
        self.last = 0
        self.seen = 0.0


class Partials:
    """The lines that have begun and not ended, by container and stream.

    Docker before version 18.9 marks parts, but for the last one, and no more; since then they have
    the line's id as well.
    """

    def __init__(self, message_bytes: int) -> None:
        self._message_bytes = message_bytes
        self._lines: dict[str, Line] = {}
        self._held = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def open(self) -> dict[str, str]:
        """Return the cursor of the first part of every line, by container and stream."""
        return {key: line.first.place for key, line in self._lines.items()}

    def feed(self, entry: Entry, origin: Origin) -> list[Entry]:
        """Take a container's entry; return the lines that are whole now."""
        fields = entry.block.fields
        key = line_key(fields, origin)
        whole = []
        line = self._lines.get(key)
        if line and not _continues(line, entry):
            whole.append(self._finish(key))
            line = None
        if line is None:
            line = self._lines[key] = Line(entry)
        self._add(line, entry)
        if fields.get(PART) != b"true":
            whole.append(self._finish(key))
        return whole

    def stale(self) -> Entry | None:
        """Return a line whose end has not come for so long that it will not."""
        now = time.monotonic()
        for key, line in self._lines.items():
            if now - line.seen >= PATIENCE_S:
                return self._finish(key)
        return None

    def clear(self) -> None:
        """Forget all lines: they will be read again."""
        self._lines.clear()
        self._held = 0

    def _add(self, line: Line, entry: Entry) -> None:
        room = min(self._message_bytes - len(line.text), PARTIAL_BYTES - self._held)
        kept = entry.message[: max(room, 0)]
        line.text += kept
        line.cut += len(entry.message) - len(kept) + entry.cut
        line.last = int(entry.time)
        line.seen = time.monotonic()
        self._held += len(kept)

    def _finish(self, key: str) -> Entry:
        line = self._lines.pop(key)
        self._held -= len(line.text)
        first = line.first
        whole = Entry(first.cursor, first.time, first.written, bytes(line.text), first.block)
        whole.cut = line.cut
        whole.left_out = first.left_out
        return whole


def is_part(fields: Fields) -> bool:
    """Say whether an entry with these fields is a part of a line."""
    return PART in fields or PART_ID in fields


def line_key(fields: Fields, origin: Origin) -> str:
    """Return what tells apart the lines that can be open at a time: container and stream."""
    return f"{origin.digest}:{fields.get(b'PRIORITY', b'')[:8].decode('ascii', 'replace')}"


def _continues(line: Line, entry: Entry) -> bool:
    if entry.block.fields.get(PART_ID) != line.ident:
        return False
    return int(entry.time) - line.last < PATIENCE_S * 1_000_000

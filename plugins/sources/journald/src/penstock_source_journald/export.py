"""Takes the journal's export format apart, however long or binary its fields are.

Format: https://systemd.io/JOURNAL_EXPORT_FORMATS
"""

from __future__ import annotations

from penstock_source_journald.entry import Block, Entry
from penstock_source_journald.single import MESSAGE, WRITTEN, SingleEntry

FAST_BYTES = 262_144
"""What has no end after so many bytes is taken apart as it comes, so that it stays bounded."""

KNOWN_BLOCKS = 2_048
BLOCK_BYTES = 4_096
"""Longer ones are not remembered."""

_CURSOR = b"__CURSOR="
_TIME = b"\n__REALTIME_TIMESTAMP="
_MESSAGE = b"\nMESSAGE="
_WRITTEN = b"\n_SOURCE_REALTIME_TIMESTAMP="


class Export:
    """Makes entries of what is read, piece by piece.

    Most entries are text, and have all but their place, times and message in common with others
    of their process: these lines are compared as they are, and not taken apart again. One with
    binary or repeated fields, or a very long one, goes through ``SingleEntry``.
    """

    def __init__(self, message_bytes: int) -> None:
        self._message_bytes = message_bytes
        self._rest = b""
        self._single: SingleEntry | None = None
        self._blocks: dict[bytes, Block] = {}

    def feed(self, data: bytes) -> list[Entry]:
        """Return the entries that are whole now; ``GarbageError`` if these cannot be entries."""
        entries: list[Entry] = []
        begin = 0
        while begin < len(data) or self._rest:
            if self._single:
                entry, begin = self._single.feed(data, begin)
                if entry is None:
                    break
                self._single = None
                entries.append(entry)
            if self._rest:
                data, self._rest = self._rest + data[begin:], b""
                begin = 0
            begin = self._split(data, begin, entries)
            if not self._single:
                self._rest = data[begin:]
                break
        return entries

    def _split(self, data: bytes, begin: int, entries: list[Entry]) -> int:
        """Take entries that are text; return where the first one begins that is not, or not yet."""
        while (end := data.find(b"\n\n", begin)) >= 0:
            if end > begin:
                entry = self._text(data, begin, end)
                if entry is None:
                    self._single = SingleEntry(self._message_bytes)
                    return begin
                entries.append(entry)
            begin = end + 2
        if len(data) - begin >= FAST_BYTES:
            self._single = SingleEntry(self._message_bytes)
        return begin

    def _text(self, data: bytes, begin: int, end: int) -> Entry | None:
        """Return the entry of some lines, None if these are not all there is to it."""
        place, time = begin + len(_CURSOR), data.find(b"\n", begin, end)
        if not data.startswith(_CURSOR, begin) or not data.startswith(_TIME, time):
            return None
        at = time_end = data.find(b"\n", time + 1, end)
        while data.startswith(b"\n__", at):
            at = data.find(b"\n", at + 1, end)
        message = data.find(_MESSAGE, at, end)
        if at < 0 or message < 0:
            return None
        message_end = data.find(b"\n", message + 1, end)
        if message_end < 0:
            message_end = end
        written, written_end = data.find(_WRITTEN, at, end), 0
        if written >= 0:
            written_end = data.find(b"\n", written + 1, end)
            if written_end < 0:
                written_end = end
        if written < 0:
            lines = data[at:message] + data[message_end:end]
        elif written < message:
            lines = data[at:written] + data[written_end:message] + data[message_end:end]
        else:
            lines = data[at:message] + data[message_end:written] + data[written_end:end]
        block = self._blocks.get(lines) or self._block(lines)
        if block is None:
            return None
        stamp = data[written + len(_WRITTEN) : written_end] if written >= 0 else b""
        text = data[message + len(_MESSAGE) : message_end]
        return Entry(data[place:time], data[time + len(_TIME) : time_end], stamp, text, block)

    def _block(self, lines: bytes) -> Block | None:
        """Return the fields of lines, None if some are no text or are repeated."""
        names = lines.split(b"\n")[1:]
        try:
            # Not a generator expression: it takes half as long again.
            fields = dict([line.split(b"=", 1) for line in names])
        except ValueError:
            return None
        if len(fields) != len(names) or MESSAGE in fields or WRITTEN in fields:
            return None
        block = Block(fields)
        if len(lines) <= BLOCK_BYTES:
            if len(self._blocks) >= KNOWN_BLOCKS:
                self._blocks.clear()
            self._blocks[lines] = block
        return block

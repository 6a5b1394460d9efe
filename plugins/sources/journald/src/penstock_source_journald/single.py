"""Takes one entry of the export format apart as it comes, field by field, and bounds it."""

from __future__ import annotations

import re
from struct import unpack

from penstock_source_journald.entry import Block, Entry, Fields
from penstock_source_journald.errors import GarbageError

CURSOR = b"__CURSOR"
TIME = b"__REALTIME_TIMESTAMP"
WRITTEN = b"_SOURCE_REALTIME_TIMESTAMP"
MESSAGE = b"MESSAGE"
FIELD_BYTES = 65_536
"""Of any field but the message."""

SENDER_BYTES = 262_144
"""Of all fields together that the sender of an entry chose, but the message."""

MAX_FIELD_BYTES = 1 << 31
"""No journal holds more in one field: a length beyond it was read from the wrong place."""

_NAME = re.compile(rb"[A-Za-z0-9_.]{1,256}")


class SingleEntry:
    """One entry under way: a line, a length, or a value of that length."""

    def __init__(self, message_bytes: int) -> None:
        self._message_bytes = message_bytes
        self._fields: Fields = {}
        self._cut = 0
        self._left_out = 0
        self._sender_bytes = 0
        self._held = bytearray()
        self._dropped = 0
        self._name = b""
        self._due = 0
        """How much of a length (8 bytes), or of a value with its line end, has not come."""
        self._in_value = False

    def feed(self, data: bytes, begin: int) -> tuple[Entry | None, int]:
        """Take data from an offset on; return the entry once it is whole, and where it ends."""
        while begin < len(data):
            if self._due:
                begin = self._feed_binary(data, begin)
                continue
            end = data.find(b"\n", begin)
            if end < 0:
                self._hold(data[begin:])
                break
            if end > begin:
                self._hold(data[begin:end])
            if self._held:
                self._line()
            elif self._fields:
                return self._whole(), end + 1
            begin = end + 1
        return None, len(data)

    def _feed_binary(self, data: bytes, begin: int) -> int:
        part = data[begin : begin + self._due]
        self._hold(part)
        self._due -= len(part)
        if not self._due:
            if self._in_value:
                self._value()
            else:
                self._length()
        return begin + len(part)

    def _line(self) -> None:
        name, equals, value = bytes(self._held).partition(b"=")
        if not _NAME.fullmatch(name):
            raise GarbageError(f"what came is no journal export: {name[:80]!r} is no field")
        if equals:
            self._add(name, value)
        self._begin(due=0 if equals else 8)
        self._name = name

    def _length(self) -> None:
        (length,) = unpack("<Q", self._held)
        if length > MAX_FIELD_BYTES:
            raise GarbageError(f"what came is no journal export: a field of {length} bytes")
        self._begin(due=length + 1)
        self._in_value = True

    def _value(self) -> None:
        if self._dropped:
            self._dropped -= 1
        elif self._held.endswith(b"\n"):
            del self._held[-1]
        else:
            raise GarbageError("what came is no journal export: a value has another length")
        self._add(self._name, bytes(self._held))
        self._begin(due=0)

    def _begin(self, *, due: int) -> None:
        self._held.clear()
        self._dropped = 0
        self._due = due
        self._in_value = False

    def _hold(self, part: bytes) -> None:
        """Keep what there is room for. A line's field is not known before its end."""
        is_other = self._in_value and self._name != MESSAGE
        limit = FIELD_BYTES if is_other else self._message_bytes + len(MESSAGE) + 1
        room = max(limit - len(self._held), 0)
        self._held += part[:room]
        self._dropped += max(len(part) - room, 0)

    def _add(self, name: bytes, value: bytes) -> None:
        """Keep a field, as much of it as there is room for."""
        known = self._fields.get(name)
        size = len(value)
        if name == MESSAGE:
            room = self._message_bytes - (0 if known is None else len(known) + 1)
        elif name.startswith(b"_"):
            room = FIELD_BYTES
        else:
            room = min(FIELD_BYTES, SENDER_BYTES - self._sender_bytes)
            self._sender_bytes += len(name) + min(size, room)
        room = max(room, 0)
        missing = self._dropped + max(size - room, 0)
        if name == MESSAGE:
            self._cut += missing
        else:
            self._left_out += missing
        if room or known is None:
            value = value[:room]
            self._fields[name] = value if known is None else known + b"\n" + value

    def _whole(self) -> Entry:
        fields = self._fields
        if CURSOR not in fields or TIME not in fields:
            name = next(iter(fields)).decode("utf-8", "replace")
            raise GarbageError(f"what came is no journal export: an entry begins with {name!r}")
        message, written = fields.pop(MESSAGE, b""), fields.pop(WRITTEN, b"")
        entry = Entry(fields.pop(CURSOR), fields.pop(TIME), written, message, Block(fields))
        entry.cut, entry.left_out = self._cut, self._left_out
        return entry

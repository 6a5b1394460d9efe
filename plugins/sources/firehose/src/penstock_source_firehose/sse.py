"""Takes a stream of server-sent events apart, whatever pieces it comes in."""

from __future__ import annotations

MAX_EVENT_BYTES = 67_108_864

_BOM = b"\xef\xbb\xbf"
_UNNAMED = b"message"
"""The name of an event that has none."""


class ServerSentEvents:
    """Makes pairs of name and data of what is read; most events have no name.

    Too long an event is left out as far as it goes; ``cut`` says how many bytes that were.
    """

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._searched = 0
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0
        self._skipped = 0
        self._began = False
        self.cut: list[int] = []

    def feed(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        """Return the events that end in a chunk."""
        events: list[tuple[bytes, bytes]] = []
        rest = self._rest
        rest += chunk
        begin = 0
        while (end := rest.find(b"\n", max(begin, self._searched))) >= 0:
            self._searched = 0
            self._line(bytes(rest[begin:end]), events)
            begin = end + 1
        del rest[:begin]
        self._searched = len(rest)
        if len(rest) > self._limit:
            self._skipped += len(rest)
            rest.clear()
            self._searched = 0
        return events

    def _line(self, text: bytes, events: list[tuple[bytes, bytes]]) -> None:
        if self._skipped:
            self.cut.append(self._skipped + len(text))
            self._skipped = 0
            return
        if not self._began:
            self._began = True
            text = text.removeprefix(_BOM)
        if text.endswith(b"\r"):
            text = text[:-1]
        if not text:
            if self._data or self._name:
                events.append((self._name, b"\n".join(self._data)))
            self._name, self._data, self._size = b"", [], 0
            return
        name, _, value = text.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value)
            if self._size <= self._limit:
                self._data.append(value)
        elif name == b"event":
            self._name = b"" if value == _UNNAMED else value[:256]

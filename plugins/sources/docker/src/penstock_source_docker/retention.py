"""How much of a container's log Docker keeps, by the options of its driver."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}
"""Docker counts in thousands: files of ``max-size=1m`` have 1,000,000 bytes (measured)."""

LOCAL_FILE_BYTES = 20 << 20
LOCAL_FILES = 5
"""What the driver ``local`` takes without options; Docker's cache for others is one as well."""

JSON_LINE_BYTES = 31
JSON_ESCAPES = 1.1
"""A line in a ``json-file`` has so many bytes more than in a stream, and escapes in its text."""


class Retention(NamedTuple):
    """Files of ``file`` bytes each, ``files`` at most; a log without a ``file`` size only grows.

    A read of ``size`` bytes in lines takes ``factor * size + line * lines`` bytes on disk.
    """

    file: int = 0
    files: int = 0
    factor: float = 1.0
    line: int = 0

    @property
    def held(self) -> int:
        """How many of the newest bytes are certainly there: the oldest file goes at any moment."""
        return self.file * max(self.files - 1, 0)

    def on_disk(self, size: int, lines: int) -> float:
        """Return what so much of a stream takes."""
        return self.factor * size + self.line * lines


def retention(driver: str, options: Mapping[str, str]) -> Retention:
    """Return what a driver keeps; of the journal and of no log nothing is known."""
    if driver in ("journald", "none"):
        return Retention()
    if driver == "json-file":
        file, files = _size(options.get("max-size", "")), _count(options.get("max-file", ""), 1)
        return Retention(file, files, JSON_ESCAPES, JSON_LINE_BYTES)
    prefix = "" if driver == "local" else "cache-"
    file = _size(options.get(f"{prefix}max-size", "")) or LOCAL_FILE_BYTES
    return Retention(file, _count(options.get(f"{prefix}max-file", ""), LOCAL_FILES))


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    return int(float(match[1]) * _UNITS[match[2].lower()]) if match else 0


def _count(text: str, default: int) -> int:
    return int(text) if text.isdecimal() else default

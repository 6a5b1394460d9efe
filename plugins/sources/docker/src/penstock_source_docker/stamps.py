"""Docker's time stamps: RFC 3339 with nanoseconds, in front of every frame."""

from __future__ import annotations

import re
from datetime import UTC, datetime

STAMP_BYTES = 31
"""A stamp of nine digits in UTC and the space behind it, as Docker writes them."""

_STAMP = re.compile(
    rb"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def seconds_nano(second: bytes) -> int:
    """Return the Unix nanoseconds of ``2026-01-02T03:04:05``; ``ValueError`` if it is not that."""
    moment = datetime.fromisoformat(second.decode("ascii")).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000


def parse_stamp(stamp: bytes) -> int | None:
    """Return the Unix nanoseconds of any RFC 3339 time, None if it is none."""
    match = _STAMP.fullmatch(stamp)
    if match is None:
        return None
    second, digits, zone = match.groups()
    try:
        time = seconds_nano(second)
    except ValueError:
        return None
    time += int((digits or b"0").ljust(9, b"0"))
    if zone in b"Zz":
        return time
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    offset = minutes * 60_000_000_000
    return time - offset if zone[:1] == b"+" else time + offset


def parse_time(text: str) -> int:
    """Return the Unix nanoseconds of a time in an answer; 0 if it is absent, zero or no time."""
    time = parse_stamp(text.encode("ascii", "replace"))
    return time if time is not None and time > 0 else 0


def unix_time(nanoseconds: int) -> str:
    """Return ``seconds.nanoseconds``, the only form that ``since`` takes."""
    return f"{nanoseconds // 1_000_000_000}.{nanoseconds % 1_000_000_000:09}"


def find_stamp(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Return the place of the first whole stamp with its space, and its time."""
    at = data.find(b"Z ", start, end)
    while at >= 0:
        first = at + 2 - STAMP_BYTES
        if first >= start and data[first + 19 : first + 20] == b".":
            time = parse_stamp(data[first : at + 1])
            if time is not None:
                return first, time
        at = data.find(b"Z ", at + 1, end)
    return None

"""The time of an event as text, made once a second."""

from __future__ import annotations

import time

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DIGITS = tuple(f"{number:03}" for number in range(1000))
"""Three digits of each number: looking them up twice costs half of formatting six."""
LAST_SECOND = 253_402_300_799
"""The end of the year 9999: times come from strangers."""


def in_calendar(second: int) -> int:
    """Hold a time between 1970 and the year 9999."""
    return min(max(second, 0), LAST_SECOND)


def rfc5424_second(second: int) -> str:
    """Return RFC 3339's text up to the fraction, in UTC: ``2026-01-02T03:04:05.``."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(in_calendar(second)))


def rfc3164_second(second: int) -> str:
    """Return ``Jan  2 03:04:05`` in this machine's time zone.

    The RFC says local time and has no place for a zone; receivers take their own.
    """
    local = time.localtime(in_calendar(second))
    return (
        f"{_MONTHS[local.tm_mon - 1]} {local.tm_mday:2} "
        f"{local.tm_hour:02}:{local.tm_min:02}:{local.tm_sec:02}"
    )

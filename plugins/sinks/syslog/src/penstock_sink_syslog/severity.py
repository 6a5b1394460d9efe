"""Facilities, and how OpenTelemetry's severity numbers become syslog's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Facility = Literal[
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "audit",
    "alert",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
]

ERROR = 3
WARNING = 4
INFO = 6

_FROM = {1: 7, 9: 6, 10: 5, 13: 4, 17: 3, 18: 2, 23: 1, 24: 0}
# Fatal (21) is crit: emerg is written onto every terminal by rsyslog's default rules.


def heads(facility: Facility, form: str) -> Mapping[int, str]:
    """Return the text before the time, such as ``<14>1 ``, by OpenTelemetry's number.

    ``form`` has one ``%d``, for the priority.
    """
    base = get_args(Facility).index(facility) * 8
    made: dict[int, str] = {}
    severity = INFO
    for number in range(1, 25):
        severity = _FROM.get(number, severity)
        made[number] = form % (base + severity)
    return made


def head(facility: Facility, form: str, severity: int) -> str:
    """Return the text before the time for one of syslog's severities."""
    return form % (get_args(Facility).index(facility) * 8 + severity)

"""Journal entries in the export format, as systemd-journal-remote takes them."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Sequence

MACHINE = "a1" * 16
BOOT = "b1" * 16
_count = 0


def entry(
    message: str | bytes | Sequence[str],
    *,
    machine: str = MACHINE,
    boot: str = BOOT,
    unit: str = "app.service",
    time_us: int = 0,
    host: str = "web-1",
    pid: int = 77,
    **fields: str | bytes | Sequence[str | bytes],
) -> bytes:
    """Return one entry; a field that is a list is repeated, an empty string leaves it out."""
    global _count  # noqa: PLW0603
    _count += 1
    now = time_us or time.time_ns() // 1000
    given = {
        "__REALTIME_TIMESTAMP": str(now),
        "__MONOTONIC_TIMESTAMP": str(1_000_000 + _count),
        "_BOOT_ID": boot,
        "_MACHINE_ID": machine,
        "_HOSTNAME": host,
        "_TRANSPORT": "journal",
        "_SYSTEMD_UNIT": unit,
        "_PID": str(pid),
        "_UID": "0",
        "_COMM": "app",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "app",
        "MESSAGE": message,
        **fields,
    }
    return b"".join(_field(name, value) for name, value in given.items()) + b"\n"


def entries(messages: Iterable[str | bytes], **fields: str) -> bytes:
    """Return one entry for each message."""
    return b"".join(entry(message, **fields) for message in messages)  # type: ignore[arg-type]


def _field(name: str, value: str | bytes | Sequence[str | bytes]) -> bytes:
    if value == "":
        return b""
    if not isinstance(value, str | bytes):
        return b"".join(_field(name, one) for one in value)
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    if name.startswith("_"):
        # What the journal itself sets is taken as a line only.
        return b"%b=%b\n" % (name.encode(), data)
    return b"%b\n%b%b\n" % (name.encode(), struct.pack("<Q", len(data)), data)

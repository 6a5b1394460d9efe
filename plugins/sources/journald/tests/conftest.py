"""Entries in the journal's export format, as journalctl prints them."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

SEQUENCE = "5e" * 16
BOOT = "b0" * 16


def cursor_text(number: int, time_us: int) -> str:
    return f"s={SEQUENCE};i={number:x};b={BOOT};m={number:x};t={time_us:x};x=1"


def exported(number: int, *fields: tuple[str, str | bytes], time_us: int = 0) -> bytes:
    """One entry; a value of bytes is written as binary."""
    time_us = time_us or 1_700_000_000_000_000 + number
    lines = [
        f"__CURSOR={cursor_text(number, time_us)}\n".encode(),
        f"__REALTIME_TIMESTAMP={time_us}\n".encode(),
        f"_BOOT_ID={BOOT}\n".encode(),
    ]
    for name, value in fields:
        if isinstance(value, str):
            lines.append(f"{name}={value}\n".encode())
        else:
            lines.append(b"%b\n%b%b\n" % (name.encode(), struct.pack("<Q", len(value)), value))
    return b"".join(lines) + b"\n"


@pytest.fixture(scope="session")
def export_entry() -> Callable[..., bytes]:
    return exported

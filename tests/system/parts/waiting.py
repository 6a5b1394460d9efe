"""Bounded waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    probe: Callable[[], T], what: str, timeout: float = 30.0, interval: float = 0.02
) -> T:
    """Return the probe's first true value; ``AssertionError`` naming ``what`` after the timeout."""
    deadline = time.monotonic() + timeout
    while True:
        if value := probe():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}; last seen: {value!r}")
        time.sleep(interval)

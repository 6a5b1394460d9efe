"""What a server answered, and what that means for the events that it was sent."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
from msgspec import Struct

MAX_RETRY_AFTER_S = 3600.0
"""The longest wait that a server may ask for: a typing error must not stop a sink for years."""


class Answer(Struct, frozen=True, kw_only=True):
    """A status and the beginning of a body; not ``complete`` if the rest was cut off or left."""

    status: int
    origin: str = ""
    """The server that it came from."""
    body: bytes = b""
    complete: bool = True
    retry_after: float | None = None
    location: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body[:4096].decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON, None if it is none."""
        try:
            return msgspec.json.decode(self.body) if self.complete else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


class Statuses(Struct, frozen=True, kw_only=True):
    """What a destination means by its statuses, as far as it differs from others.

    What is in none of these sets is an outage: it says nothing of the events, so they wait.
    """

    denied: frozenset[int] = frozenset({401, 403, 407, 415})
    """The operator has to change something."""
    refused: frozenset[int] = frozenset({400, 406, 422, 431})
    """An event in the body is at fault."""
    too_large: frozenset[int] = frozenset({413})
    """The body is at fault: smaller ones may pass."""
    fatal: frozenset[int] = frozenset()
    """All of the body is refused, and must not be sent again."""


def retry_after(value: str | None, now: float | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` asks for, in either of its forms."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), MAX_RETRY_AFTER_S)
    try:
        when = parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    seconds = when - (time.time() if now is None else now)
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)

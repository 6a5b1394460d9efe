"""What Mezmo takes: the documented limits, and what shippers keep to."""

from __future__ import annotations

MAX_BODY_BYTES = 10_000_000
"""A request, before compression."""
USUAL_BODY_BYTES = 2_097_152
"""What Mezmo's own agent sends at most."""
MAX_LINES = 10_000
MAX_LINE_BYTES = 16_384
MAX_META_BYTES = 32_768
MAX_APP_BYTES = 512
MAX_LEVEL_BYTES = 80
MAX_HOSTNAME_BYTES = 255
MAX_TAGS_BYTES = 2048
"""No documented limit: it keeps the address short enough for servers between."""

MARK = "...[cut]"
"""The end of a line that was cut."""


def cut(text: str, limit: int, mark: str = "") -> str:
    """Shorten a text to so many bytes of UTF-8, never within a character."""
    if len(text) * 4 <= limit:
        return text
    data = text.encode(errors="replace")
    if len(data) <= limit:
        return text
    return data[: max(limit - len(mark), 0)].decode(errors="ignore") + mark

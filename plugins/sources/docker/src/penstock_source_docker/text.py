"""Cuts text from strangers to a size, with a mark that says how much is missing."""

from __future__ import annotations

MARK_BYTES = 40
"""Room for the mark behind what is left of a text."""


def mark(missing: int) -> str:
    """Return the mark that stands for missing bytes."""
    return f"… [{missing} bytes cut]"


def bounded(text: str, limit: int) -> str:
    """Return the text, or as much of its beginning as fits into ``limit`` characters, marked."""
    if len(text) <= limit:
        return text
    kept = text[: max(limit - MARK_BYTES, 0)]
    missing = len(text[len(kept) :].encode("utf-8", "replace"))
    return kept + mark(missing)


def decode_cut(kept: bytes, missing: int, limit: int) -> tuple[str, int]:
    """Return the text of a line of which ``missing`` bytes are gone already, and all that are gone.

    The text has at most ``limit`` bytes, its mark included, and ends between two characters.
    """
    whole = kept[: max(limit - MARK_BYTES, 0)]
    whole = whole[: _last_boundary(whole)]
    missing += len(kept) - len(whole)
    return whole.decode("utf-8", "replace") + mark(missing), missing


def _last_boundary(data: bytes) -> int:
    """Return where the last character that is whole ends, where it is UTF-8."""
    end = len(data)
    for back in range(1, min(4, end) + 1):
        byte = data[end - back]
        if byte & 0xC0 == 0x80:
            continue
        length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        return end if length <= back else end - back
    return end

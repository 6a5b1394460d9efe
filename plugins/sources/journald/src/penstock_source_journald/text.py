"""Cuts text from strangers to a size, with a mark that says how much is missing."""

from __future__ import annotations

MARK_BYTES = 40
"""Room for the mark behind what is left of a text."""


def decode_cut(kept: bytes, missing: int, limit: int) -> tuple[str, int]:
    """Return the text of which ``missing`` bytes are gone already, and how many are gone in all.

    The text has at most ``limit`` bytes, its mark included, and ends between two characters.
    """
    whole = kept[: max(limit - MARK_BYTES, 0)]
    # What was cut within a character ends in a byte that begins one and up to two that go on.
    for back in range(1, min(4, len(whole)) + 1):
        byte = whole[-back]
        if byte & 0xC0 != 0x80:
            length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            whole = whole[:-back] if length > back else whole
            break
    missing += len(kept) - len(whole)
    return f"{whole.decode('utf-8', 'replace')}… [{missing} bytes cut]", missing

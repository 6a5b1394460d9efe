"""A journal's cursors taken apart: which entry, of which sequence, boot and time."""

from __future__ import annotations

import re
from typing import Self

from msgspec import Struct

_CURSOR = re.compile(
    r"s=([0-9a-f]{32});i=([0-9a-f]{1,16});b=([0-9a-f]{32});m=([0-9a-f]{1,16});"
    r"t=([0-9a-f]{1,16});x=([0-9a-f]{1,16})"
)


class Cursor(Struct, frozen=True):
    """One entry's place; ``text`` is the journal's own form of it."""

    text: str
    sequence: str
    """The numbering that ``number`` belongs to: one writer's, over its rotations."""
    number: int
    boot: str
    time_unix_nano: int
    """When the journal received the entry."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take a cursor apart; a ``ValueError`` says that it is none."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:200]!r} is no cursor")
        sequence, number, boot, _, microseconds, _ = match.groups()
        return cls(text, sequence, int(number, 16), boot, int(microseconds, 16) * 1000)

    def precedes(self, other: Self) -> bool:
        """Say whether nothing can be missing between the two."""
        return self.sequence == other.sequence and self.number + 1 == other.number

    def is_behind(self, other: Self) -> bool:
        """Say whether this one comes later in the journal."""
        if self.sequence == other.sequence:
            return self.number > other.number
        return self.time_unix_nano > other.time_unix_nano

"""Which of some lines match a regular expression of the operator's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from penstock.api import Pattern

_ATOM = (
    r"(?:[\w ,:;/<>=@#%&!\"'~`-]|\.|\\[sdwSDW]|\\[^\w\s]|\[\^?[\w ,:;/<>=@#%!\"'-]+\])"
    r"(?:\{\d{1,3}\})?"
)
_SIMPLE = re.compile(
    rf"\^(?:\((?:\?:)?(?:{_ATOM})+(?:\|(?:{_ATOM})+)*\))?(?:{_ATOM})*(?:{_ATOM}[+*](?:{_ATOM})*)?",
    re.ASCII,
)
"""Patterns that begin at the beginning, with alternatives of fixed length and one repetition at
most: any engine takes linear time for them."""


_SPACE = {r"\s": r"[\t\n\f\r ]", r"\S": r"[^\t\n\f\r ]"}
"""What RE2 means by white space."""

Match = Callable[[str], object]


class LineMatcher:
    """Tells which lines match, in time that grows with their length and no faster."""

    def __init__(self, pattern: str) -> None:
        self._hits = Pattern(f"re:{pattern}").hits
        self._simple = simple(pattern)

    def __call__(self, lines: Sequence[str]) -> list[bool]:
        match = self._simple
        if match is None:
            return [self._hits(line) for line in lines]
        return [match(line) is not None for line in lines]


def simple(pattern: str) -> Match | None:
    """Return a match by Python's engine, if no text can make that take long for this pattern.

    RE2 costs ten times as much a line, nearly all of it for crossing into C++.
    """
    if not _SIMPLE.fullmatch(pattern):
        return None
    same = re.sub(r"\\.", lambda found: _SPACE.get(found[0], found[0]), pattern)
    return re.compile(same, re.ASCII).match

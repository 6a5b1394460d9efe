"""A batch's lines as one text, so that one search jumps over all that is of no interest."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

import re2

from penstock.api import Event, Log
from penstock_transform_multiline.assembly import size_of


def bodies_of(events: Sequence[Event]) -> list[str]:
    """Return the text of every event; what is no log has none."""
    return [event.body if type(event) is Log else "" for event in events]


class Needles:
    """Searches for any of some texts at once: one pass, however many there are."""

    def __init__(self, literals: Iterable[str]) -> None:
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        either = "|".join(re2.escape(one) for one in dict.fromkeys(literals))
        self._search = re2.compile(either.encode(), options).search

    def find(self, text: bytes, start: int) -> int:
        """Return where the first one is from ``start`` on, or the end of the text."""
        found = self._search(text, start)
        return int(found.start()) if found else len(text)


class Page:
    """Lines of one batch, and where in their common text each begins."""

    __slots__ = ("_found", "_needles", "_starts", "_text", "is_ascii", "lines")

    def __init__(self, lines: list[str], needles: Needles) -> None:
        text = "\n".join(lines)
        self.lines = lines
        self.is_ascii = text.isascii()
        self._text = text.encode(errors="replace")
        self._needles = needles
        self._found = needles.find(self._text, 0)
        self._starts: list[int] | None = None

    @property
    def is_clean(self) -> bool:
        """Whether nothing is found in any line."""
        return self._found == len(self._text)

    def find(self, line: int) -> int:
        """Return the first line, from this one on, in which something is found."""
        starts = self._starts
        if starts is None:
            starts = self._starts = list(accumulate(self._sizes(), initial=0))
        if self._found < starts[line]:
            self._found = self._needles.find(self._text, starts[line])
        return len(self.lines) if self.is_clean else bisect_right(starts, self._found) - 1

    def size(self, start: int, end: int) -> int:
        """Return the bytes of some lines, each with what parts it from the next."""
        if self.is_ascii:
            return sum(map(len, self.lines[start:end])) + end - start
        return sum(map(size_of, self.lines[start:end]))

    def _sizes(self) -> Iterable[int]:
        if self.is_ascii:
            return map((1).__add__, map(len, self.lines))
        return map(size_of, self.lines)

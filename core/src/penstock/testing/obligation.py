"""How a contract says what was broken: the obligation, what was seen, and what to do."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Sequence


class ObligationError(AssertionError):
    """A plugin does not do what its contract asks of it."""

    def __init__(self, obligation: str, seen: str, do: str) -> None:
        super().__init__(f"\nObligation: {obligation}\nSeen:       {seen}\nTo do:      {do}")
        self.obligation = obligation
        self.seen = seen
        self.do = do


def require(holds: object, test: Callable[..., object], *, seen: str, do: str) -> None:
    """Raise ``ObligationError`` unless something holds.

    The obligation is the first paragraph of the test's docstring.
    """
    __tracebackhide__ = True
    if not holds:
        raise ObligationError(first_paragraph(test), seen, do)


def first_paragraph(test: Callable[..., object]) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(test) or test.__name__).split("\n\n")[0].split())


def difference(expected: Sequence[str], got: Sequence[str]) -> str:
    """Say in one line how what came differs from what was expected; empty if it does not."""
    if list(expected) == list(got):
        return ""
    missing = Counter(expected) - Counter(got)
    extra = Counter(got) - Counter(expected)
    parts = [f"{len(got)} lines instead of {len(expected)}"]
    if missing:
        parts.append(f"missing {_some(list(missing.elements()))}")
    if extra:
        word = "repeated" if set(extra) <= set(expected) else "not expected"
        parts.append(f"{word} {_some(list(extra.elements()))}")
    if not missing and not extra:
        at = next(i for i, pair in enumerate(zip(expected, got, strict=True)) if len(set(pair)) > 1)
        parts = [f"out of order from line {at}: {short(got[at])} instead of {short(expected[at])}"]
    return "; ".join(parts)


def first_of_each(lines: Sequence[str]) -> list[str]:
    """Return the lines without repetitions, as a destination that de-duplicates keeps them."""
    return list(dict.fromkeys(lines))


def short(value: object) -> str:
    """Return a ``repr`` that fits on a line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"


def _some(lines: Sequence[str]) -> str:
    shown = ", ".join(short(line) for line in lines[:4])
    return f"{shown} and {len(lines) - 4} more" if len(lines) > 4 else shown

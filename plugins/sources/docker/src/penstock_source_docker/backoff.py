"""Waits between attempts: longer and longer, never all at once."""

from __future__ import annotations

import random


class Backoff:
    """Seconds to wait, doubling up to a ceiling, with jitter."""

    def __init__(self, first: float = 0.1, most: float = 5.0) -> None:
        self._first = first
        self._most = most
        self._ceiling = first

    def next(self) -> float:
        """Return the next wait."""
        ceiling = self._ceiling
        self._ceiling = min(ceiling * 2, self._most)
        return ceiling * random.uniform(0.5, 1.0)  # noqa: S311

    def reset(self) -> None:
        """Begin again, after a success."""
        self._ceiling = self._first

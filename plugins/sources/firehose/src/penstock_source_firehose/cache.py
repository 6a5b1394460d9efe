"""Remembers what was used lately: a bounded map that costs nothing per use."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Two generations: what was not used for a whole one is forgotten.

    An order of use, kept exactly, would cost as much per envelope as looking it up does. ``recent``
    may be read directly; what is not in there is had by ``get``.
    """

    def __init__(self, size: int, on_forgotten: Callable[[V], None] | None = None) -> None:
        self.recent: dict[K, V] = {}
        self._older: dict[K, V] = {}
        self._half = max(size // 2, 1)
        self._on_forgotten = on_forgotten

    def __len__(self) -> int:
        return len(self.recent) + len(self._older)

    def get(self, key: K) -> V | None:
        """Return what is known of a key, and know it for longer."""
        found = self.recent.get(key)
        if found is None and (found := self._older.pop(key, None)) is not None:
            self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        """Remember a value; the ones that were not used for long go."""
        if len(self.recent) >= self._half:
            older, self._older, self.recent = self._older, self.recent, {}
            if self._on_forgotten:
                for one in older.values():
                    self._on_forgotten(one)
        self.recent[key] = value

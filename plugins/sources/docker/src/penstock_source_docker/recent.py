"""Remembers the frames of the last reads, to recognise those that Docker sends twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from penstock_source_docker.budget import Budget

KEPT_BYTES = 524_288
"""Of one container. Docker 20.10 repeats about 120 lines at a rotation, seldom thousands."""

Walk = Callable[[bytes], Iterator[bytes]]
"""Yields the whole frames of a read."""


class Recent:
    """The last reads of one container, as they came; taken apart only when it matters.

    A digest of every line, made in advance, would cost more than all the rest of its parsing.
    """

    __slots__ = ("_budget", "_frames", "_reads", "_size", "_walk")

    def __init__(self, budget: Budget, walk: Walk) -> None:
        self._budget = budget
        self._walk = walk
        self._reads: deque[bytes] = deque()
        self._size = 0
        self._frames: set[bytes] | None = None

    def keep(self, read: bytes) -> None:
        """Remember a read that begins with a frame; the oldest ones go."""
        size = len(read)
        while self._reads and self._size + size > KEPT_BYTES:
            self._drop(self._reads.popleft())
        while not self._budget.take(size):
            if not self._reads:
                return
            self._drop(self._reads.popleft())
        self._reads.append(read)
        self._size += size
        self._frames = None

    def forget_last(self) -> bytes:
        """Forget the last read and return it: not all of it was used."""
        read = self._reads.pop() if self._reads else b""
        self._drop(read)
        return read

    def __contains__(self, frame: bytes) -> bool:
        if self._frames is None:
            self._frames = {one for read in self._reads for one in self._walk(read)}
        return frame in self._frames

    def clear(self) -> None:
        """Forget everything."""
        while self._reads:
            self._drop(self._reads.pop())

    def _drop(self, read: bytes) -> None:
        self._size -= len(read)
        self._budget.give(len(read))
        self._frames = None

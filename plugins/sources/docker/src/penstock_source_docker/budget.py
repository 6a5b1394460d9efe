"""The one cap for what the source holds in memory, whatever containers print."""

from __future__ import annotations

import asyncio

MAX_READING_BYTES = 16 * 1_048_576
"""Chunks that were read and are not sent yet; all streams pause while there are more."""

MAX_PARTIAL_BYTES = 12 * 1_048_576
"""Beginnings of lines whose end has not come; what goes beyond is cut from the line."""

MAX_RECENT_BYTES = 12 * 1_048_576
"""Frames kept to recognise those that Docker sends twice; without room they are not kept."""

MAX_ATTRIBUTE_BYTES = 8 * 1_048_576
"""Names and values of containers' attributes; without room they are left out."""


class Budget:
    """A share of the cap: bytes are taken where there is room, and given back."""

    __slots__ = ("_limit", "_waiting", "held")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: list[asyncio.Future[None]] = []
        self.held = 0

    def take(self, size: int) -> bool:
        """Take bytes if there is room for them."""
        if self.held + size > self._limit:
            return False
        self.held += size
        return True

    def force(self, size: int) -> None:
        """Take bytes that are there already, room or not."""
        self.held += size

    def give(self, size: int) -> None:
        """Give bytes back."""
        self.held -= size
        if self._waiting and not self.full:
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                if not one.done():
                    one.set_result(None)

    @property
    def full(self) -> bool:
        """Whether nothing more should be read."""
        return self.held >= self._limit

    async def room(self) -> None:
        """Wait until it is not full."""
        while self.full:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter


class Budgets:
    """The shares: separate, so that none can starve another."""

    def __init__(self) -> None:
        self.reading = Budget(MAX_READING_BYTES)
        self.partials = Budget(MAX_PARTIAL_BYTES)
        self.recent = Budget(MAX_RECENT_BYTES)
        self.attributes = Budget(MAX_ATTRIBUTE_BYTES)

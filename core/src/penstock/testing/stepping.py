"""Cancels a coroutine at a chosen await, as a stop or a timeout of core may do at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Steps:
    """Counts awaits and cancels a task at the ``at``-th, or never if that is 0.

    Awaits of the tasks that it starts count too: it is then cancelled while they are there.
    """

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.count = 0
        self.victim: asyncio.Task[Any] | None = None

    @property
    def was_reached(self) -> bool:
        """Whether the chosen await came."""
        return 0 < self.at <= self.count

    def step(self) -> None:
        """Count one await."""
        self.count += 1
        if self.count == self.at and self.victim is not None:
            self.victim.cancel()

    async def counted(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and count its awaits."""
        return await _Counted(coroutine, self)

    def spread(self, most: int) -> list[int]:
        """Return at most so many of the awaits that were counted, from the first to the last."""
        if self.count <= most:
            return list(range(1, self.count + 1))
        return sorted({1 + i * (self.count - 1) // (most - 1) for i in range(most)})


class _Counted(Generic[T]):
    def __init__(self, coroutine: Coroutine[Any, Any, T], steps: Steps) -> None:
        self._coroutine = coroutine
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, T]:
        inner = self._coroutine.__await__()
        resume, argument = inner.send, None
        while True:
            try:
                waits_for = resume(argument)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            self._steps.step()
            try:
                resume, argument = inner.send, (yield waits_for)
            except BaseException as error:
                resume, argument = inner.throw, error

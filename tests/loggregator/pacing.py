"""What is replayed: at a rate, or as fast as it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def paced(items: Iterable[T], rate: float, is_full: Callable[[], bool]) -> AsyncIterator[T]:
    """Yield items at a rate a second; 0: as fast as it is not full, others having their turn."""
    clock = asyncio.get_running_loop().time
    began = clock()
    for number, item in enumerate(items):
        while rate and number > rate * (clock() - began):
            await asyncio.sleep(0.005)
        while not rate and is_full():
            await asyncio.sleep(0.001)
        if not rate and not number % 100:
            await asyncio.sleep(0)
        yield item

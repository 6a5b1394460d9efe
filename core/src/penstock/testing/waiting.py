"""Bounded waits for what nobody announces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def eventually(condition: Callable[[], object], patience_s: float) -> bool:
    """Ask again and again until a condition holds; say whether it does before patience ends."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience_s
    while not (holds := condition()) and clock() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    return bool(holds)

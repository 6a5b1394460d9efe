"""Waiting for a server to have done something."""

from __future__ import annotations

from collections.abc import Callable

from penstock.testing.waiting import eventually


async def until(condition: Callable[[], object], patience_s: float = 20.0) -> None:
    """Wait until a condition holds."""
    assert await eventually(condition, patience_s), "it does not come"

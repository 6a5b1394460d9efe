"""What the delivery tests share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.delivery.durable_lab import DurableLab
from tests.delivery.lab import Lab
from tests.delivery.loop import SkippingLoop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Have the tests of this folder skip the times in which nothing happens."""
    return {"skipping": SkippingLoop}


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """A lab whose books are checked at the end."""
    one = Lab()
    yield one
    await one.close()


@pytest.fixture
async def durable(tmp_path: Path) -> AsyncIterator[DurableLab]:
    """A lab on a state folder, whose books are checked at the end."""
    one = DurableLab(tmp_path / "state")
    yield one
    await one.close()


@pytest.fixture
async def waited() -> Callable[[], float]:
    """Return how many seconds nothing happened since the test began."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkippingLoop)
    began = loop.skipped
    return lambda: loop.skipped - began

"""What the unit tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.admin_lab import SeenLab


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[SeenLab]:
    """A durable lab that is seen from outside, whose books are checked at the end."""
    lab = SeenLab(tmp_path / "state")
    yield lab
    await lab.close()

"""What the unit tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.admin_lab import SeenLab
from tests.delivery.shelf import Shelf
from tests.plugin_lab import distribute_lab


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[SeenLab]:
    """A durable lab that is seen from outside, whose books are checked at the end."""
    lab = SeenLab(tmp_path / "state")
    yield lab
    await lab.close()


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    """A journal that writes, and what it stands on."""
    one = Shelf(tmp_path)
    one.journal.start()
    yield one
    one.leave()


@pytest.fixture
def lab_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the distribution ``penstock-lab``, from which plugins are found."""
    site = tmp_path / "site"
    distribute_lab(site)
    monkeypatch.syspath_prepend(site)
    return site

"""The budget of the disk: what the configuration allows, and what the disk has left."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.delivery.disk import SPARE_BYTES, DiskBudget

FOREVER = 1 << 60


def test_the_configurations_cap() -> None:
    budget = DiskBudget(100)
    budget.used = 60
    assert budget.fits(40)
    assert not budget.fits(41)
    assert budget.trouble == "", "a cap is no trouble"


def test_some_of_the_disk_stays_free(tmp_path: Path) -> None:
    budget = DiskBudget(FOREVER, tmp_path)
    disk = os.statvfs(tmp_path)
    free = disk.f_bavail * disk.f_frsize
    spare = min(SPARE_BYTES, disk.f_blocks * disk.f_frsize // 2)
    # Others write there meanwhile.
    assert budget.fits(max(0, free - spare) // 2)
    assert budget.trouble == ""
    assert not budget.fits(free - spare // 2)
    assert str(tmp_path) in budget.trouble


def test_a_folder_that_cannot_be_asked_forbids_nothing(tmp_path: Path) -> None:
    assert DiskBudget(100, tmp_path / "gone").fits(100)

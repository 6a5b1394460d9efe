"""How many bytes of disk all buffers and dead letters together may use."""

from __future__ import annotations

import os
from pathlib import Path

SPARE_BYTES = 67_108_864
"""What is left of the disk, or half of a small one: also to delete something, SQLite needs room."""


class DiskBudget:
    """The cap of ``[penstock] max_disk_bytes``, and what the disk of ``folder`` has left."""

    def __init__(self, max_bytes: int, folder: Path | None = None) -> None:
        self.max_bytes = max_bytes
        self.used = 0
        self._folder = folder

    def fits(self, size: int) -> bool:
        """Say whether there is room for so many bytes more."""
        return self.used + size <= self.max_bytes and size <= self._left()

    def _left(self) -> int:
        if self._folder is None:
            return self.max_bytes
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return self.max_bytes  # Writing will tell what is wrong with it.
        free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        return free - min(SPARE_BYTES, total // 2)

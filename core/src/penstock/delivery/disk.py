"""How many bytes of disk all buffers and dead letters together may use."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from penstock.log import Quiet

SPARE_BYTES = 67_108_864
"""What is left of the disk, or half of a small one: also to delete something, SQLite needs room."""

LOOK_AGAIN_S = 0.1
"""Asking the disk takes as long as taking a batch in does."""

TOLD_FOR_S = 3.0
"""How long a full disk is told of: whoever waits for room asks once a second."""

_log = logging.getLogger("penstock.state")


class DiskBudget:
    """The cap of ``[penstock] max_disk_bytes``, and what the disk of ``folder`` has left."""

    def __init__(self, max_bytes: int, folder: Path | None = None) -> None:
        self.max_bytes = max_bytes
        self.used = 0
        self._folder = folder
        self._seen = 0
        """What could be used, all told, when the disk was last asked."""
        self._look_at = 0.0
        self._full_until = 0.0
        self._quiet = Quiet(interval=600)

    @property
    def trouble(self) -> str:
        """What keeps buffers from the disk, if it has no room; the cap is the user's own choice."""
        is_full = time.monotonic() < self._full_until
        return f"{self._folder}: the rest of the disk is left free" if is_full else ""

    def fits(self, size: int) -> bool:
        """Say whether there is room for so many bytes more."""
        if self.used + size > self.max_bytes:
            return False
        now = time.monotonic()
        if now >= self._look_at or self.used + size > self._seen:
            self._seen, self._look_at = self.used + self._left(), now + LOOK_AGAIN_S
        if self.used + size > self._seen:
            self._full_until = now + TOLD_FOR_S
            if self._quiet.allows(""):
                _log.warning("the disk has no room for what waits: %s", self._folder)
        return self.used + size <= self._seen

    def _left(self) -> int:
        if self._folder is None:
            return self.max_bytes
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return self.max_bytes  # Writing will tell what is wrong with it.
        free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        return free - min(SPARE_BYTES, total // 2)

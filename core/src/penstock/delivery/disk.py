"""How many bytes of disk all buffers and dead letters together may use."""

from __future__ import annotations


class DiskBudget:
    """The cap of ``[penstock] max_disk_bytes``."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used = 0

    def fits(self, size: int) -> bool:
        """Say whether there is room for so many bytes more."""
        return self.used + size <= self.max_bytes

"""A small disk of its own, to be filled and to be made read-only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """A tmpfs of some size, mounted at ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no byte free."""
        with self._filler.open("wb", buffering=0) as file:
            for size in (65_536, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def empty(self) -> None:
        """Give back what ``fill`` took."""
        self._filler.unlink()

    def read_only(self, on: bool) -> None:
        """Let nobody write on it, or let them again."""
        _run("mount", "-o", f"remount,{'ro' if on else 'rw'}", self.folder)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Disk]:
    """Mount it for as long as this lasts; skips the test where that may not be done."""
    if os.geteuid() != 0:
        pytest.skip("a small disk of its own needs root")
    folder.mkdir()
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"mount: {error.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        # Lazily: whoever still has a file open there must not keep the test from ending.
        _run("umount", "--lazy", folder)


def _run(*argv: str | Path) -> None:
    subprocess.run(argv, check=True, capture_output=True, text=True)

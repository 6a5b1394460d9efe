"""A state file that cannot be used is set aside, never deleted."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path


def set_aside(path: Path) -> Path:
    """Rename a state file and what SQLite keeps beside it; return its new path."""
    mark = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    number = 0
    while (aside := path.with_name(f"{path.name}.set-aside-{mark}-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def held_events(path: Path) -> int | None:
    """Return how many events the pages of a file held that was set aside, None if unknown."""
    from penstock.state.pages import decode_counts
    from penstock.state.sealed import unseal

    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT counts FROM pages")
            return sum(sum(decode_counts(unseal(counts)).values()) for (counts,) in rows)
    except (sqlite3.Error, ValueError, TypeError):
        return None

"""Opens the state file at the start, whatever has become of it."""

from __future__ import annotations

import logging
import sqlite3

from penstock.state.folder import StateFolder
from penstock.state.quarantine import held_events, set_aside
from penstock.state.store import Store
from penstock.state.unit import Contents

_log = logging.getLogger("penstock.state")


def open_store(folder: StateFolder) -> tuple[Store, Contents]:
    """Return the store of a folder that was taken, and what it holds.

    A file that is damaged, cut off or not ours is set aside and a new one begun. Where the disk
    does not let us (full, read-only), the store is empty and writes once it can.
    """
    store = Store(folder.database)
    try:
        return store, store.open()
    except sqlite3.OperationalError as error:
        if _is_of_the_disk(error):
            _log.error("state cannot be written, running on memory: %s", error)
            return store, Contents()
        reason = str(error)
    except (sqlite3.DatabaseError, ValueError) as error:
        reason = str(error)
    aside = set_aside(folder.database)
    _log.error(
        "the state file cannot be used and was set aside: %s",
        reason,
        extra={"set_aside": str(aside), "events_in_buffers": held_events(aside)},
    )
    return store, store.open()


def _is_of_the_disk(error: sqlite3.OperationalError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_NOMEM,
    )

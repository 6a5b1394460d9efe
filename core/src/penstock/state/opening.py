"""Opens the state file at the start, whatever has become of it."""

from __future__ import annotations

import logging
import sqlite3

from penstock.api.errors import ConfigError
from penstock.state.folder import StateFolder
from penstock.state.quarantine import held_events, set_aside
from penstock.state.store import Store
from penstock.state.unit import Contents

_log = logging.getLogger("penstock.state")


def open_store(
    folder: StateFolder, store_type: type[Store] | None = None
) -> tuple[Store, Contents]:
    """Return the store of a folder that was taken, and what it holds.

    A file that is damaged, cut off or not ours is set aside and a new one begun. Where the disk
    does not let us write (it is full), the store writes once it can. ``ConfigError``: what is
    there cannot be read either, and to begin anew would lose it.
    """
    store = (store_type or Store)(folder.database)
    try:
        return store, store.open()
    except (sqlite3.Error, ValueError) as error:
        if not _is_of_the_disk(error):
            _set_aside(folder, error)
    try:
        return store, store.open()
    except sqlite3.Error as error:
        _log.error("state cannot be written, running on memory: %s", error)
    try:
        return store, store.peek()
    except (sqlite3.Error, OSError) as error:
        store.close()
        raise ConfigError(
            f"the state in {folder.path} can be neither written nor read: {error}; make room, "
            "mend the disk or end what else uses it, or name another folder in [penstock] state_dir"
        ) from error


def _set_aside(folder: StateFolder, error: Exception) -> None:
    try:
        aside = set_aside(folder.database)
    except OSError as worse:
        raise ConfigError(
            f"the state file {folder.database} cannot be used ({error}), nor be set aside: {worse}"
        ) from error
    _log.error(
        "the state file cannot be used and was set aside: %s",
        error,
        extra={"set_aside": str(aside), "events_in_buffers": held_events(aside)},
    )


def _is_of_the_disk(error: Exception) -> bool:
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

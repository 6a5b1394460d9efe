"""Notices that somebody removed the state file, and puts it back while all of it is still here."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

from penstock.state.unit import StateError

_log = logging.getLogger("penstock.state")


class Place:
    """Where the file is that a connection has open: it is there, is gone, or is another one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._status = path.stat()

    def is_kept(self) -> bool:
        """Say whether it is where it was; ``StateError``: another file is."""
        try:
            is_ours = os.path.samestat(self._path.stat(), self._status)
        except FileNotFoundError:
            return False
        if not is_ours:
            raise StateError(f"another file was put in the place of {self._path}: restart Penstock")
        return True

    def put_back(self, connection: sqlite3.Connection) -> None:
        """Write the file anew from the connection, which is to be closed then.

        ``StateError``: that is not possible, and the connection is still the only one to have it.
        """
        path = self._path
        fresh = path.with_suffix(".new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            fresh.touch(0o600)
            with contextlib.closing(sqlite3.connect(fresh)) as copy:
                connection.backup(copy)
            for left in ("-wal", "-shm"):
                path.with_name(path.name + left).unlink(missing_ok=True)
            fresh.rename(path)
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"{path} was removed, and cannot be put back: {error}") from error
        _log.error(
            "the state file was removed and is put back: restart Penstock, which has lost its lock "
            "and its control socket as well if the whole folder was removed",
            extra={"path": str(path)},
        )

"""The tables of the state file, and how it is told from others."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from penstock.state.sealed import seal

APPLICATION_ID = 0x50454E53  # "PENS", so that a file of another program is known as such.
VERSION = 2
"""2: small blobs have a checksum (``sealed.py``). What 1 wrote is brought up to date."""

_TABLES = """
CREATE TABLE positions (
    source TEXT NOT NULL, lane TEXT NOT NULL, position BLOB NOT NULL,
    PRIMARY KEY (source, lane)
) WITHOUT ROWID;
CREATE TABLE ledger (
    sink TEXT NOT NULL, origin TEXT NOT NULL, row BLOB NOT NULL,
    PRIMARY KEY (sink, origin)
) WITHOUT ROWID;
CREATE TABLE sources (source TEXT PRIMARY KEY, counts BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE pages (
    sink TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL,
    counts BLOB NOT NULL, checksum INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE UNIQUE INDEX pages_in_order ON pages (sink, number);
CREATE TABLE letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL, origin TEXT NOT NULL, reason TEXT NOT NULL, response TEXT NOT NULL,
    attempts INTEGER NOT NULL, first_unix_nano INTEGER NOT NULL, last_unix_nano INTEGER NOT NULL,
    configuration TEXT NOT NULL, size INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX letters_by_sink ON letters (sink, id);
"""
_SMALL_BLOBS = {
    "positions": "position",
    "ledger": "row",
    "sources": "counts",
    "pages": "counts",
    "letters": "data",
}


class ForeignFileError(sqlite3.DatabaseError):
    """The file is a database, but not one of this version of Penstock."""


def connect(path: Path, *, alone: bool = False, timeout_s: float = 5.0) -> sqlite3.Connection:
    """Open the state file, made if it is not there, for its owner's eyes only.

    ``alone`` shares it with nobody, and so needs no room on the disk: to read what is there when
    nothing can be written.

    ``sqlite3.DatabaseError``: it is damaged or foreign; ``OperationalError``, a kind of it: the
    disk does not let us.
    """
    with contextlib.suppress(OSError):  # What is wrong, SQLite says.
        path.touch(0o600)
    connection = sqlite3.connect(
        path, timeout=timeout_s, isolation_level=None, check_same_thread=False, cached_statements=32
    )
    try:
        if alone:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _prepare(connection, may_write=not alone)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, *, may_write: bool) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    version = _identify(connection) if tables else VERSION
    if not may_write:
        if version != VERSION:
            raise sqlite3.OperationalError(f"its version is {version}, and it cannot be written")
        return
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: what is acknowledged survives the loss of power, not only of the process.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 4194304")
    connection.execute("PRAGMA cache_size = -512")  # KiB: pages are written once and read once.
    if not tables:
        connection.executescript(
            f"BEGIN; {_TABLES} PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {VERSION}; COMMIT;"
        )
    if version != VERSION:
        _bring_up_to_date(connection)


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    connection.create_function("seal", 1, seal)
    changes = [f"UPDATE {table} SET {blob} = seal({blob});" for table, blob in _SMALL_BLOBS.items()]  # noqa: S608 - ours
    connection.executescript(
        f"BEGIN IMMEDIATE; {' '.join(changes)} PRAGMA user_version = {VERSION}; COMMIT;"
    )


def _identify(connection: sqlite3.Connection) -> int:
    """Return the version of a file; nothing was changed in it yet.

    ``ForeignFileError``: it is not ours, or of a later Penstock.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise ForeignFileError("it is another program's database")
    if not 1 <= version <= VERSION:
        raise ForeignFileError(f"its version is {version}, this Penstock writes {VERSION}")
    for table in ("positions", "ledger", "sources", "letters"):
        (verdict,) = connection.execute(f"PRAGMA quick_check({table})").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"{table}: {verdict}")
    return int(version)

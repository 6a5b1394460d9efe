"""The state file and the one thread that uses it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from penstock.api.event import Batch
from penstock.state import letters
from penstock.state.pages import (
    DamagedPageError,
    PageHead,
    clean,
    counts_of,
    decode_batches,
    decode_counts,
    encode_batches,
    encode_counts,
)
from penstock.state.removal import Place
from penstock.state.schema import connect
from penstock.state.sealed import seal, unseal, unsealed
from penstock.state.unit import Contents, PageKey, StateError, Unit, Written

_log = logging.getLogger("penstock.state")

T = TypeVar("T")

FREE_PAGES_AT_ONCE = 256


class Store:
    """Runs jobs on the state file, one after the other, in a thread of its own.

    What the disk refuses raises ``StateError`` from the await; nothing of a unit that failed is
    there. The connection is made anew after a failure of the disk. A file that somebody removed
    is put back before the next unit.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._place: Place | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")

    def open(self) -> Contents:
        """Open the file and return what it holds; blocks, for the start."""
        return self.do(contents)

    def peek(self) -> Contents:
        """Return what the file holds when the disk has no room to open it; blocks."""
        return self._thread.submit(self._peek).result()

    async def write(self, unit: Unit) -> Written:
        """Put a unit on disk."""
        return await self.call(lambda connection: write(self._in_place(connection), unit))

    async def read(self, page: PageKey) -> list[Batch]:
        """Return a page's batches, without receipts. ``DamagedPageError``: they are lost."""
        return await self.call(lambda connection: read(connection, page))

    async def shrink(self) -> bool:
        """Give some of what deleted pages took back to the disk; say whether there is more."""
        return await self.call(shrink)

    async def call(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job in the thread."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, job)
        except sqlite3.Error as error:
            raise StateError(str(error)) from error

    def do(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job in the thread and block until it is done; raises what SQLite does."""
        return self._thread.submit(self._do, job).result()

    def connect(self, *, alone: bool = False) -> sqlite3.Connection:
        """Open the file."""
        return connect(self.path, alone=alone)

    def close(self) -> None:
        """Close the file once all jobs are done. Safe to call twice."""
        try:
            self._thread.submit(self._disconnect)
        except RuntimeError:  # It is closed already.
            return
        self._thread.shutdown()

    def _do(self, job: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = self.connect()
            self._place = Place(self.path)
        try:
            return job(self._connection)
        except sqlite3.Error as error:
            # Not when the disk is full: to connect again takes room, and what is there can be read.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_FULL:
                self._disconnect()
            raise

    def _in_place(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        if self._place is None or self._place.is_kept():
            return connection
        self._place.put_back(connection)
        self._disconnect()
        self._connection, self._place = self.connect(), Place(self.path)
        return self._connection

    def _peek(self) -> Contents:
        if not self.path.exists() or not self.path.stat().st_size:
            return Contents()
        with contextlib.closing(self.connect(alone=True)) as connection:
            return contents(connection)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


def contents(connection: sqlite3.Connection) -> Contents:
    """Return everything but pages' and letters' data."""
    pages: dict[str, list[PageHead]] = {}
    rows = connection.execute("SELECT sink, number, size, counts FROM pages ORDER BY sink, number")
    for sink, number, size, counts in rows:
        known = _counts(connection, (sink, number), counts)
        pages.setdefault(sink, []).append(PageHead(number, size, known))
    sources = unsealed(
        connection.execute("SELECT source, '', counts FROM sources"), "the counts of a source"
    )
    return Contents(
        positions=unsealed(connection.execute("SELECT * FROM positions"), "a position"),
        ledger=unsealed(connection.execute("SELECT * FROM ledger"), "a row of the ledger"),
        sources={source: data for (source, _), data in sources.items()},
        pages=pages,
        letters=letters.totals(connection),
    )


def _counts(connection: sqlite3.Connection, page: PageKey, blob: bytes) -> dict[str, int]:
    """Return a page's counts; where they are damaged, those of the events in it."""
    try:
        return decode_counts(unseal(blob))
    except (ValueError, TypeError) as error:
        extra = {"sink": page[0], "page": page[1]}
        _log.error("the counts of a page of the buffer are damaged: %s", error, extra=extra)
    try:
        return counts_of(page[0], read(connection, page))
    except DamagedPageError:
        return {}


def write(connection: sqlite3.Connection, unit: Unit) -> Written:
    """Write a unit in one transaction."""
    sizes: list[int] = []
    connection.execute("BEGIN IMMEDIATE")
    try:
        for page in unit.pages:
            data = encode_batches(page.batches)
            sizes.append(len(data))
            connection.execute(
                # Or replace: a commit may fail and be there all the same.
                "INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?, ?, ?)",
                (page.sink, page.number, len(data), seal(encode_counts(page.counts)),
                 zlib.crc32(data), data),
            )  # fmt: skip
        _write_small(connection, unit)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return Written(sizes)


def _write_small(connection: sqlite3.Connection, unit: Unit) -> None:
    connection.executemany("DELETE FROM pages WHERE sink = ? AND number = ?", unit.deleted_pages)
    letters.insert(connection, unit.letters)
    connection.executemany("DELETE FROM letters WHERE id = ?", [(i,) for i in unit.deleted_letters])
    for (source, name), position in unit.positions.items():
        lane = clean(name)
        if position is None:
            connection.execute(
                "DELETE FROM positions WHERE source = ? AND lane = ?", (source, lane)
            )
        else:
            connection.execute(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", (source, lane, seal(position))
            )
    for (sink, name), row in unit.ledger.items():
        origin = clean(name)
        if row is None:
            connection.execute("DELETE FROM ledger WHERE sink = ? AND origin = ?", (sink, origin))
        else:
            connection.execute(
                "INSERT OR REPLACE INTO ledger VALUES (?, ?, ?)", (sink, origin, seal(row))
            )
    sources = [(source, seal(counts)) for source, counts in unit.sources.items()]
    connection.executemany("INSERT OR REPLACE INTO sources VALUES (?, ?)", sources)


def read(connection: sqlite3.Connection, page: PageKey) -> list[Batch]:
    """Read one page."""
    try:
        row = connection.execute(
            "SELECT checksum, data FROM pages WHERE sink = ? AND number = ?", page
        ).fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        raise DamagedPageError(str(error)) from error
    if row is None:
        raise DamagedPageError("it is not there")
    return decode_batches(row[1], row[0])


def shrink(connection: sqlite3.Connection) -> bool:
    """Truncate the file by some of its free pages; say whether there are more."""
    # Not execute: of a statement without columns it does one step, here one page.
    connection.executescript(
        f"PRAGMA incremental_vacuum({FREE_PAGES_AT_ONCE}); PRAGMA wal_checkpoint(PASSIVE);"
    )
    (left,) = connection.execute("PRAGMA freelist_count").fetchone()
    return bool(left)

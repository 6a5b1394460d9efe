"""Reads the dead letters of a state folder, whether or not a process uses it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from penstock.api.event import Batch
from penstock.state.letters import Choice, Letter, batch_of, chosen
from penstock.state.schema import APPLICATION_ID, VERSION

AT_ONCE = 1000


class UnreadableError(Exception):
    """The state file cannot be read, and why."""


@contextmanager
def stored_letters(folder: str) -> Iterator[StoredLetters | None]:
    """Open the state file to read it; None where there is none. ``UnreadableError``: it cannot."""
    path = Path(folder) / "penstock.db"
    if not path.exists():
        yield None
        return
    try:
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as connection:
            _check(connection)
            yield StoredLetters(connection)
    except sqlite3.Error as error:
        raise UnreadableError(f"{path} cannot be read: {error}") from error


class StoredLetters:
    """The letters of one state file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def chosen(self, sink: str = "", reason: str = "", limit: int = 0) -> Iterator[Letter]:
        """Yield the letters meant, oldest first; ``limit`` 0 is none."""
        after, left = 0, limit
        while True:
            some = min(left, AT_ONCE) if limit else AT_ONCE
            choice = Choice(sink=sink, reason=reason, after=after, limit=some)
            letters = chosen(self._connection, choice)
            yield from letters
            left -= len(letters)
            if len(letters) < some or (limit and not left):
                return
            after = letters[-1].id

    def one(self, number: int) -> tuple[Letter, Batch]:
        """Return a letter with its event. ``LookupError``: there is none of this id.

        ``ValueError``: its event is damaged.
        """
        for letter in chosen(self._connection, Choice(ids=(number,))):
            return letter, batch_of(self._connection, number)
        raise LookupError(f"there is no dead letter {number}")


def _check(connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise sqlite3.DatabaseError("it is not Penstock's")
    if version != VERSION:
        raise sqlite3.DatabaseError(f"its version is {version}, this Penstock reads {VERSION}")

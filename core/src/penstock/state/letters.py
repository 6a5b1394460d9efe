"""Dead letters in the state file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.api.event import Batch
from penstock.state.pages import clean, decode_batches, encode_batches
from penstock.state.sealed import seal, unseal
from penstock.state.unit import LetterRow

if TYPE_CHECKING:
    import sqlite3

_HEAD = """id, sink, origin, reason, response, attempts, first_unix_nano, last_unix_nano,
configuration, size"""


class Letter(Struct, frozen=True):
    """A dead letter as it is listed; ``size`` are its heap bytes, times are Unix nanoseconds."""

    id: int
    sink: str
    origin: str
    reason: str
    response: str
    attempts: int
    first_unix_nano: int
    last_unix_nano: int
    configuration: str
    size: int


class Choice(Struct, frozen=True, kw_only=True):
    """Which dead letters are meant: those to which everything that is given applies.

    ``after`` and ``upto`` are ids, to go through many piece by piece.
    """

    ids: Sequence[int] = ()
    sink: str = ""
    reason: str = ""
    after: int = 0
    upto: int = 0
    limit: int = 0

    def where(self) -> tuple[str, list[object]]:
        """Return the SQL condition and its parameters."""
        parts, values = ["1"], list[object]()
        if self.ids:
            parts.append(f"id IN ({', '.join('?' * len(self.ids))})")
            values += self.ids
        if self.sink:
            parts.append("sink = ?")
            values.append(self.sink)
        if self.reason:
            parts.append("reason = ?")
            values.append(self.reason)
        if self.after:
            parts.append("id > ?")
            values.append(self.after)
        if self.upto:
            parts.append("id <= ?")
            values.append(self.upto)
        return " AND ".join(parts), values


def insert(connection: sqlite3.Connection, rows: Iterable[LetterRow]) -> None:
    """Add letters."""
    connection.executemany(
        "INSERT INTO letters VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (r.sink, clean(r.origin), r.reason, clean(r.response), r.attempts, r.first_unix_nano,
             r.last_unix_nano, r.configuration, r.size, seal(encode_batches((r.batch,))))
            for r in rows
        ),
    )  # fmt: skip


def totals(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Return number and bytes of the letters by sink."""
    rows = connection.execute("SELECT sink, count(*), sum(size) FROM letters GROUP BY sink")
    return {sink: (count, size) for sink, count, size in rows}


def chosen(connection: sqlite3.Connection, choice: Choice) -> list[Letter]:
    """Return the letters meant, oldest first."""
    where, values = choice.where()
    limit = f" LIMIT {choice.limit:d}" if choice.limit else ""
    query = f"SELECT {_HEAD} FROM letters WHERE {where} ORDER BY id{limit}"  # noqa: S608 - ours
    rows = connection.execute(query, values)
    return [Letter(*row) for row in rows]


def last_id(connection: sqlite3.Connection) -> int:
    """Return the newest letter's id, 0 if there is none."""
    (found,) = connection.execute("SELECT max(id) FROM letters").fetchone()
    return found or 0


def batch_of(connection: sqlite3.Connection, letter: int) -> Batch:
    """Return a letter's one event with its resource.

    ``LookupError``: there is no such letter. ``ValueError``: it is damaged.
    """
    row = connection.execute("SELECT data FROM letters WHERE id = ?", (letter,)).fetchone()
    if row is None:
        raise LookupError(f"there is no dead letter {letter}")
    (batch,) = decode_batches(unseal(row[0]))
    return batch


def oldest(connection: sqlite3.Connection, sink: str, excess: int, before: int) -> list[Letter]:
    """Return a sink's oldest letters: so many bytes of them, and all last tried before a time."""
    found: list[Letter] = []
    query = f"SELECT {_HEAD} FROM letters WHERE sink = ? ORDER BY id"  # noqa: S608 - ours
    rows = connection.execute(query, (sink,))
    for row in rows:
        letter = Letter(*row)
        if excess <= 0 and letter.last_unix_nano >= before:
            break
        found.append(letter)
        excess -= letter.size
    return found

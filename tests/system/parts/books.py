"""What a state folder says of every event, read from its file beside Penstock or after it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from penstock.delivery.ledger import Row
from penstock.state.sealed import unseal

_LEDGER = "SELECT origin, row FROM ledger WHERE sink = ?"
_PAGES = "SELECT counts FROM pages WHERE sink = ?"
_LETTERS = "SELECT reason, response FROM letters WHERE sink = ? ORDER BY id"


class Books:
    """The state file of one folder; sinks go by their names, without ``sinks.``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "penstock.db"

    def rows(self, sink: str) -> dict[str, Row]:
        """A sink's rows by origin; ``in_flight`` and ``spooled`` are what waits on disk."""
        table = (f"sinks.{sink}",)
        ledger, pages = self._query((_LEDGER, table), (_PAGES, table))
        rows = {origin: Row.decode(unseal(data)) for origin, data in ledger}
        for (counts,) in pages:
            for origin, events in msgspec.msgpack.decode(unseal(counts)).items():
                row = rows.setdefault(origin, Row())
                row.in_flight += events
                row.spooled += events
        return rows

    def total(self, sink: str) -> Row:
        """The sum of a sink's rows."""
        total = Row()
        for row in self.rows(sink).values():
            total.add(row)
        return total

    def outcomes(self, sink: str) -> dict[str, int]:
        """A sink's events by outcome, whatever the reason."""
        counts: dict[str, int] = {}
        for (outcome, _), events in self.total(sink).outcomes.items():
            counts[outcome.value] = counts.get(outcome.value, 0) + events
        return counts

    def residues(self, sink: str) -> dict[str, int]:
        """Every row that does not add up."""
        rows = self.rows(sink).items()
        return {origin: row.residue for origin, row in rows if row.residue}

    def settled(self, sink: str, origin: str) -> int:
        """How many of an origin's events have come to an end: they must not come again."""
        row = self.rows(sink).get(origin, Row())
        return row.read - row.in_flight

    def waiting(self, sink: str) -> int:
        """How many of a sink's events wait on disk."""
        return self.total(sink).spooled

    def letters(self, sink: str) -> list[tuple[str, str]]:
        """Reason and response of a sink's dead letters."""
        (letters,) = self._query((_LETTERS, (f"sinks.{sink}",)))
        return letters

    def lanes(self) -> set[str]:
        """The lanes that have a position."""
        (lanes,) = self._query(("SELECT lane FROM positions", ()))
        return {lane for (lane,) in lanes}

    def gaps(self) -> int:
        """How many gaps all sources have named."""
        (sources,) = self._query(("SELECT counts FROM sources", ()))
        return sum(int(msgspec.msgpack.decode(unseal(counts))[2]) for (counts,) in sources)

    def _query(self, *queries: tuple[str, tuple[str, ...]]) -> list[list[Any]]:
        """Rows of each query, all of one moment; none as long as there is nothing to ask."""
        try:
            with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as database:
                database.execute("BEGIN")
                return [database.execute(*query).fetchall() for query in queries]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or not self.file.exists():
                return [[] for _ in queries]
            raise

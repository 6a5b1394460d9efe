"""The ledger: what became of every event, per sink and origin. It must add up."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

import msgspec
from msgspec import Struct

from penstock.api.delivery import Outcome
from penstock.state.pages import clean
from penstock.state.unit import RowKey

_log = logging.getLogger("penstock.state")

GONE = "(gone)"
"""The one row that origins fold into when they are gone, or when there are too many."""

MAX_ROWS = 10_000
"""Rows of all sinks; there may be any number of origins over the years."""


class Account(Struct, frozen=True, array_like=True):
    """A row as it is kept on disk; ``outcomes`` are (outcome, reason, events)."""

    read: int
    created: int
    carried_in: int
    replayed: int
    outcomes: tuple[tuple[str, str, int], ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Account)
_counts_decoder = msgspec.msgpack.Decoder(tuple[int, int, int])


@contextmanager
def _damage_said(row: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        _log.error("a row of the ledger is damaged: %s", error, extra={"row": row})


class Row:
    """One sink's account of one origin.

    read + created + carried in + replayed = outcomes + in flight; ``residue`` is what is missing,
    and must be 0. ``in_flight`` are all that have not come to an end, ``spooled`` those of them
    that are, or are about to be, on disk.
    """

    __slots__ = (
        "carried_in",
        "created",
        "in_flight",
        "outcomes",
        "read",
        "replayed",
        "spooled",
    )

    def __init__(self) -> None:
        self.read = 0
        self.created = 0
        self.carried_in = 0
        self.replayed = 0
        self.in_flight = 0
        self.spooled = 0
        self.outcomes: dict[tuple[Outcome, str], int] = {}

    @property
    def residue(self) -> int:
        came = self.read + self.created + self.carried_in + self.replayed
        return came - self.in_flight - sum(self.outcomes.values())

    def count(self, outcome: Outcome, reason: str, events: int) -> None:
        """Count events that came to an end."""
        key = (outcome, reason)
        self.outcomes[key] = self.outcomes.get(key, 0) + events

    def settle(self, outcome: Outcome, reason: str, events: int) -> None:
        """Count events that were in flight and came to an end."""
        self.in_flight -= events
        self.count(outcome, reason, events)

    def add(self, other: Row) -> None:
        """Take over another row's numbers."""
        self.read += other.read
        self.created += other.created
        self.carried_in += other.carried_in
        self.replayed += other.replayed
        self.in_flight += other.in_flight
        self.spooled += other.spooled
        for (outcome, reason), events in other.outcomes.items():
            self.count(outcome, reason, events)

    def encode(self) -> bytes:
        """Return what is true of it after a crash.

        What is in memory only will be read again, so it was not read yet. What is delivered from
        a page that is still on disk will be delivered again.
        """
        unread = self.in_flight - self.spooled
        return _encoder.encode(
            Account(
                self.read - max(unread, 0),
                self.created,
                self.carried_in,
                self.replayed + max(-unread, 0),
                tuple((o.value, clean(why), events) for (o, why), events in self.outcomes.items()),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Row:
        """Return a row as it was on disk, without what waits in the spool."""
        account = _decoder.decode(data)
        row = cls()
        row.read, row.created = account.read, account.created
        row.carried_in, row.replayed = account.carried_in, account.replayed
        row.outcomes = {(Outcome(o), reason): events for o, reason, events in account.outcomes}
        return row


class Ledger:
    """All rows, by sink table and origin, and what each source received.

    ``touched`` are the rows that may have changed since somebody cleared it.
    """

    def __init__(self) -> None:
        self._rows: dict[RowKey, Row] = {}
        self._sinks: set[str] = set()
        self._gone: set[str] = set()
        self._room = MAX_ROWS
        self.touched: set[RowKey] = set()
        self.received: dict[str, int] = {}
        self.duplicates: dict[str, int] = {}
        self.gaps: dict[str, int] = {}

    def row(self, sink: str, origin: str) -> Row:
        """Return the row of a sink and an origin, made on first use, in order to change it."""
        key = (sink, origin)
        self.touched.add(key)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row()
            self._sinks.add(sink)
        return row

    def settle(self, sink: str, counts: Mapping[str, int], outcome: Outcome, reason: str) -> None:
        """Count events by origin that were in flight and came to an end."""
        for origin, events in counts.items():
            self.row(sink, origin).settle(outcome, reason, events)

    def find(self, key: RowKey) -> Row | None:
        """Return a row to look at."""
        return self._rows.get(key)

    def rows(self) -> Iterator[tuple[str, str, Row]]:
        """Yield sink, origin and row of all rows."""
        for (sink, origin), row in self._rows.items():
            yield sink, origin, row

    def restore(self, rows: Mapping[RowKey, bytes], sources: Mapping[str, bytes]) -> None:
        """Begin with what the processes before this one wrote."""
        for key, data in rows.items():
            with _damage_said(f"{key[0]} {key[1]}"):
                self._rows[key] = Row.decode(data)
                self._sinks.add(key[0])
        for table, data in sources.items():
            with _damage_said(table):
                received, duplicates, gaps = _counts_decoder.decode(data)
                self.received[table] = received
                self.duplicates[table] = duplicates
                self.gaps[table] = gaps

    def carry_in(self, sink: str, counts: Mapping[str, int]) -> None:
        """Take all of what waits on disk for a sink into account.

        What no row knows of was carried in: the rows may have been lost with another file.
        """
        for origin, events in counts.items():
            is_known = (sink, origin) in self._rows
            row = self.row(sink, origin)
            row.carried_in += 0 if is_known else events
            row.in_flight += events
            row.spooled += events

    def sources(self) -> Iterable[str]:
        """Return the tables of all sources that have counts."""
        return {**self.received, **self.duplicates, **self.gaps}

    def source(self, table: str) -> tuple[int, int, int]:
        """Return the events received, duplicates and gaps of a source."""
        counts = (self.received, self.duplicates, self.gaps)
        received, duplicates, gaps = (count.get(table, 0) for count in counts)
        return received, duplicates, gaps

    def fold(self, *origins: str) -> None:
        """Fold the rows of origins that are gone into one row per sink, once they are settled.

        Without any it looks again at those that were not. Only their rows are looked for: many
        origins may go at once, each by a call of its own.
        """
        for origin in origins or tuple(self._gone):
            self._gone.discard(origin)
            for key in [(sink, origin) for sink in self._sinks if (sink, origin) in self._rows]:
                row = self._rows[key]
                if row.in_flight or row.spooled or row.residue:
                    self._gone.add(origin)
                else:
                    self._fold(key)

    def make_room(self) -> None:
        """Fold the oldest idle rows where there are too many.

        An origin that comes again has a new row. Call it while no event is on its way from one
        column of a row to another.
        """
        if len(self._rows) <= self._room:
            return
        ((sink, _),) = Counter(sink for sink, _ in self._rows).most_common(1)
        idle = (
            key
            for key, row in self._rows.items()
            if key[0] == sink and key[1] != GONE
            if not (row.in_flight or row.spooled or row.residue)
        )
        for key in list(islice(idle, MAX_ROWS // 10)):
            self._fold(key)
        self._room = max(MAX_ROWS, len(self._rows) + MAX_ROWS // 20)

    def _fold(self, key: RowKey) -> None:
        self.row(key[0], GONE).add(self._rows.pop(key))
        self.touched.add(key)

    def total(self, sink: str) -> Row:
        """Return the sum of a sink's rows."""
        total = Row()
        for row in [row for name, _, row in self.rows() if name == sink]:
            total.add(row)
        return total

    def residues(self) -> list[tuple[str, str, int]]:
        """Return sink, origin and residue of every row that does not add up."""
        return [(sink, origin, row.residue) for sink, origin, row in self.rows() if row.residue]

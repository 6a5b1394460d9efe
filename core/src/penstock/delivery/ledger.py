"""The ledger: what became of every event, per sink and origin. It must add up."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.api.delivery import Outcome

GONE = "(gone)"
"""The one row that origins fold into when they are gone."""


class Row:
    """One sink's account of one origin.

    read + created = outcomes + in flight; ``residue`` is what is missing, and must be 0.
    """

    __slots__ = ("created", "in_flight", "outcomes", "read")

    def __init__(self) -> None:
        self.read = 0
        self.created = 0
        self.in_flight = 0
        self.outcomes: dict[tuple[Outcome, str], int] = {}

    @property
    def residue(self) -> int:
        return self.read + self.created - self.in_flight - sum(self.outcomes.values())

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
        self.in_flight += other.in_flight
        for (outcome, reason), events in other.outcomes.items():
            self.count(outcome, reason, events)


class Ledger:
    """All rows, by sink table and origin, and what each source received."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}
        self.received: dict[str, int] = {}
        self.duplicates: dict[str, int] = {}
        self.gaps: dict[str, int] = {}

    def row(self, sink: str, origin: str) -> Row:
        """Return the row of a sink and an origin, made on first use."""
        key = (sink, origin)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row()
        return row

    def rows(self) -> Iterator[tuple[str, str, Row]]:
        """Yield sink, origin and row of all rows."""
        for (sink, origin), row in self._rows.items():
            yield sink, origin, row

    def fold(self, origin: str) -> None:
        """Fold the rows of an origin that is gone and settled into one row per sink."""
        for sink, name in [key for key in self._rows if key[1] == origin]:
            if self._rows[sink, name].in_flight == 0:
                self.row(sink, GONE).add(self._rows.pop((sink, name)))

    def total(self, sink: str) -> Row:
        """Return the sum of a sink's rows."""
        total = Row()
        for name, _, row in self.rows():
            if name == sink:
                total.add(row)
        return total

    def residues(self) -> list[tuple[str, str, int]]:
        """Return sink, origin and residue of every row that does not add up."""
        return [(sink, origin, row.residue) for sink, origin, row in self.rows() if row.residue]

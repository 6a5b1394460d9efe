"""What every part of the bus shares: the books that delivery keeps."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct, field

from penstock.delivery.journal import Journal
from penstock.delivery.ledger import Ledger
from penstock.delivery.positions import MemoryPositions, Positions
from penstock.delivery.receipts import Lane
from penstock.delivery.risks import Risks
from penstock.delivery.spool import Spool
from penstock.state.folder import StateFolder
from penstock.state.unit import LaneKey
from penstock.telemetry import Telemetry


class Services(Struct, frozen=True, kw_only=True):
    """Ledger, metrics, positions and the wall clock of one process.

    ``journal`` writes to the state folder, None if nothing is kept; ``spools`` are the pages there,
    by table: they outlive the runners as well.

    ``lanes`` are those that sources of this process have sent through: they outlive the sources,
    so that one that a reload brings back goes on behind what is still under way.
    """

    ledger: Ledger = field(default_factory=Ledger)
    telemetry: Telemetry = field(default_factory=Telemetry)
    positions: Positions = field(default_factory=MemoryPositions)
    lanes: dict[LaneKey, Lane] = field(default_factory=dict)
    journal: Journal | None = None
    folder: StateFolder | None = None
    spools: dict[str, Spool] = field(default_factory=dict)
    risks: Risks = field(default_factory=Risks)
    wall_clock: Callable[[], int] = time.time_ns

    def spool(self, table: str) -> Spool | None:
        """Return the spool of a table, made on first use; None if nothing is kept."""
        if self.journal is None:
            return None
        if table not in self.spools:
            self.spools[table] = Spool(table, self.journal)
        return self.spools[table]

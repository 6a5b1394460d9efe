"""What every part of the bus shares: the books that delivery keeps."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct, field

from penstock.delivery.ledger import Ledger
from penstock.delivery.positions import LaneKey, MemoryPositions, Positions
from penstock.delivery.receipts import Lane
from penstock.delivery.risks import Risks
from penstock.telemetry import Telemetry


class Services(Struct, frozen=True, kw_only=True):
    """Ledger, metrics, positions and the wall clock of one process.

    ``lanes`` are those that sources of this process have sent through: they outlive the sources,
    so that one that a reload brings back goes on behind what is still under way.
    """

    ledger: Ledger = field(default_factory=Ledger)
    telemetry: Telemetry = field(default_factory=Telemetry)
    positions: Positions = field(default_factory=MemoryPositions)
    lanes: dict[LaneKey, Lane] = field(default_factory=dict)
    risks: Risks = field(default_factory=Risks)
    wall_clock: Callable[[], int] = time.time_ns

"""What a sink owes: what it says it delivered is at its destination."""

from __future__ import annotations

from typing import ClassVar

from penstock.testing.contracts.sink_account import SinkAccount
from penstock.testing.contracts.sink_delivery import SinkDelivery
from penstock.testing.contracts.sink_lifecycle import SinkLifecycle
from penstock.testing.contracts.sink_outage import SinkOutage
from penstock.testing.contracts.sink_pressure import SinkPressure


class SinkContract(SinkDelivery, SinkOutage, SinkPressure, SinkAccount, SinkLifecycle):
    """Subclass it, give it a sink and a look at the far end, and it tests the sink.

    ``make_sink`` and ``collected`` are needed. ``break_destination`` with ``mend_destination``,
    ``hang_destination``, ``throttle_destination`` and ``refuse`` have outages, hangs, throttling
    and refusals tested too; without them those tests are skipped and say so.

    Cannot check: that the destination keeps what it took; files and processes that the sink
    leaves open; outages of other kinds than those that the contract can make.
    """

    penstock_kind: ClassVar[str] = "sink"

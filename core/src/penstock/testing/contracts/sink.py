"""What a sink owes: what it says it delivered is at its destination."""

from __future__ import annotations

from penstock.testing.contracts.sink_delivery import SinkDelivery
from penstock.testing.contracts.sink_lifecycle import SinkLifecycle
from penstock.testing.contracts.sink_outage import SinkOutage


class SinkContract(SinkDelivery, SinkOutage, SinkLifecycle):
    """Subclass it, give it a sink and a look at the far end, and it tests the sink.

    ``make_sink`` and ``collected`` are needed. ``break_destination`` with ``mend_destination``,
    ``hang_destination`` and ``refuse`` have outages, hangs and refusals tested too; without them
    those tests are skipped and say so.

    Cannot check: that the destination keeps what it took; threads and files that the sink leaves
    open; memory, beyond what a test of this size shows.
    """

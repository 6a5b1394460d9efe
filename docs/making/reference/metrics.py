"""The page on metrics, from the table of telemetry."""

from __future__ import annotations

from docs.making.reference.markdown import code, heading, table

from penstock.api import Outcome
from penstock.telemetry import DURATION_BOUNDS, METRICS

_INTRODUCTION = """
`[admin] listen` serves them at `/metrics`, in Prometheus's text format. `component` is the table,
such as `sinks.central`, and `type` the plugin's; no label comes from an event. What is in the
ledger goes on over restarts where there is a state folder.
"""
_ADDING_UP = """
`penstock_events_settled_total` and `penstock_buffer_events` of a sink together are all events that
ever came to it: they add up to the ledger that `penstock status` shows. After a crash, what was in
memory is read again, and so received again, while in the ledger it is one event.
"""


def page() -> str:
    """Make the page."""
    rows = (
        (code(one.name), one.kind, ", ".join(map(code, one.labels)), one.help) for one in METRICS
    )
    outcomes = ", ".join(code(one) for one in Outcome)
    bounds = ", ".join(f"{bound:g}" for bound in DURATION_BOUNDS)
    return "\n".join(
        (
            heading("Metrics"),
            _INTRODUCTION,
            table(("metric", "kind", "labels", "what it is"), rows),
            _ADDING_UP,
            f"`outcome` is one of {outcomes}, explained with their reasons in "
            "[Outcomes](outcomes.md); `store` is `memory` or `disk`. The histogram's buckets end "
            f"at {bounds} seconds.",
        )
    )

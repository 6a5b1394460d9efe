"""The conformance kit: contracts to subclass, and doubles that are real implementations.

The doubles need nothing but core; the contracts need pytest (``pip install penstock[testing]``).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.testing.clock import ManualClock
    from penstock.testing.contracts import SinkContract, SourceContract, TransformContract
    from penstock.testing.events import batch, lines, log, one_of_each, resource
    from penstock.testing.hostile import hostile_batches, hostile_resources
    from penstock.testing.http_server import HttpServer, Reply, Request
    from penstock.testing.loop_guard import LoopGuard
    from penstock.testing.memory_destination import MemoryDestination
    from penstock.testing.memory_sink import MemorySink
    from penstock.testing.memory_source import MemoryOrigin, MemorySource
    from penstock.testing.obligation import ObligationError
    from penstock.testing.outlet import Loss, RecordingOutlet, Sent
    from penstock.testing.report import REPORT_FORMAT, report_schema
    from penstock.testing.route import Account, Route
    from penstock.testing.settings import configured

_HOMES = {
    "clock": ("ManualClock",),
    "contracts": ("SinkContract", "SourceContract", "TransformContract"),
    "events": ("batch", "lines", "log", "one_of_each", "resource"),
    "hostile": ("hostile_batches", "hostile_resources"),
    "http_server": ("HttpServer", "Reply", "Request"),
    "loop_guard": ("LoopGuard",),
    "memory_destination": ("MemoryDestination",),
    "memory_sink": ("MemorySink",),
    "memory_source": ("MemoryOrigin", "MemorySource"),
    "obligation": ("ObligationError",),
    "outlet": ("Loss", "RecordingOutlet", "Sent"),
    "report": ("REPORT_FORMAT", "report_schema"),
    "route": ("Account", "Route"),
    "settings": ("configured",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "REPORT_FORMAT",
    "Account",
    "HttpServer",
    "LoopGuard",
    "Loss",
    "ManualClock",
    "MemoryDestination",
    "MemoryOrigin",
    "MemorySink",
    "MemorySource",
    "ObligationError",
    "RecordingOutlet",
    "Reply",
    "Request",
    "Route",
    "Sent",
    "SinkContract",
    "SourceContract",
    "TransformContract",
    "batch",
    "configured",
    "hostile_batches",
    "hostile_resources",
    "lines",
    "log",
    "one_of_each",
    "report_schema",
    "resource",
]


def __getattr__(name: str) -> Any:
    # pytest loads ``penstock.testing.plugin`` in every run, also where nothing is Penstock's: so
    # importing this package imports none of the modules behind these names.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

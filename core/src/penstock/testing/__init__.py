"""The conformance kit: contracts to subclass, and doubles that are real implementations.

The doubles need nothing but core; the contracts need pytest (``pip install penstock[testing]``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.testing.clock import ManualClock
from penstock.testing.events import batch, lines, log, one_of_each, resource
from penstock.testing.hostile import hostile_batches, hostile_resources
from penstock.testing.memory_destination import MemoryDestination
from penstock.testing.memory_sink import MemorySink
from penstock.testing.memory_source import MemoryOrigin, MemorySource
from penstock.testing.outlet import Loss, RecordingOutlet, Sent
from penstock.testing.settings import configured

if TYPE_CHECKING:
    from penstock.testing.contracts import SinkContract, SourceContract, TransformContract

__all__ = [
    "Loss",
    "ManualClock",
    "MemoryDestination",
    "MemoryOrigin",
    "MemorySink",
    "MemorySource",
    "RecordingOutlet",
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
    "resource",
]


def __getattr__(name: str) -> Any:
    # Importing the contracts here would have the doubles need pytest.
    if name in {"SinkContract", "SourceContract", "TransformContract"}:
        from penstock.testing import contracts

        return getattr(contracts, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

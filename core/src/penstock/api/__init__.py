"""The contract: all that a plugin may import of core.

``from penstock.api import Source, Transform, Sink, hookimpl, …``: every public name is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.api.component import Component, Context, Sink, Source, Transform
from penstock.api.delivery import Outcome, Outlet, Receipt, Report
from penstock.api.errors import (
    ConfigError,
    PenstockError,
    PluginError,
    RejectedError,
    RetryableError,
)
from penstock.api.event import (
    EMPTY,
    EVENT_OVERHEAD_BYTES,
    KINDS,
    Batch,
    Counter,
    Event,
    Gap,
    Gauge,
    GaugeValue,
    Log,
    Resource,
    Timer,
    TitledEvent,
    Value,
    event_id,
    heap_size,
)
from penstock.api.fields import EVENT_FIELDS, SEVERITIES, rfc3339, severity_text
from penstock.api.pattern import Pattern, Patterns, image_matches
from penstock.api.record import encode_event, encode_events
from penstock.api.rules import Rules
from penstock.api.setting import Secret, Setting
from penstock.api.settings import BatchSettings, BufferSettings, TlsSettings
from penstock.api.tally import Hold
from penstock.api.template import Template
from penstock.api.tls import tls_context

if TYPE_CHECKING:
    from penstock.api.authoring import Positioned, ThreadedSink, source, transform
    from penstock.api.hooks import Observed, hookimpl

API_VERSION = "1.0"
"""Of the contract: plugins state the one that they were written against as ``requires_api``."""

__all__ = [
    "API_VERSION",
    "EMPTY",
    "EVENT_FIELDS",
    "EVENT_OVERHEAD_BYTES",
    "KINDS",
    "SEVERITIES",
    "Batch",
    "BatchSettings",
    "BufferSettings",
    "Component",
    "ConfigError",
    "Context",
    "Counter",
    "Event",
    "Gap",
    "Gauge",
    "GaugeValue",
    "Hold",
    "Log",
    "Observed",
    "Outcome",
    "Outlet",
    "Pattern",
    "Patterns",
    "PenstockError",
    "PluginError",
    "Positioned",
    "Receipt",
    "RejectedError",
    "Report",
    "Resource",
    "RetryableError",
    "Rules",
    "Secret",
    "Setting",
    "Sink",
    "Source",
    "Template",
    "ThreadedSink",
    "Timer",
    "TitledEvent",
    "TlsSettings",
    "Transform",
    "Value",
    "encode_event",
    "encode_events",
    "event_id",
    "heap_size",
    "hookimpl",
    "image_matches",
    "rfc3339",
    "severity_text",
    "source",
    "tls_context",
    "transform",
]


_AUTHORING = frozenset({"Positioned", "ThreadedSink", "source", "transform"})


def __getattr__(name: str) -> Any:
    # Importing these here would make the kernel pay for what only plugins' modules need.
    if name in {"Observed", "hookimpl"}:
        from penstock.api import hooks

        return getattr(hooks, name)
    if name in _AUTHORING:
        from penstock.api import authoring

        return getattr(authoring, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

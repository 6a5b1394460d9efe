"""Penstock sink: the console."""

from __future__ import annotations

from penstock.api import Sink, hookimpl
from penstock_sink_console.console import Console


@hookimpl
def penstock_sinks() -> list[type[Sink]]:
    """Return the sink of this package."""
    return [Console]

"""Penstock sink: Mezmo, formerly LogDNA."""

from __future__ import annotations

from penstock.api import Sink, hookimpl
from penstock_sink_mezmo.sink import MezmoSink


@hookimpl
def penstock_sinks() -> list[type[Sink]]:
    return [MezmoSink]

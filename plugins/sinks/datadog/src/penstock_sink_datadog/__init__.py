"""Penstock sink: Datadog's logs and metrics."""

from __future__ import annotations

from penstock.api import Sink, hookimpl
from penstock_sink_datadog.sink import DatadogSink


@hookimpl
def penstock_sinks() -> list[type[Sink]]:
    return [DatadogSink]

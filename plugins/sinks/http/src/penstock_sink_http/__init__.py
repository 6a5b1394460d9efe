"""Penstock sink: HTTP, to plain endpoints and in the ways of well-known ones."""

from __future__ import annotations

from penstock.api import Sink, hookimpl
from penstock_sink_http.sink import HttpSink


@hookimpl
def penstock_sinks() -> list[type[Sink]]:
    return [HttpSink]

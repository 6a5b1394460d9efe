"""Penstock sink: Redis streams."""

from __future__ import annotations

from penstock.api import Sink, hookimpl

from penstock_sink_redis.sink import RedisSink


@hookimpl
def penstock_sinks() -> list[type[Sink]]:
    """Return the sink of this package."""
    return [RedisSink]

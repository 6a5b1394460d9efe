"""Configuration texts for a Docker engine and a receiver."""

from __future__ import annotations

from tests.system.parts.engine import Engine

MEMORY_BYTES = 1_048_576
"""A buffer in memory that two seconds of an outage fill."""


def to_receiver(
    engine: Engine,
    address: str,
    *,
    sink: str = "central",
    buffer: str = "overflow",
    settings: str = "",
    core: str = "",
    more: str = "",
) -> str:
    """From the beginning of every container to one receiver, with a small buffer.

    ``address`` is as of the syslog sink, or an http:// one. ``settings`` and ``core`` are further
    lines of the sink's table and of ``[penstock]``, ``more`` further tables.
    """
    tables = f'type = "syslog"\naddress = "{address}"'
    if address.startswith("http"):
        tables = f'type = "http"\nurl = "{address}"\nformat = "text"\nbatch.max_wait_ms = 50'
    return f"""
[penstock]
{core}
[sources.docker]
host = "{engine.host}"
start_at = "beginning"
[sinks.{sink}]
{tables}
retry = {{ max_backoff_ms = 200 }}
buffer = {{ type = "{buffer}", max_memory_bytes = {MEMORY_BYTES} }}
{settings}
{more}
[pipelines.main]
sources = ["docker"]
sinks = ["{sink}"]
"""

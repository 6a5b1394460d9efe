"""Penstock sink: syslog over UDP, TCP, TLS and unix sockets."""

from __future__ import annotations

from penstock.api import Sink, hookimpl
from penstock_sink_syslog.sink import SyslogSink


@hookimpl
def penstock_sinks() -> list[type[Sink]]:
    return [SyslogSink]

"""Which sender carries messages to which kind of address."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from penstock.api import Batch, ConfigError, Context, TlsSettings, tls_context
from penstock_sink_syslog.datagram import UdpSender
from penstock_sink_syslog.framing import Framer
from penstock_sink_syslog.network import Network
from penstock_sink_syslog.notices import Notices
from penstock_sink_syslog.settings import SyslogSettings
from penstock_sink_syslog.stream import Security, StreamSender
from penstock_sink_syslog.tls import TlsLayer
from penstock_sink_syslog.unix import UnixSender
from penstock_sink_syslog.window import Rules


class Sender(Protocol):
    """What carries messages to the receiver."""

    async def write(self, batches: Sequence[Batch]) -> None: ...

    async def drain(self) -> None: ...

    async def check(self) -> None: ...

    async def close(self) -> None: ...


def sender_of(
    config: SyslogSettings,
    framer: Framer,
    network: Network,
    context: Context,
    *,
    most_writes: int,
    notices: Notices,
) -> Sender:
    """Make the sender that the address asks for; what cannot work is a ``ConfigError``."""
    address = config.address
    if address.scheme != "tls" and context.tls != TlsSettings():
        raise ConfigError(f"the table tls is set, but {address} is not encrypted: write tls://")
    if address.scheme == "udp":
        late = partial(notices.add, "datagrams were refused after they had counted as delivered")
        return UdpSender(address, framer, network, late)
    if address.scheme == "unix":
        return UnixSender(address, framer)
    rules = Rules(
        reach=None if config.resend_bytes == "auto" else config.resend_bytes,
        quiet_s=network.quiet_s,
        most_writes=most_writes,
        most_heap=context.open_bytes,
    )
    encode = framer.octets if config.framing == "octet_counting" else framer.lines
    security = _security(config, context.tls) if address.scheme == "tls" else None
    return StreamSender(address, encode, rules, network, log=context.log, security=security)


def _security(config: SyslogSettings, settings: TlsSettings) -> Security:
    security = Security(tls_context(settings), settings.server_name or config.address.host)
    try:
        TlsLayer(security.context, security.server_name)
    except (ValueError, ssl.SSLError) as error:
        raise ConfigError(f"tls.server_name = {security.server_name!r}: {error}") from error
    return security

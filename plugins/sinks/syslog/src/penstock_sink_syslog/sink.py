"""The sink: puts its parts together as the settings say, and hands batches to the sender."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from penstock.api import Batch, BatchSettings, Event, Gap, Log, Sink
from penstock_sink_syslog.framing import MIN_MESSAGE_BYTES, Framer
from penstock_sink_syslog.layout import Layout, Templates
from penstock_sink_syslog.loggregator import KINDS, Loggregator
from penstock_sink_syslog.network import Network
from penstock_sink_syslog.notices import Notices
from penstock_sink_syslog.rfc3164 import Rfc3164
from penstock_sink_syslog.rfc5424 import Rfc5424
from penstock_sink_syslog.senders import Sender, sender_of
from penstock_sink_syslog.settings import SyslogSettings
from penstock_sink_syslog.structured import Structure

OPEN_WRITES = 8192
"""Writes that core may keep open on a connection: most of them wait in the resend window.

1,600 a second, in the window's five seconds of quiet; with more, core writes more at once. An
open write costs core and sink about 4 KB.
"""


class SyslogSink(Sink):
    """Syslog messages over UDP, TCP, TLS or a unix socket.

    Over TCP and TLS a write returns when its bytes have left the resend window.
    """

    name = "syslog"
    requires_api = "1.0"
    stability = "beta"
    uses_tls = True
    default_batch = BatchSettings(max_wait_ms=0)

    class Config(SyslogSettings, frozen=True, kw_only=True):
        """See ``settings.py``."""

    config: Config

    def __init__(self, config: Config, *, network: Network | None = None) -> None:
        super().__init__(config)
        self._network = network or Network()
        self._notices = Notices()
        self._framer = Framer(
            _layout(config, self._notices),
            config.max_message_bytes,
            partial(self._notices.add, "messages cut to max_message_bytes"),
        )
        self._sender: Sender | None = None
        self.accepts: frozenset[type[Event]] = frozenset({Log, Gap})
        if config.metrics == "structured_data":
            self.accepts |= KINDS
        else:
            self.accepts_more = _how_to_carry_more(config)
        self.order = "stream"
        self.in_flight = OPEN_WRITES if config.address.is_connection else 1
        self.write_timeout_s = None

    async def open(self) -> None:
        self._notices.log = self.context.log
        self._sender = self._make_sender()

    async def check(self) -> None:
        sender = self._make_sender()
        try:
            await sender.check()
        finally:
            await sender.close()

    async def write(self, batches: Sequence[Batch]) -> None:
        if self._sender is None:
            raise RuntimeError("write() before open()")
        await self._sender.write(batches)

    async def drain(self) -> None:
        if self._sender:
            await self._sender.drain()

    async def close(self) -> None:
        if self._sender:
            await self._sender.close()
        self._notices.flush()

    def _make_sender(self) -> Sender:
        return sender_of(
            self.config,
            self._framer,
            self._network,
            self.context,
            most_writes=self.in_flight,
            notices=self._notices,
        )


def _layout(config: SyslogSettings, notices: Notices) -> Layout:
    templates = Templates(
        config.hostname, config.app_name, config.proc_id, config.msg_id, config.message
    )
    if config.layout == "rfc3164":
        # What listens on a unix socket takes the first word for the tag, and itself for the host.
        with_host = config.address.scheme != "unix"
        return Rfc3164(templates, config.facility, with_host=with_host)
    # A half for what an operator wants in every message, the other for metrics or the text.
    half = (config.max_message_bytes - MIN_MESSAGE_BYTES) // 2
    structure = Structure(
        config.structured_data,
        with_event_id=config.event_id,
        limit=half,
        on_omit=partial(notices.add, "structured data left out, max_message_bytes is too small"),
    )
    cut = partial(notices.add, "metrics cut to max_message_bytes")
    return Rfc5424(templates, config.facility, structure, Loggregator(half, cut))


def _how_to_carry_more(config: SyslogSettings) -> str:
    set_it = 'set metrics = "structured_data"'
    return set_it if config.layout == "rfc5424" else f'{set_it} and format = "rfc5424"'

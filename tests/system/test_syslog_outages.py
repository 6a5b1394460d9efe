"""Syslog receivers that are away: datagrams are held where the kernel tells, and so is TLS."""

from __future__ import annotations

import asyncio
import datetime
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.api import TlsSettings
from penstock.testing.pipeline import SinkLine
from tests.system.parts.message import free_port
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.syslog_line import (
    account,
    check_complete,
    numbered,
    sending,
    until,
)
from tests.system.parts.syslog_server import SyslogServer
from tests.system.parts.tls import Certificates


class UdpReceiver:
    """Reads datagrams as fast as they come, until it is stopped."""

    def __init__(self) -> None:
        self.port = free_port(socket.SOCK_DGRAM)
        self.address = f"udp://127.0.0.1:{self.port}"
        self.messages: list[str] = []
        self._sock: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_000_000)
        sock.bind(("127.0.0.1", self.port))
        self._sock = sock
        self._thread = threading.Thread(target=self._read, args=(sock,))
        self._thread.start()

    def stop(self) -> None:
        """Read what has come, and go."""
        if self._sock and self._thread:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", ("127.0.0.1", self.port))
            self._thread.join()
            self._sock.close()
            self._sock = None

    def _read(self, sock: socket.socket) -> None:
        while data := sock.recv(65_536):
            self.messages.append(data.decode())


@pytest.fixture
def udp() -> Iterator[UdpReceiver]:
    """One that listens."""
    one = UdpReceiver()
    one.start()
    yield one
    one.stop()


def settled(line: SinkLine) -> int:
    """Return how many events have come to an end."""
    return sum(line.ledger.total("sinks.contract").outcomes.values())


async def test_udp_holds_what_a_receiver_that_is_gone_refuses(udp: UdpReceiver) -> None:
    lines = numbered(3000, events=250)
    gate = asyncio.Event()
    async with sending(udp.address, lines, gate=gate, until_gate=4) as line:
        await until(lambda: len(udp.messages) == 1000, "the first have arrived")
        await until(lambda: settled(line) == 1000, "and are counted")
        udp.stop()
        gate.set()
        await asyncio.sleep(1.0)
        assert settled(line) == 1000, "nobody is there"
        udp.start()
    await until(lambda: lines.texts[-1] in udp.messages[-1], "the last has arrived")
    # On this machine a refusal comes back at once: nothing of a write that returned is lost.
    account(lines, udp.messages, outages=1)


async def test_udp_loses_only_what_a_dying_receiver_had_not_read(udp: UdpReceiver) -> None:
    lines = numbered(3000, events=250)
    gate = asyncio.Event()
    async with sending(udp.address, lines, gate=gate, until_gate=4) as line:
        await until(lambda: len(udp.messages) == 1000, "the first have arrived")
        udp.stop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dying:
            # It takes what fits into its kernel and reads nothing: UDP knows nothing of that.
            dying.bind(("127.0.0.1", udp.port))
            gate.set()
            await until(lambda: settled(line) == 3000, "all were sent")
        udp.start()
    assert [message[-119:] for message in udp.messages] == lines.texts[:1000]


async def test_a_unix_socket_loses_nothing_when_its_reader_is_stopped(
    rsyslog: Callable[..., Rsyslog],
) -> None:
    lines = numbered(20_000)
    server = rsyslog()
    async with sending(server.unix, lines, event_id=False) as line:
        await until(lambda: server.received.count() > 2_000, "some have arrived")
        await asyncio.to_thread(SyslogServer.stop, server)
        before = settled(line)
        await asyncio.sleep(1.0)
        assert settled(line) == before < 20_000
        await asyncio.to_thread(SyslogServer.start, server)
    await until(lambda: server.lines()[-1].endswith(lines.texts[-1]), "the last has arrived")
    check_complete(lines.texts, [text.removeprefix(" ") for text in server.lines()])
    assert server.received.count() - 20_000 <= 1000, "one write comes again"


async def test_what_a_server_with_an_expired_certificate_should_get_is_held(
    rsyslog: Callable[..., Rsyslog], tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path / "certificates")
    server = rsyslog(certificates=certificates)
    lines = numbered(60_000)
    tls = TlsSettings(ca_file=str(certificates.ca))
    async with sending(server.tls, lines, tls=tls) as line:
        await until(lambda: server.received.count() > 5_000, "some have arrived")
        await replace(server, certificates, datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC))
        before = settled(line)
        await until(lambda: "certificate has expired" in said(line), "it is said")
        assert settled(line) == before < 60_000
        await replace(server, certificates, None)
    await until(lambda: lines.texts[-1] in server.lines(), "the last has arrived")
    account(lines, with_data(server), outages=1)


def said(line: SinkLine) -> str:
    """Return why the last write failed."""
    return str(line.sink.retryable[-1]) if line.sink.retryable else ""


async def replace(
    server: Rsyslog, certificates: Certificates, not_after: datetime.datetime | None
) -> None:
    """Give a server another certificate, as an operator does: it is started again with it."""
    await asyncio.to_thread(SyslogServer.stop, server)
    certificates.renew_server(not_after)
    await asyncio.to_thread(SyslogServer.start, server)


def with_data(server: Rsyslog) -> list[str]:
    return [f"{message.structured_data} {message.message}" for message in server.messages()]

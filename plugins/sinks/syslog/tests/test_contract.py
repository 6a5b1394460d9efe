"""The conformance kit's contract, for each way that messages travel.

No receiver refuses a message or asks to wait: the protocol has no answers. Over UDP what is sent
first to a receiver that is gone is lost, so that its contract has no outages. What is held then,
and what real receivers make of the messages, is tested with them in ``tests/system``.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from penstock.api import Context, TlsSettings
from penstock.testing import SinkContract, configured
from penstock_sink_syslog.sink import SyslogSink

Split = Callable[[bytes], tuple[list[bytes], bytes]]
"""Takes whole messages off the front of what came; returns them and the rest."""


def split_octets(data: bytes) -> tuple[list[bytes], bytes]:
    messages = []
    while b" " in data[:10]:
        length, _, rest = data.partition(b" ")
        if len(rest) < int(length):
            break
        messages.append(rest[: int(length)])
        data = rest[int(length) :]
    return messages, data


def split_lines(data: bytes) -> tuple[list[bytes], bytes]:
    *messages, rest = data.split(b"\n")
    return messages, rest


def text_of(message: bytes) -> str:
    """Return the text of a message: RFC 5424 without structured data, or a local RFC 3164 one."""
    if message.partition(b">")[2].startswith(b"1 "):
        parts = message.split(b" ", 7)
        body = parts[7] if len(parts) > 7 else b""
    else:
        body = message.partition(b": ")[2]
    return body.removeprefix(b"\xef\xbb\xbf").decode()


class Reader(asyncio.Protocol):
    """One connection of a ``Receiver``; it closes when the other side has finished."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.data = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.receiver.readers.add(self)
        if self.receiver.hangs:
            transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        messages, self.data = self.receiver.split(self.data + data)
        self.receiver.messages += messages

    def connection_lost(self, error: Exception | None) -> None:
        self.receiver.readers.discard(self)


class Receiver:
    """A syslog server for connections, which can die, hang, and come back on the same address."""

    def __init__(self, split: Split, *, path: Path | None = None, **options: Any) -> None:
        self.split = split
        self.path = path
        self.options = options
        self.port = 0
        self.messages: list[bytes] = []
        self.readers: set[Reader] = set()
        self.hangs = False

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        if self.path:
            self.server = await loop.create_unix_server(lambda: Reader(self), self.path)
            return
        self.server = await loop.create_server(
            lambda: Reader(self), "127.0.0.1", self.port, **self.options
        )
        self.port = self.server.sockets[0].getsockname()[1]

    async def die(self) -> None:
        """Close everything at once; what was not read is lost."""
        self.server.close()
        if self.path:
            self.path.unlink(missing_ok=True)
        for reader in tuple(self.readers):
            reader.transport.abort()
        await asyncio.sleep(0)

    def hang(self) -> None:
        self.hangs = True
        for reader in self.readers:
            reader.transport.pause_reading()

    async def mend(self) -> None:
        """Come back; whoever hung has died meanwhile."""
        if self.hangs:
            self.hangs = False
            await self.die()
        await self.start()


class StreamContract(SinkContract):
    """What the contracts of connections share."""

    receiver: Receiver

    async def collected(self) -> Sequence[str]:
        return [text_of(message) for message in self.receiver.messages]

    async def break_destination(self) -> None:
        await self.receiver.die()

    async def hang_destination(self) -> None:
        self.receiver.hang()

    async def mend_destination(self) -> None:
        await self.receiver.mend()


class TestOctetCounting(StreamContract):
    @pytest.fixture(autouse=True)
    async def _receiver(self) -> AsyncIterator[None]:
        self.receiver = Receiver(split_octets)
        await self.receiver.start()
        yield
        await self.receiver.die()

    def make_sink(self) -> SyslogSink:
        return configured(SyslogSink, {"address": f"tcp://127.0.0.1:{self.receiver.port}"})


class TestNewlines(StreamContract):
    @pytest.fixture(autouse=True)
    async def _receiver(self) -> AsyncIterator[None]:
        self.receiver = Receiver(split_lines)
        await self.receiver.start()
        yield
        await self.receiver.die()

    def make_sink(self) -> SyslogSink:
        address = f"tcp://127.0.0.1:{self.receiver.port}"
        return configured(SyslogSink, {"address": address, "framing": "newline"})


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class TestTls(StreamContract):
    """TLS reads ahead of who asks for it: what the receiver's own memory has is not lost."""

    @pytest.fixture(autouse=True)
    async def _receiver(self, authority: trustme.CA, tmp_path: Path) -> AsyncIterator[None]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.ca_file = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.receiver = Receiver(split_octets, ssl=context)
        await self.receiver.start()
        yield
        await self.receiver.die()

    def make_sink(self) -> SyslogSink:
        sink = configured(SyslogSink, {"address": f"tls://127.0.0.1:{self.receiver.port}"})
        sink.context = Context(table="sinks.tls", tls=TlsSettings(ca_file=str(self.ca_file)))
        return sink

    async def mend_destination(self) -> None:
        for reader in self.receiver.readers:
            reader.transport.resume_reading()
        await asyncio.sleep(0)
        await super().mend_destination()


class TestUnixStream(StreamContract):
    @pytest.fixture(autouse=True)
    async def _receiver(self, tmp_path: Path) -> AsyncIterator[None]:
        self.path = tmp_path / "log"
        self.receiver = Receiver(split_lines, path=self.path)
        await self.receiver.start()
        yield
        await self.receiver.die()

    def make_sink(self) -> SyslogSink:
        return configured(SyslogSink, {"address": f"unix://{self.path}"})


class DatagramContract(SinkContract):
    """What the contracts of datagrams share; ``listen`` is called again after an outage."""

    sock: socket.socket
    messages: list[bytes]

    def listen(self) -> None:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    async def _listener(self, tmp_path: Path) -> AsyncIterator[None]:
        self.path = tmp_path / "log"
        self.messages = []
        self.listen()
        self._start_reading()
        yield
        self._stop_reading()
        self.sock.close()

    async def collected(self) -> Sequence[str]:
        return [text_of(message) for message in self.messages]

    def _start_reading(self) -> None:
        self.sock.setblocking(False)
        asyncio.get_running_loop().add_reader(self.sock, self._read)

    def _stop_reading(self) -> None:
        if self.sock.fileno() != -1:
            asyncio.get_running_loop().remove_reader(self.sock)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self.messages.append(self.sock.recv(65_536))


class TestUdp(DatagramContract):
    def listen(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]

    def make_sink(self) -> SyslogSink:
        return configured(SyslogSink, {"address": f"udp://127.0.0.1:{self.port}"})


class TestUnixDatagram(DatagramContract):
    def listen(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(self.path))

    def make_sink(self) -> SyslogSink:
        return configured(SyslogSink, {"address": f"unix://{self.path}"})

    async def break_destination(self) -> None:
        self._stop_reading()
        self.sock.close()
        self.path.unlink()

    async def hang_destination(self) -> None:
        self._stop_reading()

    async def mend_destination(self) -> None:
        if self.sock.fileno() == -1:
            self.listen()
        self._start_reading()

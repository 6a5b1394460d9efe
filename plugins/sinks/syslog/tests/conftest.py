"""A receiver in this process: it keeps every byte, reads strictly, and can misbehave."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import pytest

from penstock.testing import configured
from penstock_sink_syslog.network import Network
from penstock_sink_syslog.sink import SyslogSink

MakeReceiver = Callable[..., Awaitable["StreamReceiver"]]
MakeSink = Callable[..., Awaitable[SyslogSink]]


def octet_counted(data: bytes) -> list[str]:
    """Take octet-counted messages apart as RFC 6587 says; half a message at the end is left."""
    messages = []
    at = 0
    while at < len(data):
        length, space, _ = data[at : at + 12].partition(b" ")
        assert length.isdigit(), f"no length at {at}: {data[at : at + 40]!r}"
        assert not length.startswith(b"0"), f"length with leading zeros: {length!r}"
        end = at + len(length) + 1 + int(length)
        if not space or end > len(data):
            break
        messages.append(data[at + len(length) + 1 : end].decode())
        at = end
    return messages


class StreamReceiver:
    """A TCP or TLS server; ``messages`` are those of all its connections, in order.

    ``reset_after``: a connection is reset when so many bytes of it were read.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, split: str = "octets") -> None:
        self.port = 0
        self.chunks: list[bytearray] = []
        self.reset_after: int | None = None
        self.reads = True
        self.live: set[Connected] = set()
        self._tls = tls
        self._split = split
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connected(self), "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self, *, reset: bool = False) -> None:
        """Close the door and all connections, with a reset if asked for."""
        if self._server:
            self._server.close()
            self._server = None
        for connected in list(self.live):
            connected.end(reset=reset)
        await asyncio.sleep(0)

    def hang(self) -> None:
        """Read nothing any more."""
        self.reads = False
        for connected in self.live:
            connected.transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        self.reads = True
        for connected in self.live:
            connected.transport.resume_reading()

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self.chunks)

    def messages(self) -> list[str]:
        found: list[str] = []
        for chunk in self.chunks:
            if self._split == "octets":
                found += octet_counted(bytes(chunk))
            else:
                found += bytes(chunk).decode().split("\n")[:-1]
        return found

    def texts(self) -> list[str]:
        """The messages without their headers; structured data is taken to be ``-``."""
        return [message.split(" ", 7)[7] for message in self.messages()]

    async def until(self, count: int, timeout: float = 5.0) -> list[str]:
        """Wait for so many messages and return their texts."""
        async with asyncio.timeout(timeout):
            while len(self.messages()) < count:
                await asyncio.sleep(0.005)
        return self.texts()

    async def until_connections(self, count: int, timeout: float = 5.0) -> None:
        async with asyncio.timeout(timeout):
            while self.connections < count:
                await asyncio.sleep(0.005)

    def say(self, data: bytes) -> None:
        """Send something back on all connections."""
        for connected in self.live:
            connected.transport.write(data)


class Connected(asyncio.Protocol):
    """One connection to a ``StreamReceiver``; it closes when the other side has finished."""

    transport: asyncio.Transport

    def __init__(self, receiver: StreamReceiver) -> None:
        self._receiver = receiver
        self._chunk = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._receiver.live.add(self)
        self._receiver.chunks.append(self._chunk)
        if not self._receiver.reads:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._chunk += data
        limit = self._receiver.reset_after
        if limit is not None and len(self._chunk) >= limit:
            self.end(reset=True)

    def connection_lost(self, error: Exception | None) -> None:
        self._receiver.live.discard(self)

    def end(self, *, reset: bool) -> None:
        """Close the connection."""
        if reset and not self.transport.is_closing():
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if reset:
            self.transport.abort()
        else:
            self.transport.close()


@pytest.fixture
async def receiver() -> AsyncIterator[MakeReceiver]:
    """``await receiver(**options)`` starts a ``StreamReceiver``."""
    made: list[StreamReceiver] = []

    async def make(**options: object) -> StreamReceiver:
        one = StreamReceiver(**options)  # type: ignore[arg-type]
        await one.start()
        made.append(one)
        return one

    yield make
    for one in made:
        await one.stop(reset=True)
    async with asyncio.timeout(5):
        while any(one.live for one in made):
            await asyncio.sleep(0)


@pytest.fixture
async def sink() -> AsyncIterator[MakeSink]:
    """``await sink(port, **settings)`` opens one; ``network`` may be given."""
    made: list[SyslogSink] = []

    async def make(port: int, network: Network | None = None, **settings: object) -> SyslogSink:
        table = {"address": f"tcp://127.0.0.1:{port}", **settings}
        config = configured(SyslogSink, table).config
        made.append(SyslogSink(config, network=network or Network(connect_timeout_s=2.0)))
        await made[-1].open()
        return made[-1]

    yield make
    for one in made:
        await one.close()

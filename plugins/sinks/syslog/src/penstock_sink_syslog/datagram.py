"""One message a datagram: UDP, and unix sockets of that kind."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from penstock.api import Batch, RetryableError
from penstock_sink_syslog.address import Address
from penstock_sink_syslog.framing import MIN_MESSAGE_BYTES, Framer
from penstock_sink_syslog.network import Found, Network

BREATH = 256
"""Messages after which other tasks have their turn."""
_FULL = frozenset({errno.ENOBUFS, errno.ENOMEM})


class DatagramSender(ABC):
    """Sends batches one at a time over a connected socket; a failed one is sent again whole.

    ``write`` returns when the kernel has taken the messages; a subclass may know more of them.
    """

    def __init__(self, address: Address, framer: Framer) -> None:
        self._address = address
        self._framer = framer
        self._sock: socket.socket | None = None
        self._longest = 0
        self._turn = asyncio.Lock()
        self._is_closed = False

    @abstractmethod
    async def _open(self) -> socket.socket:
        """Return a connected socket that does not block; failure is an ``OSError``."""

    async def _refresh(self) -> None:  # noqa: B027 - most have nothing to look at
        """Look whether the socket is still the right one."""

    async def write(self, batches: Sequence[Batch]) -> None:
        """Send every message, or raise ``RetryableError``."""
        async with self._turn:
            if self._is_closed:
                raise RetryableError("the sink is closed")
            try:
                await self._refresh()
                sock = await self._socket()
                await self._deliver(sock, batches)
                raise_pending(sock)
            except OSError as error:
                self._forget()
                raise RetryableError(f"{self._address}: {error.strerror or error}") from error

    async def check(self) -> None:
        """Find the address, send nothing."""
        try:
            (await self._open()).close()
        except OSError as error:
            raise RetryableError(f"{self._address}: {error.strerror or error}") from error

    async def drain(self) -> None:  # noqa: B027 - nothing is ever open
        """Nothing waits for later writes."""

    async def close(self) -> None:
        """Close the socket."""
        self._is_closed = True
        self._forget()

    async def _socket(self) -> socket.socket:
        if self._sock is None:
            self._longest = 0
            self._sock = await self._open()
        return self._sock

    def _forget(self) -> None:
        if self._sock:
            self._sock.close()
            self._sock = None

    async def _deliver(self, sock: socket.socket, batches: Sequence[Batch]) -> None:
        send = sock.send
        for number, message in enumerate(self._framer.datagrams(batches), 1):
            if self._longest and len(message) > self._longest:
                message = self._framer.shortened(message, self._longest)
            try:
                send(message)
            except OSError as error:
                await self._send_slowly(sock, message, error)
            if not number % BREATH:
                await asyncio.sleep(0)

    async def _send_slowly(self, sock: socket.socket, message: bytes, error: OSError) -> None:
        """Send what was not taken at once: wait for room, or make it shorter."""
        while True:
            if isinstance(error, BlockingIOError):
                await writable(sock)
            elif error.errno in _FULL:
                await asyncio.sleep(0.01)
            elif error.errno == errno.EMSGSIZE and len(message) > MIN_MESSAGE_BYTES:
                self._longest = max(len(message) // 2, MIN_MESSAGE_BYTES)
                message = self._framer.shortened(message, self._longest)
            else:
                raise error
            try:
                sock.send(message)
            except OSError as again:
                error = again
            else:
                return


class UdpSender(DatagramSender):
    """UDP; the host is looked up again from time to time and after an error.

    A refusal that comes when a write has returned is for a datagram that was counted as delivered:
    ``on_late`` is told. There may be more of them than refusals.
    """

    def __init__(
        self, address: Address, framer: Framer, network: Network, on_late: Callable[[], None]
    ) -> None:
        super().__init__(address, framer)
        self._network = network
        self._on_late = on_late
        self._looked_up = 0.0
        self._found: Found = ()

    async def _open(self) -> socket.socket:
        self._found = await self._network.find(self._address)
        self._looked_up = asyncio.get_running_loop().time()
        error: OSError = OSError("no address")
        for family, place in self._found:
            sock = socket.socket(family, socket.SOCK_DGRAM)
            try:
                sock.setblocking(False)
                sock.connect(place)
            except OSError as failure:
                sock.close()
                error = failure
            else:
                return sock
        raise error

    async def _refresh(self) -> None:
        if self._sock:
            try:
                raise_pending(self._sock)
            except OSError:
                self._on_late()
                raise
        now = asyncio.get_running_loop().time()
        if self._sock is None or now - self._looked_up < self._network.lookup_every_s:
            return
        self._looked_up = now
        try:
            found = await self._network.find(self._address)
        except OSError:
            return  # The name server being away is no reason to stop sending.
        if list(found) != list(self._found):
            self._forget()


def raise_pending(sock: socket.socket) -> None:
    """Raise the ``OSError`` that came back for something sent earlier, if any did."""
    if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(code, os.strerror(code))


async def writable(sock: socket.socket) -> None:
    """Wait until a socket takes something again."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_writer(sock, _done, ready)
    try:
        await ready
    finally:
        loop.remove_writer(sock)


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

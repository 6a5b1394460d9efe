"""How names become sockets: looked up anew each time, all addresses tried, never for ever."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import Struct

from penstock_sink_syslog.address import Address
from penstock_sink_syslog.kernel import reaches_itself, tune

MAX_ADDRESSES = 8

Found = Sequence[tuple[int, Any]]
"""Address families and socket addresses, best first."""
Resolve = Callable[[str, int], Awaitable[Found]]
"""Looks up a host and a port; failure is an ``OSError``."""


async def look_up(host: str, port: int) -> Found:
    """Ask this machine's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


class Network(Struct, frozen=True):
    """What a sink needs of its surroundings; tests give another resolver and shorter times."""

    resolve: Resolve = look_up
    lookup_timeout_s: float = 10.0
    connect_timeout_s: float = 10.0
    lookup_every_s: float = 60.0
    """How often UDP looks its host up again; a connection does so whenever it is made."""
    quiet_s: float = 5.0
    """How long a connection has to be quiet for all its writes to be done."""

    async def find(self, address: Address) -> Found:
        """Look up an address's host."""
        try:
            async with asyncio.timeout(self.lookup_timeout_s):
                found = await self.resolve(address.host, address.port)
        except TimeoutError as error:
            raise OSError(f"looking up {address.host} took too long") from error
        if not found:
            raise OSError(f"{address.host} has no address")
        return found[:MAX_ADDRESSES]

    async def dial(self, address: Address) -> socket.socket:
        """Connect to the first address of a host that answers."""
        failures: list[str] = []
        for family, place in await self.find(address):
            try:
                return await self._connected(family, place)
            except (OSError, TimeoutError) as error:
                failures.append(f"{place[0]}: {_why(error, self.connect_timeout_s)}")
        raise OSError("; ".join(failures))

    async def _connected(self, family: int, place: Any) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            tune(sock)
            async with asyncio.timeout(self.connect_timeout_s):
                await asyncio.get_running_loop().sock_connect(sock, place)
            if reaches_itself(sock):
                raise OSError(errno.ECONNREFUSED, "connected to itself")
        except BaseException:
            sock.close()
            raise
        return sock


def _why(error: Exception, timeout_s: float) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # asyncio's own text only repeats the address.
    return f"no answer within {timeout_s:g} s" if isinstance(error, TimeoutError) else str(error)

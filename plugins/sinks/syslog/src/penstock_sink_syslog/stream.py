"""TCP and TLS: one connection at a time, made when there is something to write."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence

from msgspec import Struct

from penstock.api import Batch, RetryableError
from penstock_sink_syslog.address import Address
from penstock_sink_syslog.connection import Connection, Encode, OnEnd
from penstock_sink_syslog.network import Network
from penstock_sink_syslog.tls import TlsLayer
from penstock_sink_syslog.window import Rules

_ROUNDS = 8
"""Turns of the event loop in which a write may be new to core's mind, but behind a failed one."""


class Security(Struct, frozen=True):
    """What a TLS connection needs: how it proves itself, and whom the receiver must prove to be."""

    context: ssl.SSLContext
    server_name: str


class StreamSender:
    """Writes in order over one connection; when it ends, all open writes fail together.

    A write that core starts before it has heard of the failure is refused: on a new connection it
    would overtake those that failed.
    """

    def __init__(
        self,
        address: Address,
        encode: Encode,
        rules: Rules,
        network: Network,
        *,
        log: logging.Logger,
        security: Security | None = None,
    ) -> None:
        self._address = address
        self._encode = encode
        self._rules = rules
        self._network = network
        self._log = log
        self._security = security
        self._connection: Connection | None = None
        self._dialing: asyncio.Task[None] | None = None
        self._refusal = ""
        self._is_closed = False
        self._has_warned = False

    async def write(self, batches: Sequence[Batch]) -> None:
        """Return when the bytes can no longer be in flight; ``RetryableError`` if they may be."""
        if self._is_closed:
            raise RetryableError("the sink is closed")
        if self._refusal:
            raise RetryableError(self._refusal)
        if self._connection is None:
            self._connection, self._dialing = self._connect(self._ended)
        connection = self._connection
        if connection.is_finishing:
            raise RetryableError("the connection is being closed")
        await connection.put(batches)
        if connection.cut_short and not self._has_warned:
            self._has_warned = True
            self._log.warning(
                "the receiver's kernel may hold more than is kept to be sent again; a larger "
                "buffer.max_memory_bytes keeps more"
            )

    async def drain(self) -> None:
        """Have the peer read everything and close: then all open writes return."""
        if self._connection:
            self._connection.finish()
            await asyncio.wait((self._connection.ended,))

    async def check(self) -> None:
        """Connect once, end the connection in order, and say what goes wrong."""
        connection, dialing = self._connect(lambda _connection, _failed: None)
        try:
            await asyncio.wait((dialing,))
            connection.finish()
            # A receiver that does not close in return has still taken the connection.
            await asyncio.wait((connection.ended,), timeout=self._network.connect_timeout_s)
            reason = connection.ended.result() if connection.ended.done() else ""
        finally:
            await _dispose(connection, dialing)
        if reason:
            raise RetryableError(f"{self._address}: {reason}")

    async def close(self) -> None:
        """Close the connection; what has not returned fails."""
        self._is_closed = True
        connection, dialing = self._connection, self._dialing
        if connection and dialing:
            await _dispose(connection, dialing)

    def _connect(self, on_end: OnEnd) -> tuple[Connection, asyncio.Task[None]]:
        security = self._security
        tls = TlsLayer(security.context, security.server_name) if security else None
        connection = Connection(self._encode, self._rules, tls, on_end)
        return connection, asyncio.get_running_loop().create_task(self._dial(connection))

    async def _dial(self, connection: Connection) -> None:
        timeout_s = self._network.connect_timeout_s
        try:
            sock = await self._network.dial(self._address)
            try:
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: connection, sock=sock)
            except BaseException:
                sock.close()
                raise
        except OSError as error:
            connection.end(str(error))
            return
        either = (connection.ready, connection.ended)
        await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if connection.ready.done():
            self._log.info("connected", extra={"address": str(self._address)})
        else:
            connection.end(f"no TLS handshake within {timeout_s:g} s")

    def _ended(self, connection: Connection, failed: int) -> None:
        self._connection = None
        reason = connection.ended.result()
        if failed:
            self._refuse(reason, _ROUNDS)
        elif reason:
            self._log.info("disconnected", extra={"reason": reason})

    def _refuse(self, reason: str, rounds: int) -> None:
        self._refusal = reason if rounds else ""
        if rounds:
            asyncio.get_running_loop().call_soon(self._refuse, reason, rounds - 1)


async def _dispose(connection: Connection, dialing: asyncio.Task[None]) -> None:
    connection.close()
    dialing.cancel()
    await asyncio.gather(dialing, return_exceptions=True)
    await connection.gone

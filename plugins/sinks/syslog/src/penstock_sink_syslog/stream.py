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


class Security(Struct, frozen=True):
    """What a TLS connection needs: how it proves itself, and whom the receiver must prove to be."""

    context: ssl.SSLContext
    server_name: str


class StreamSender:
    """Writes in order over one connection; when it ends, all open writes fail together.

    Of writes that failed the first must come again first: core may start another one before it has
    heard of the failure, and on a new connection that would overtake them. So a stranger is refused
    once. If it comes again, core has settled those that failed in another way.
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
        self._open: dict[int, Batch] = {}
        self._owed: dict[int, Batch] = {}
        self._reason = ""
        self._peer_reads = False
        self._is_closed = False
        self._has_warned = False

    async def write(self, batches: Sequence[Batch]) -> None:
        """Return when the bytes can no longer be in flight; ``RetryableError`` if they may be."""
        if self._is_closed:
            raise RetryableError("the sink is closed")
        key = id(batches[0].events[0])
        if self._owed:
            self._refuse_stranger(key, batches[0])
        if self._connection is None:
            self._connection, self._dialing = self._connect(self._ended)
        connection = self._connection
        if connection.is_finishing:
            raise RetryableError("the connection is being closed")
        self._open[key] = batches[0]
        try:
            await connection.put(batches)
        finally:
            self._open.pop(key, None)
        if connection.cut_short and not self._has_warned:
            self._has_warned = True
            self._log.warning(
                "the receiver's kernel may hold more than is kept to be sent again; a larger "
                "buffer.max_memory_bytes keeps more"
            )

    async def drain(self) -> None:
        """Have the peer read everything and close: then all open writes return."""
        while self._connection:
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
        connection = Connection(self._encode, self._rules, tls, on_end, peer_reads=self._peer_reads)
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
            connection.end(str(error) or type(error).__name__)
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
        self._peer_reads = not failed and (not reason or connection.peer_reads)
        if failed:
            self._owed, self._reason = dict(self._open), reason
        elif reason:
            self._log.info("disconnected", extra={"reason": reason})
        elif connection.has_waiting and not self._is_closed:
            self._connection, self._dialing = self._connect(self._ended)
            self._connection.succeed(connection)

    def _refuse_stranger(self, key: int, batch: Batch) -> None:
        if key in self._owed:
            self._owed.clear()
            return
        self._owed[key] = batch
        raise RetryableError(self._reason)


async def _dispose(connection: Connection, dialing: asyncio.Task[None]) -> None:
    connection.close()
    dialing.cancel()
    await asyncio.gather(dialing, return_exceptions=True)
    await connection.gone

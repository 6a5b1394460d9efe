"""Reads the Traffic Controller's WebSocket: an envelope of dropsonde in each message."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import aiohttp
from aiohttp import ClientWebSocketResponse, ClientWSTimeout, WSMessage, WSMsgType

from penstock_source_firehose.client import Client, WebSocket, place, trouble
from penstock_source_firehose.discovery import Found
from penstock_source_firehose.dropsonde import Dropsonde
from penstock_source_firehose.errors import AwayError, RefusedError, UndecodableError
from penstock_source_firehose.feed import DeniedError, Silence, room
from penstock_source_firehose.losses import SLOW
from penstock_source_firehose.sending import Sending
from penstock_source_firehose.settings import Settings

ANSWER_S = 30.0
GOODBYE_S = 1.0

SILENT_S = 60.0
"""The Traffic Controller sends a ping every 15 s; nothing for so long, and it is gone."""

MAX_MESSAGE_BYTES = 67_108_864
"""Loggregator itself takes no more than 10 MiB."""

NORMAL, ABNORMAL, TOO_LONG = 1000, 1006, 1009


class TrafficController:
    """Opens streams of the first protocol."""

    def __init__(self, settings: Settings, dropsonde: Dropsonde) -> None:
        self.silent_s = SILENT_S
        """A stream that nothing comes by for so long has ended."""
        self._settings = settings
        self._dropsonde = dropsonde

    async def connect(self, client: Client, found: Found, header: str) -> Socket:
        """Open a stream; what is refused says how that can be mended."""
        url = f"{found.url}{target(self._settings)}"
        headers = {"Authorization": header} if header else {}
        with trouble(found.url):
            try:
                async with asyncio.timeout(ANSWER_S):
                    socket = await client.session.ws_connect(
                        url,
                        headers=headers,
                        origin=found.url,
                        autoping=False,
                        max_msg_size=MAX_MESSAGE_BYTES,
                        timeout=ClientWSTimeout(ws_close=GOODBYE_S),
                        server_hostname=client.server_name,
                    )
            except aiohttp.WSServerHandshakeError as error:
                raise self._refusal(error.status, found) from None
        return Socket(socket, self._dropsonde, self.silent_s)

    def _refusal(self, status: int, found: Found) -> Exception:
        where = f"{place(found.url)}: the Traffic Controller"
        if status in (401, 403):
            needs = "read this app" if self._settings.app else "have the scope doppler.firehose"
            return DeniedError(f"{where} answered {status}: the token has to be valid and {needs}")
        if status == 404 and self._settings.app:
            return DeniedError(
                f"{where} answered 404: there is no app {self._settings.app}, or the token may not "
                "read it"
            )
        if status < 500 and status not in {408, 429}:
            return RefusedError(
                f"{where} answered {status} to {target(self._settings)}: url has to be the Traffic "
                "Controller (wss://doppler…), and subscription_id a name that it takes"
            )
        return AwayError(f"{where} answered {status}")


def target(settings: Settings) -> str:
    """Return the path of the stream, and which part of it is asked for.

    The same id with another part is a stream of its own, so that it depends on settings only.
    """
    if settings.app:
        return f"/apps/{settings.app.lower()}/stream"
    kinds = set(settings.kinds) - {"event"}
    part = ""
    if kinds == {"log"}:
        part = "?filter-type=logs"
    elif "log" not in kinds:
        part = "?filter-type=metrics"
    return f"/firehose/{quote(settings.subscription_id, safe='')}{part}"


class Socket:
    """One open WebSocket."""

    def __init__(
        self, socket: ClientWebSocketResponse, dropsonde: Dropsonde, silent_s: float
    ) -> None:
        self.leaving = asyncio.Event()
        self._socket = socket
        self._decode = dropsonde.decode
        self._silent_s = silent_s

    async def close(self) -> None:
        """Hang up."""
        try:
            await self._socket.close()
        finally:
            if isinstance(self._socket, WebSocket):
                self._socket.hang_up()

    async def read(self, sending: Sending) -> str:
        """Read to the end and return why it ended: the end is never announced."""
        silence = Silence(self._silent_s)
        try:
            async with asyncio.timeout(None) as scope:
                with silence.watch(scope):
                    last = await self._read(sending, silence)
        except TimeoutError:
            return f"upstream: nothing came for {self._silent_s:.0f} s, not even a ping: {SLOW}"
        return f"upstream: {_ending(last, self._socket)}: {SLOW}"

    async def _read(self, sending: Sending, silence: Silence) -> WSMessage:
        receive, decode, add = self._socket.receive, self._decode, sending.add
        while True:
            message = await receive()
            silence.heard += 1
            if message.type is WSMsgType.BINARY:
                try:
                    made = decode(message.data)
                except UndecodableError as error:
                    sending.refuse(message.data, str(error))
                    continue
                if made is not None:
                    add(made)
                if sending.is_full:
                    await room(sending, silence)
            elif message.type is WSMsgType.PING:
                await self._pong(message.data)
            elif message.type is WSMsgType.TEXT:
                sending.refuse(message.data.encode(), "a text, where only envelopes come")
            elif message.type is not WSMsgType.PONG:
                return message

    async def _pong(self, data: bytes) -> None:
        try:
            await self._socket.pong(data)
        except (aiohttp.ClientError, OSError):
            return  # The connection is lost; what it still brought is read first.


def _ending(message: WSMessage, socket: ClientWebSocketResponse) -> str:
    """Say how a stream ended. The reader cannot tell a restart from having been too slow."""
    if message.type is WSMsgType.CLOSE:
        said = f" {str(message.extra)[:120]!r}" if message.extra else ""
        return f"the stream was closed with {message.data or NORMAL}{said}"
    if message.type is WSMsgType.ERROR and socket.close_code == TOO_LONG:
        return f"a message of more than {MAX_MESSAGE_BYTES} bytes came, and the stream ended (1009)"
    if message.type is WSMsgType.ERROR:
        return f"the stream broke ({message.data})"
    return f"the connection ended without a close ({ABNORMAL})"

"""The Traffic Controller: dropsonde envelopes over WebSockets, to whom a token allows it."""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from penstock.api.event import EMPTY
from tests.loggregator import dropsonde
from tests.loggregator import websocket as ws
from tests.loggregator.client import Client
from tests.loggregator.front import Asked, Front, Reply, Wire, bearer, text
from tests.loggregator.pacing import paced
from tests.loggregator.uaa import FIREHOSE, Uaa

_FIREHOSE = re.compile(r"/firehose/([^/]+)")
_STREAM = re.compile(r"/apps/([^/]+)/stream")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FILTERS = ("logs", "metrics")
_CHANNEL = 1000
"""How many messages wait for a connection before ``replay`` waits for it."""
Subscription = tuple[str, str]
"""A filter and an id; ``app`` and a guid for an application's stream."""


class TrafficController(Front):
    """``connections`` are all that ever were; ``unheard`` counts what nobody was there for.

    ``ring`` bounds what waits for a connection as a Doppler's ring does: full, all of it is lost
    (0: nothing is ever lost here). ``kernel`` bounds what the kernel takes for a slow client.
    """

    scheme = "ws"

    def __init__(
        self,
        *,
        uaa: Uaa | None = None,
        app_access: Mapping[str, int] = EMPTY,
        tls: ssl.SSLContext | None = None,
        pace: float = 1.0,
        ring: int = 0,
        kernel: int = 0,
        seed: int = 1,
    ) -> None:
        super().__init__(tls=tls)
        self.pace, self.ring = pace, ring
        self.connections: list[Client] = []
        self.violations: list[str] = []
        self.unheard = 0
        self.pings = True
        self.silent = False
        self.hang_handshake = False
        self.hearing = asyncio.Event()
        self.hearing.set()
        self._uaa, self._app_access, self._kernel = uaa, app_access, kernel
        self._random = random.Random(seed)
        self._subscribed: dict[Subscription, list[Client]] = {}

    @property
    def live(self) -> list[Client]:
        """The connections that are open."""
        return [one for one in self.connections if one.open]

    @property
    def sent(self) -> list[bytes]:
        """All that any connection got."""
        return [payload for one in self.connections for payload in one.sent]

    # --- what the Dopplers bring ---------------------------------------------------------------

    def emit(self, *payloads: bytes) -> None:
        """Send envelopes: each to one connection of each subscription, or to all of its app."""
        for payload in payloads:
            self._emit(payload)

    def _emit(self, payload: bytes) -> None:
        heard = False
        kind, app = _described(payload) if self._needs_look else ("", "")
        for (chosen, name), all_ in self._subscribed.items():
            clients = [one for one in all_ if one.open]
            if not clients:
                continue
            if chosen == "app":
                wanted = clients if app == name else []
            else:
                wanted = [self._random.choice(clients)] if _passes(chosen, kind) else []
            for client in wanted:
                client.put(payload)
            heard = heard or bool(wanted)
        self.unheard += not heard

    @property
    def _needs_look(self) -> bool:
        return any(chosen for chosen, _ in self._subscribed)

    async def replay(self, payloads: Iterable[bytes], rate: float = 0.0) -> None:
        """Send envelopes at a rate a second; 0: as fast as the connections take them."""

        def is_full() -> bool:
            return any(one.queued > _CHANNEL for one in self.live)

        async for payload in paced(payloads, rate, is_full):
            self._emit(payload)

    async def flushed(self) -> None:
        """Wait until the live connections have all that is for them."""
        while any(one.queued for one in self.live):
            await asyncio.sleep(0.005)

    # --- misbehaviour --------------------------------------------------------------------------

    def drop(self, *, reset: bool = False) -> None:
        """End all connections, without a close frame."""
        for client in self.live:
            client.end("dropped", reset=reset)

    def close(self, code: int, reason: str = "") -> None:
        """End all connections with a close frame."""
        for client in self.live:
            client.close(code, reason)

    def raw(self, data: bytes) -> None:
        """Write these bytes to all connections as they are."""
        for client in self.live:
            client.raw(data)

    def send_text(self, message: str) -> None:
        """Send a text message, which the real one never does."""
        self.raw(ws.frame(ws.TEXT, message.encode()))

    def half_frame(self, payload: bytes) -> None:
        """Send half of a message to all connections, and end them."""
        data = ws.frame(ws.BINARY, payload)
        for client in self.live:
            client.raw(data[: len(data) // 2])
            client.end("dropped")

    def deaf(self, on: bool = True) -> None:
        """Do not read what clients send, pongs neither; or do so again."""
        self.hearing.clear() if on else self.hearing.set()

    # --- connections ---------------------------------------------------------------------------

    async def answer(self, asked: Asked, wire: Wire) -> bool:
        found = _subscription(asked)
        refusal = self._refusal(asked, found)
        if refusal or found is None:
            return await self.reply(asked, wire, refusal or text(404, "404 page not found"))
        while self.hang_handshake:
            await asyncio.sleep(0.01)
        await self._serve(asked, wire, found)
        return False

    async def _serve(self, asked: Asked, wire: Wire, subscription: Subscription) -> None:
        self.note(asked, 101)
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": ws.accept_key(asked.headers) or "",
        }
        wire.write(Reply(status=101, headers=headers).head())
        if self._kernel:
            wire.limit_kernel(self._kernel)
        client = Client(self, asked, wire, subscription)
        self.connections.append(client)
        clients = self._subscribed.setdefault(subscription, [])
        clients.append(client)
        try:
            await client.serve()
        finally:
            clients.remove(client)

    def _refusal(self, asked: Asked, found: Subscription | None) -> Reply | None:
        if found is None:
            return text(404, "404 page not found")
        kind, name = found
        refused = self._no_app(asked, name) if kind == "app" else self._no_firehose(asked)
        if refused:
            return refused
        if asked.method != "GET" or ws.accept_key(asked.headers) is None:
            return text(400, "Bad Request", Sec_Websocket_Version="13")
        return None

    def _no_firehose(self, asked: Asked) -> Reply | None:
        if self._uaa is None:
            return None
        if "authorization" not in asked.headers:
            return _unauthorized("Authorization not provided")
        scopes = self._uaa.scopes_of(bearer(asked))
        return None if FIREHOSE in (scopes or ()) else _unauthorized("Invalid authorization")

    def _no_app(self, asked: Asked, app: str) -> Reply | None:
        if not _GUID.fullmatch(app):
            return Reply(status=401)
        if self._uaa is None:
            return None
        status = self._app_access.get(app, 200)
        if self._uaa.scopes_of(bearer(asked)) is None:
            status = 401
        if status == 401:
            return _unauthorized("Invalid authorization")
        if status in (403, 404):
            return text(404, "404 page not found")
        return None if status == 200 else Reply(status=500)


def _subscription(asked: Asked) -> Subscription | None:
    path = unquote(asked.path)  # Go matches what is decoded: %2F ends a part of it.
    if found := _FIREHOSE.fullmatch(path):
        (chosen, *_) = asked.query.get("filter-type", [""])
        return chosen if chosen in _FILTERS else "", found[1]
    found = _STREAM.fullmatch(path)
    return ("app", found[1]) if found else None


def _unauthorized(why: str) -> Reply:
    return text(401, f"You are not authorized. Error: {why}", WWW_Authenticate="Basic")


def _described(payload: bytes) -> tuple[str, str]:
    """Return an envelope's type and application; nothing of what is no envelope."""
    try:
        document = dropsonde.decode(payload)
    except ValueError:
        return "", ""
    return dropsonde.kind_of(document), dropsonde.app_of(document)


def _passes(chosen: str, kind: str) -> bool:
    return not chosen or (kind == "LogMessage") == (chosen == "logs")

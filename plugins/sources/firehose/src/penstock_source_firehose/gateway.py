"""Reads the RLP gateway: batches of envelopes as server-sent events."""

from __future__ import annotations

import asyncio
import secrets
import time

import aiohttp
from aiohttp import ClientResponse

from penstock_source_firehose.client import Client, beginning, place, trouble
from penstock_source_firehose.discovery import Found
from penstock_source_firehose.envelopes import Envelopes
from penstock_source_firehose.errors import AwayError, RefusedError
from penstock_source_firehose.feed import DeniedError, Silence, room
from penstock_source_firehose.losses import SLOW
from penstock_source_firehose.sending import Sending
from penstock_source_firehose.settings import Settings
from penstock_source_firehose.sse import MAX_EVENT_BYTES, ServerSentEvents

ANSWER_S = 30.0

EVENTS = "text/event-stream"

SILENT_S = 40.0
"""The gateway sends a heartbeat every 15 s."""

LIFE_S = 840.0
"""The gateway ends a stream after so long, if nobody changed that."""

BEFORE_END = 0.93
"""The next stream is opened at this part of the life of one: from its end to the next one's
beginning, events of this reader would go nowhere."""

LATE_S = 120.0


class Gateway:
    """Opens streams of the second protocol, and learns how long they live."""

    def __init__(self, settings: Settings, envelopes: Envelopes) -> None:
        self.life_s: float | None = LIFE_S
        """How long streams live; None where they seem to live for ever."""
        self.silent_s = SILENT_S
        """A stream that nothing comes by for so long has ended."""
        self._settings = settings
        self._envelopes = envelopes
        # Two streams without a reader's name would both bring everything while one follows another.
        self._reader = settings.subscription_id or secrets.token_hex(16)

    async def connect(self, client: Client, found: Found, header: str) -> EventStream:
        """Open a stream; what is refused says how that can be mended."""
        headers = {"Accept": EVENTS, "Accept-Encoding": "identity"}
        if header:
            headers["Authorization"] = header
        with trouble(found.url):
            async with asyncio.timeout(ANSWER_S):
                response = await client.session.get(
                    f"{found.url}/v2/read",
                    params=query(self._settings, self._reader),
                    headers=headers,
                    allow_redirects=False,
                    server_hostname=client.server_name,
                )
                if response.status != 200:
                    async with response:
                        body = await beginning(response, 300)
                    raise self._refusal(response.status, body, found)
                if response.content_type != EVENTS:
                    response.close()
                    raise RefusedError(
                        f"{place(found.url)}: {response.content_type} was answered, where events "
                        "should come: url has to be the RLP gateway (https://log-stream…)"
                    )
        return EventStream(response, self, self._envelopes)

    def _refusal(self, status: int, body: bytes, found: Found) -> Exception:
        where = f"{place(found.url)}: the RLP gateway"
        said = " ".join(body.decode("utf-8", "replace").split())
        if status in (401, 403, 404):
            needs = (
                "may not read this app"
                if self._settings.app
                else "lacks the scope doppler.firehose or logs.admin"
            )
            return DeniedError(
                f"{where} answered {status}, which does not say whether nothing is there or nobody "
                f"is let in: either url is not the RLP gateway, or the token is no longer valid or "
                f"{needs}"
            )
        if status < 500 and status not in {408, 429}:
            return RefusedError(f"{where} answered {status}: {said}")
        return AwayError(f"{where} answered {status}: {said}")

    def lived(self, seconds: float) -> None:
        """Note how long a stream lived before its end was announced."""
        self.life_s = seconds


def query(settings: Settings, reader: str) -> list[tuple[str, str]]:
    """Return what is asked for: kinds, reader and application."""
    found: list[tuple[str, str]] = [(kind, "") for kind in dict.fromkeys(settings.kinds)]
    if settings.app:
        found.append(("source_id", settings.app.lower()))
    found.append(("shard_id", reader))
    if settings.deterministic_name:
        found.append(("deterministic_name", settings.deterministic_name))
    return found


class EventStream:
    """One open stream."""

    def __init__(self, response: ClientResponse, gateway: Gateway, envelopes: Envelopes) -> None:
        self.leaving = asyncio.Event()
        self._response = response
        self._gateway = gateway
        self._envelopes = envelopes
        self._events = ServerSentEvents()
        self._began = time.monotonic()
        self._is_announced = False

    async def close(self) -> None:
        """Hang up."""
        self._response.close()

    async def read(self, sending: Sending) -> str:
        """Read to the end and return why it ended, empty if that was announced."""
        silence = Silence(self._gateway.silent_s)
        timers = self._timers()
        try:
            async with asyncio.timeout(None) as scope:
                with silence.watch(scope):
                    await self._read(sending, silence)
            why = "the stream ended without having said so"
        except TimeoutError:
            why = f"nothing came for {self._gateway.silent_s:.0f} s, not even a heartbeat"
        except (aiohttp.ClientError, OSError) as error:
            why = f"the stream broke ({error or type(error).__name__})"
        finally:
            for timer in timers:
                timer.cancel()
        return "" if self._is_announced else f"upstream: {why}: {SLOW}"

    async def _read(self, sending: Sending, silence: Silence) -> None:
        content, events = self._response.content, self._events
        while chunk := await content.readany():
            silence.heard += 1
            for name, data in events.feed(chunk):
                if not name:
                    self._take(data, sending)
                elif name == b"closing":
                    self._closing()
            while events.cut:
                size = events.cut.pop()
                sending.refuse(
                    b"", f"{size} bytes in one event: over {MAX_EVENT_BYTES} are not read"
                )
            if sending.is_full:
                await room(sending, silence)

    def _take(self, data: bytes, sending: Sending) -> None:
        made, bad = self._envelopes.decode(data)
        for one in made:
            sending.add(one)
        for piece, why in bad:
            sending.refuse(piece, why)

    def _closing(self) -> None:
        self._is_announced = True
        self.leaving.set()
        self._gateway.lived(time.monotonic() - self._began)

    def _timers(self) -> list[asyncio.TimerHandle]:
        """Have the next stream opened before this one ends, as far as that is known."""
        life_s = self._gateway.life_s
        if life_s is None:
            return []
        loop = asyncio.get_running_loop()
        return [
            loop.call_later(life_s * BEFORE_END, self.leaving.set),
            loop.call_later(life_s + LATE_S, self._outlived),
        ]

    def _outlived(self) -> None:
        # Opening one more each time would never end.
        self._gateway.life_s = None

"""The engine's API: one HTTP client for everything, and GET only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import aiohttp
import msgspec

from penstock.api import ConfigError
from penstock_source_docker import paths
from penstock_source_docker.answers import Details, Info, Listed, Version, failure_text
from penstock_source_docker.budget import Budget
from penstock_source_docker.clock import EngineClock
from penstock_source_docker.errors import AnswerError, AwayError
from penstock_source_docker.host import Endpoint
from penstock_source_docker.log_stream import LogStream
from penstock_source_docker.stamps import unix_time
from penstock_source_docker.stream import Stream

T = TypeVar("T")

NEWEST_API = (1, 44)
OLDEST_API = (1, 24)
"""Docker 1.12: before it ``since`` has whole seconds only, and events have no actor."""

_MINIMUM = re.compile(r"[Mm]inimum supported API version is (\d+\.\d+)")

CONNECT_S = 10.0
ANSWER_S = 60.0
"""For answers that are not streams."""

MAX_ANSWER_BYTES = 67_108_864
EVENT_ACTIONS = ("create", "start", "die", "died", "rename", "destroy", "remove")
"""Without a filter each health check is three events. Podman says ``died`` and ``remove``."""


class Engine:
    """An open connection pool to one engine, and the version of the API that it speaks."""

    def __init__(self, endpoint: Endpoint, reading: Budget) -> None:
        self.endpoint = endpoint
        self.clock = EngineClock()
        self._reading = reading
        self._events = Budget(MAX_ANSWER_BYTES)
        self._prefix = ""
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Connect, and agree on a version of the API."""
        await self.close()
        self._session = self._make_session()
        await self.negotiate()

    async def negotiate(self) -> None:
        """Agree on a version of the API, and make sure that it may be used."""
        async with await self._get(paths.PING, versioned=False, total=ANSWER_S) as response:
            named = response.headers.get("Api-Version", "")
        if not named:
            named = (await self._answer(paths.VERSION, Version, versioned=False)).api_version
        theirs = _version(named)
        if theirs < OLDEST_API:
            raise ConfigError(
                f"{self.endpoint.host}: this engine speaks version {named or 'unknown'} of "
                f"Docker's API, Penstock needs {_text(OLDEST_API)} or newer: update the engine"
            )
        self._prefix = f"/v{_text(min(theirs, NEWEST_API))}"
        try:
            await self._answer(paths.CONTAINERS, list[Listed], limit="1")
        except AnswerError as error:
            oldest = _MINIMUM.search(error.message)
            if error.status != 400 or not oldest:
                raise
            self._prefix = f"/v{oldest[1]}"

    def _make_session(self) -> aiohttp.ClientSession:
        # Over HTTP/1.0 Docker does not wrap every line in a chunk of its own; no connection is
        # used twice then. A limit on connections would starve the log that comes after it.
        connector: aiohttp.BaseConnector
        if self.endpoint.socket:
            connector = aiohttp.UnixConnector(self.endpoint.socket, limit=0, force_close=True)
        else:
            connector = aiohttp.TCPConnector(
                limit=0, force_close=True, ssl=self.endpoint.tls or True
            )
        return aiohttp.ClientSession(
            connector=connector,
            version=aiohttp.HttpVersion10,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Hang up. Safe without ``open``, and twice."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def containers(self) -> list[Listed]:
        """Return all containers, running or not."""
        return await self._answer(paths.CONTAINERS, list[Listed], all="1")

    async def details(self, container: str) -> Details | None:
        """Inspect a container; None if it does not exist."""
        try:
            return await self._answer(paths.CONTAINER.format(id=container), Details)
        except AnswerError as error:
            if error.status == 404:
                return None
            raise

    async def host_name(self) -> str:
        """Return the name of the engine's host; empty where nobody may ask."""
        try:
            return (await self._answer(paths.INFO, Info)).name
        except AnswerError:
            return ""

    async def events(self, since: int) -> Stream:
        """Subscribe to what happens to containers, with what happened ``since`` a time, if any."""
        filters = {"type": ["container"], "event": list(EVENT_ACTIONS)}
        query = {"filters": msgspec.json.encode(filters).decode()}
        if since:
            query["since"] = unix_time(since)
        return Stream(await self._get(paths.EVENTS, query), self._events)

    async def logs(
        self, container: str, streams: Mapping[str, bool], *, since: int, tail: str, follow: bool
    ) -> LogStream:
        """Open a container's log."""
        query = {name: "1" for name, wanted in streams.items() if wanted}
        query |= {"timestamps": "1", "tail": tail, "follow": "1" if follow else "0"}
        if since:
            query["since"] = unix_time(since)
        response = await self._get(paths.LOGS.format(id=container), query)
        return LogStream(response, self._reading)

    async def _answer(self, path: str, kind: type[T], *, versioned: bool = True, **query: str) -> T:
        try:
            response = await self._get(path, query, versioned=versioned, total=ANSWER_S)
            async with response:
                body = await _bounded_body(response)
        except (aiohttp.ClientError, OSError) as error:
            raise AwayError(f"{self.endpoint.host}: {error}") from error
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError as error:
            raise AnswerError(path, response.status, f"not understood: {error}") from None

    async def _get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        versioned: bool = True,
        total: float | None = None,
    ) -> aiohttp.ClientResponse:
        """Make the only kind of request there is."""
        if self._session is None:
            raise AwayError("not open")
        url = f"{self.endpoint.url}{self._prefix if versioned else ''}{path}"
        options: dict[str, Any] = {}
        if self.endpoint.server_name:
            options["server_hostname"] = self.endpoint.server_name
        if total:
            options["timeout"] = aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_S)
        try:
            response = await self._session.get(
                url, params=query or {}, allow_redirects=False, **options
            )
        except (aiohttp.ClientError, OSError) as error:
            raise AwayError(f"{self.endpoint.host}: {error}") from error
        self.clock.answered(response.headers.get("Date", ""))
        if response.status != 200:
            async with response:
                body = await response.content.read(4096)
            raise AnswerError(path, response.status, failure_text(body))
        return response


async def _bounded_body(response: aiohttp.ClientResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise aiohttp.ClientPayloadError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))

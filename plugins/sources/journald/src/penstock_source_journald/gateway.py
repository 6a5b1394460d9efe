"""Reads a journal of another machine over HTTP, from systemd-journal-gatewayd."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientError, ClientResponse, ClientTimeout

from penstock.api import TlsSettings, tls_context
from penstock_source_journald.errors import AwayError
from penstock_source_journald.journal import Query, Stream

EXPORT = "application/vnd.fdo.journal"
"""JSON has ``null`` for values of more than 4,096 bytes, and knows no option against it."""

MANY = (1 << 63) - 1
READ_BYTES = 262_144
ANSWER_S = 30.0
"""The gateway looks for the first entry before it answers."""

MAX_VALUES_BYTES = 1_048_576

KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A quiet journal sends nothing: only so does a gateway show that is gone without a word."""


class Gateway:
    """One systemd-journal-gatewayd."""

    is_split = True

    def __init__(self, url: str, tls: TlsSettings, filters: Sequence[tuple[str, str]]) -> None:
        self._url = url.rstrip("/")
        self._tls = tls
        self._filters = tuple(filters)
        parts = urlsplit(self._url)
        self._name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._session: aiohttp.ClientSession | None = None

    async def check(self) -> None:
        """Make sure that it answers."""
        (await self._get("machine")).close()

    async def read(self, query: Query) -> Stream:
        """Ask for entries."""
        filters = list(self._filters) if query.filtered else []
        if query.machine:
            filters.append(("_MACHINE_ID", query.machine))
        if query.follow:
            filters.append(("follow", ""))
        skip, count = (-query.last, query.last) if query.last else (0, query.first or MANY)
        headers = {"Accept": EXPORT, "Range": f"entries={query.cursor}:{skip}:{count}"}
        answer = await self._get("entries", filters, headers)
        if answer.content_type != EXPORT:
            answer.close()
            raise AwayError(f"{self._name}: answered {answer.content_type}, not {EXPORT}")
        return _Answer(answer, self._name, follows=query.follow)

    async def machines(self) -> list[str]:
        """Return the ids of all machines that have entries."""
        return await self.values("_MACHINE_ID")

    async def values(self, field: str) -> list[str]:
        """Return all values that a field has in the journal."""
        stream = _Answer(await self._get(f"fields/{field}"), self._name, follows=False)
        data = b""
        try:
            while (part := await stream.read()) and len(data) < MAX_VALUES_BYTES:
                data += part
        finally:
            await stream.close()
        return data.decode("utf-8", "replace").splitlines()

    async def close(self) -> None:
        """Hang up. Safe twice."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def _get(
        self,
        path: str,
        parameters: Sequence[tuple[str, str]] = (),
        headers: dict[str, str] | None = None,
    ) -> ClientResponse:
        session = self._session = self._session or self._connected()
        url = f"{self._url}/{path}"
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await session.get(
                    url,
                    params=parameters,
                    headers=headers,
                    timeout=ClientTimeout(total=None),
                    allow_redirects=False,
                    server_hostname=self._tls.server_name or None,
                )
        except (ClientError, OSError, TimeoutError) as error:
            raise AwayError(f"{self._name}: {error or type(error).__name__}") from error
        if answer.status != 200:
            said = (await _beginning(answer)).strip()
            answer.close()
            raise AwayError(f"{self._name}: GET /{path} was answered {answer.status}: {said}")
        return answer

    def _connected(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=tls_context(self._tls) if self._url.startswith("https:") else False,
            force_close=True,
            limit=0,
            socket_factory=_socket,
        )
        return aiohttp.ClientSession(connector=connector, read_bufsize=READ_BYTES)


class _Answer:
    """Entries on their way over HTTP."""

    def __init__(self, answer: ClientResponse, name: str, *, follows: bool) -> None:
        self._answer = answer
        self._name = name
        self._follows = follows

    async def read(self) -> bytes:
        try:
            data = await self._answer.content.readany()
        except (ClientError, OSError) as error:
            raise AwayError(f"{self._name}: {error or type(error).__name__}") from error
        if not data and self._follows:
            raise AwayError(f"{self._name}: the gateway ended the stream")
        return data

    async def close(self) -> None:
        self._answer.close()


def _socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


async def _beginning(answer: ClientResponse) -> str:
    try:
        return (await answer.content.read(500)).decode("utf-8", "replace")
    except (ClientError, OSError):
        return ""

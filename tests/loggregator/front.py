"""What the servers share: a listener that reads strict HTTP/1.1 and keeps what it answered."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self
from urllib.parse import parse_qs

from msgspec import Struct

from penstock.api.event import EMPTY

REASONS = {
    101: "Switching Protocols",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_LIMIT = 1 << 20


class Asked(Struct, frozen=True, kw_only=True):
    """A request: header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)


class Reply(Struct, frozen=True, kw_only=True):
    """What is answered."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = EMPTY

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Other')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def whole(self) -> bytes:
        sized = {**self.headers, "Content-Length": str(len(self.body))}
        return Reply(status=self.status, headers=sized).head() + self.body


class Answered(Struct, frozen=True):
    """A request and the status of its answer."""

    target: str
    status: int
    headers: Mapping[str, str]


def text(status: int, body: str, **headers: str) -> Reply:
    """Return a plain text as Go's http.Error writes it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(
        status=status,
        body=f"{body}\n".encode(),
        headers={"Content-Type": "text/plain; charset=utf-8", **named},
    )


def as_json(value: Any, status: int = 200) -> Reply:
    """Return a JSON document."""
    kind = {"Content-Type": "application/json;charset=UTF-8"}
    return Reply(status=status, body=json.dumps(value).encode(), headers=kind)


class Wire:
    """One accepted connection; ``written`` counts the bytes given to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.written = 0
        self._writer = writer
        # Whoever drains waits until the kernel has all of it.
        writer.transport.set_write_buffer_limits(high=0)

    @property
    def unsent(self) -> int:
        """How many bytes the kernel has not taken."""
        return self._writer.transport.get_write_buffer_size()

    @property
    def closing(self) -> bool:
        return self._writer.transport.is_closing()

    def write(self, data: bytes) -> None:
        self.written += len(data)
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    async def answer(self, reply: Reply) -> None:
        self.write(reply.whole())
        await self.drain()

    def end(self) -> None:
        """End it at once: the client gets what the kernel has, and the end of the stream."""
        self._writer.transport.abort()

    def reset(self) -> None:
        """End it with a reset, and what the kernel has is gone."""
        if stream := self._writer.get_extra_info("socket"):
            with suppress(OSError):
                linger = struct.pack("ii", 1, 0)
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.end()

    def limit_kernel(self, size: int) -> None:
        """Have the kernel keep so much for a client that does not read."""
        stream = self._writer.get_extra_info("socket")
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


class Front:
    """Listens on loopback; a subclass answers. It comes back on the same port.

    ``host`` and ``port`` may be set before the start.
    """

    scheme = "http"
    host = "127.0.0.1"

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Answered] = []
        self.port = 0
        self.accepted = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._wires: set[Wire] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusals: list[Reply] = []

    @property
    def url(self) -> str:
        host = "localhost" if self._tls else self.host
        return f"{self.scheme}{'s' if self._tls else ''}://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, self.host, self.port, ssl=self._tls, limit=_LIMIT
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Die: refuse connections and reset those that are open; safe twice."""
        if self._server:
            self._server.close()
            self._server = None
        for wire in tuple(self._wires):
            wire.reset()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def refuse(self, status: int, times: int = 1, body: bytes = b"") -> None:
        """Answer the next requests with this status."""
        self._refusals += [Reply(status=status, body=body)] * times

    async def answer(self, asked: Asked, wire: Wire) -> bool:
        """Answer a request; say whether the connection goes on."""
        raise NotImplementedError

    async def reply(self, asked: Asked, wire: Wire, reply: Reply) -> bool:
        """Write a reply and keep that it was given."""
        self.note(asked, reply.status)
        await wire.answer(reply)
        return True

    def note(self, asked: Asked, status: int) -> None:
        self.requests.append(Answered(asked.target, status, asked.headers))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        wire = Wire(reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._wires.add(wire)
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._exchange(wire):
                    pass
        finally:
            self._wires.discard(wire)
            self._tasks.discard(task)
            wire.end()

    async def _exchange(self, wire: Wire) -> bool:
        asked = await _read(wire.reader)
        if self._refusals:
            return await self.reply(asked, wire, self._refusals.pop(0))
        return await self.answer(asked, wire)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, version = first.split(" ")
    assert version == "HTTP/1.1", first
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    assert "host" in headers, "HTTP/1.1 wants a Host"
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method=method, target=target, headers=headers, body=body)


def bearer(asked: Asked) -> str:
    """Return the token as the real ones see it: only a lower-case ``bearer`` is taken off."""
    return asked.headers.get("authorization", "").removeprefix("bearer ")

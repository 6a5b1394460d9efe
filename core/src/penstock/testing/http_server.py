"""A real web server on loopback for tests of sinks, which can also misbehave."""

from __future__ import annotations

import asyncio
import ssl
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from msgspec import Struct

from penstock.api.event import EMPTY


class Request(Struct, frozen=True, kw_only=True):
    """What came: header names in lower case, the body decompressed (``sent`` as it came)."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    sent: bytes
    connection: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Reply(Struct, frozen=True, kw_only=True):
    """What is answered. ``cut`` ends the connection after so many bytes of the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = EMPTY
    cut: int | None = None
    delay_s: float = 0.0

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} .", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


RESET = Reply(status=0)
"""Reset the connection instead of an answer."""

Handler = Callable[[Request], Reply]


class HttpServer:
    """Listens on 127.0.0.1 and answers as its ``handler`` says; it comes back on the same port."""

    def __init__(
        self, handler: Handler | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.handler: Handler = handler or (lambda _: Reply())
        self.requests: list[Request] = []
        self.connections = 0
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._answering = asyncio.Event()
        self._answering.set()

    @property
    def url(self) -> str:
        scheme, host = ("https", "localhost") if self._tls else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._tls, limit=1 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Die: refuse connections and reset those that are open."""
        if self._server:
            self._server.close()
            self._server = None
        for writer in tuple(self._open):
            writer.transport.abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hang(self) -> None:
        """Take requests and answer none."""
        self._answering.clear()

    def resume(self) -> None:
        """Answer again, also what came meanwhile."""
        self._answering.set()

    async def mend(self) -> None:
        """Work again; what hung has died meanwhile."""
        if not self._answering.is_set():
            await self.stop()
            self._answering.set()
        if self._server is None:
            await self.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._exchange(reader, writer, self.connections):
                    pass
        finally:
            self._tasks.discard(task)
            self._open.discard(writer)
            writer.transport.abort()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> bool:
        """Take a request and answer it; say whether the connection goes on."""
        request = await _read(reader, connection)
        await self._answering.wait()
        reply = self.handler(request)
        self.requests.append(request)
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        if not reply.status:
            return False
        body = reply.body if reply.cut is None else reply.body[: reply.cut]
        writer.write(reply.head() + (b"" if request.method == "HEAD" else body))
        await writer.drain()
        if reply.cut is not None:
            writer.close()
            await writer.wait_closed()
            return False
        return True


@asynccontextmanager
async def http_server(
    handler: Handler | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[HttpServer]:
    """Run a server for the length of a block."""
    server = HttpServer(handler, tls=tls)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def _read(reader: asyncio.StreamReader, connection: int) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
    }
    if headers.get("transfer-encoding") == "chunked":
        sent = await _chunks(reader)
    else:
        sent = await reader.readexactly(int(headers.get("content-length", "0")))
    body = _decompressed(sent, headers.get("content-encoding", ""))
    return Request(
        method=method, target=target, headers=headers, body=body, sent=sent, connection=connection
    )


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    pieces = []
    while size := int(await reader.readline(), 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(pieces)


def _decompressed(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return zlib.decompress(body, 31)
    if encoding == "zstd":
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        return zstd.decompress(body)
    return body

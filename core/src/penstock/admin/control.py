"""The control socket: answers ``penstock status``, ``health`` and ``dlq``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

from penstock.admin import collect
from penstock.admin.folder import reachable
from penstock.admin.letters import LetterDesk
from penstock.admin.protocol import (
    MAX_REQUEST_BYTES,
    Answer,
    AskHealth,
    AskStatus,
    Drop,
    Felt,
    Refused,
    Replay,
    Request,
    Told,
    decode_request,
    encode,
)
from penstock.api.event import KINDS, Batch
from penstock.runtime import Runtime
from penstock.state.letters import Letter

MAX_CONNECTIONS = 16
PATIENCE_S = 5.0
"""How long a client may take for its request, and to read the answer."""

_log = logging.getLogger("penstock.admin")


class ControlSocket:
    """Listens in the state folder: one request a connection, for this user only.

    ``listen`` tells where the metrics are had.
    """

    def __init__(self, listen: Callable[[], str] = str) -> None:
        self._listen = listen
        self._path: Path | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, runtime: Runtime) -> None:
        """Listen, where there is a state folder; without the socket Penstock runs all the same."""
        services = runtime.services
        if services.folder is None or services.journal is None:
            return
        self._runtime = runtime
        self._desk = LetterDesk(services, services.journal)
        try:
            channel = _bind(services.folder.socket)
            self._server = await asyncio.start_unix_server(
                self._serve, sock=channel, limit=MAX_REQUEST_BYTES
            )
        except OSError as error:
            _log.error("no control socket, so no status, health and dlq replay: %s", error)
        else:
            self._path = services.folder.socket

    async def changed(self, runtime: Runtime) -> None:
        """Nothing of a reload concerns it."""

    async def stop(self) -> None:
        """Hang up on everybody and remove the socket. Safe without ``start``, and twice."""
        server, self._server = self._server, None
        if server:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if server and self._path:
            with contextlib.suppress(OSError):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                if answer := await self._answer(reader):
                    writer.write(encode(answer))
                    async with asyncio.timeout(PATIENCE_S):
                        await writer.drain()
        finally:
            self._tasks.discard(task)
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> Answer | None:
        """Return what to say, None if nobody asks."""
        if len(self._tasks) > MAX_CONNECTIONS:
            return Refused("too many ask at once: try again")
        try:
            request = await _read(reader)
        except ValueError as error:
            return Refused(f"not a request: {error}")
        match request:
            case AskStatus():
                return Told(collect.status(self._runtime, listen=self._listen()))
            case AskHealth():
                return Felt(collect.health(self._runtime))
            case Replay() | Drop():
                return await self._change(request)
        return None

    async def _change(self, request: Replay | Drop) -> Answer:
        if not self._runtime.ready:
            return Refused("Penstock is starting or stopping: try again")
        return await self._desk.do(request, self._objection)

    def _objection(self, letter: Letter, batch: Batch) -> str:
        if not self._runtime.ready:
            return "Penstock is stopping"
        runner = self._runtime.graph.sinks.get(letter.sink.removeprefix("sinks."))
        if runner is None:
            return f"no pipeline has {letter.sink}"
        if runner.broken:
            return f"{letter.sink} is broken"
        kinds = {type(event) for event in batch.events} - runner.sink.accepts
        return f"{letter.sink} takes no {KINDS[kinds.pop()]}" if kinds else ""


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """Return a request, None if the client hangs up. ``ValueError``: it is none."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return decode_request(await reader.readuntil(b"\n"))
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise ValueError(f"longer than {MAX_REQUEST_BYTES} bytes") from None


def _bind(path: Path) -> socket.socket:
    """Return a socket that listens; a stale one, of a process that was killed, is replaced."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Before bind: the file is made with this mode, and is never open to others.
        os.fchmod(channel.fileno(), 0o600)
        path.unlink(missing_ok=True)
        with reachable(path) as address:
            channel.bind(address)
        channel.setblocking(False)
    except BaseException:
        channel.close()
        raise
    return channel

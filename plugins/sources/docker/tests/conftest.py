"""A small engine in this process, for what real ones cannot be made to do."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import struct
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from penstock.api import Context, Log, rfc3339
from penstock.testing import RecordingOutlet
from penstock_source_docker.pace import Pace
from penstock_source_docker.source import Docker

SECOND = 1_000_000_000
NOW = time.time_ns()


def frame(kind: int, stamp: int | bytes, text: bytes) -> bytes:
    """One multiplexed frame, as the engine sends it with timestamps=1."""
    when = rfc3339(stamp).encode() if isinstance(stamp, int) else stamp
    payload = when + b" " + text
    return struct.pack(">BxxxI", kind, len(payload)) + payload


class Container:
    """A container of the fake engine: its log is a list of frames."""

    def __init__(self, number: int, name: str, engine: FakeEngine, **details: Any) -> None:
        self.id = f"{number:064x}"
        self.name = name
        self.running = True
        self.tty = False
        self.driver = "json-file"
        self.options: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.env: list[str] = []
        self.image = "busybox:1.36"
        self.created = NOW - 60 * SECOND
        self.started = NOW - 60 * SECOND
        self.finished = 0
        self.log: list[tuple[int, int, bytes]] = []
        self.failures: list[tuple[int, str]] = []
        """Answers to the next requests for the log."""
        self.ends_at_once = False
        self.hides = 0
        """So many of the oldest frames were rotated away."""
        for key, value in details.items():
            setattr(self, key, value)
        self._engine = engine
        self.grown = asyncio.Event()
        self.last = max(self.started, NOW - 50 * SECOND)

    def print(self, *texts: str | bytes, kind: int = 1, at: int | None = None) -> int:
        """Append lines (or frames, as bytes) and return the stamp of the last."""
        for text in texts:
            self.last = at if at is not None else max(self.last + 1000, time.time_ns())
            data = text if isinstance(text, bytes) else text.encode() + b"\n"
            self.log.append((kind, self.last, data))
        self._wake()
        return self.last

    def stop(self) -> None:
        """End the run: streams end."""
        self.running = False
        self.finished = time.time_ns()
        self._wake()

    def start(self) -> None:
        """Begin another run."""
        self.running = True
        self.started = time.time_ns()
        self._wake()

    def _wake(self) -> None:
        grown, self.grown = self.grown, asyncio.Event()
        grown.set()

    def encode(self, entry: tuple[int, int, bytes]) -> bytes:
        kind, stamp, text = entry
        if self.tty:
            return rfc3339(stamp).encode() + b" " + text
        return frame(kind, stamp, text)


class FakeEngine:
    """Speaks just enough of Docker's API, over a unix socket or TCP."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.host = f"unix://{path}"
        self.api_version = "1.41"
        self.containers: dict[str, Container] = {}
        self.requests: list[str] = []
        self.queries: list[dict[str, str]] = []
        """Of requests for logs."""
        self.targets: list[str] = []
        self.oldest = ""
        """The oldest version that is spoken, empty for any."""
        self.refusals: dict[str, tuple[int, str]] = {}
        """Answers by the end of the path."""
        self.chunked = False
        self.date: Callable[[], float] = time.time
        self.past: list[dict[str, Any]] = []
        self.scans = 0
        self.most_scans = 0
        self.scan_gate: asyncio.Event | None = None
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._subscribers: set[asyncio.Queue[dict[str, Any]]] = set()

    async def start(self, *, tls: ssl.SSLContext | None = None) -> None:
        if tls:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
            self.host = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        else:
            self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def stop(self) -> None:
        """Go away, cutting every connection."""
        if self._server:
            self._server.close()
            self._server = None
        Path(self.path).unlink(missing_ok=True)
        self.cut()
        await asyncio.sleep(0.01)

    def cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def add(self, name: str, **details: Any) -> Container:
        container = Container(len(self.containers) + 1, name, self, **details)
        self.containers[container.id] = container
        return container

    def new(self, name: str, **details: Any) -> Container:
        """Add a container that is created and started now, with its events."""
        now = time.time_ns()
        container = self.add(name, **{"created": now, "started": now, **details})
        self.emit("create", container)
        self.emit("start", container)
        return container

    def remove(self, container: Container) -> None:
        container.running = False
        del self.containers[container.id]
        container._wake()
        self.emit("destroy", container)

    def emit(self, action: str, container: Container, time_nano: int = 0) -> None:
        event = {
            "Type": "container",
            "Action": action,
            "Actor": {"ID": container.id, "Attributes": {"name": container.name}},
            "timeNano": time_nano or time.time_ns(),
        }
        self.past.append(event)
        for queue in self._subscribers:
            queue.put_nowait(event)

    @property
    def subscribed(self) -> bool:
        return bool(self._subscribers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
            url = urlsplit(target)
            path = re.sub(r"^/v\d+\.\d+", "", unquote(url.path))
            self.requests.append(f"{method} {path}")
            self.targets.append(url.path)
            await self._answer(path, dict(parse_qsl(url.query)), writer, url.path)
        self._writers.discard(writer)
        with suppress(OSError):
            writer.close()

    async def _answer(
        self, path: str, query: dict[str, str], writer: asyncio.StreamWriter, target: str
    ) -> None:
        if self.oldest and target.startswith("/v") and target < f"/v{self.oldest}":
            message = f"client is too old. Minimum supported API version is {self.oldest}"
            await self._send(writer, {"message": message}, 400)
            return
        for end, (status, message) in self.refusals.items():
            if path.endswith(end):
                await self._send(writer, {"message": message}, status)
                return
        match path.split("/")[1:]:
            case ["_ping"]:
                await self._send(writer, "OK")
            case ["version"]:
                await self._send(writer, {"ApiVersion": self.api_version})
            case ["info"]:
                await self._send(writer, {"Name": "fake-host"})
            case ["events"]:
                await self._events(query, writer)
            case ["containers", "json"]:
                await self._send(writer, [self._listed(one) for one in self.containers.values()])
            case ["containers", container, what]:
                found = self.containers.get(container)
                if found is None:
                    await self._send(writer, {"message": "No such container"}, 404)
                elif what == "json":
                    await self._send(writer, self._details(found))
                else:
                    await self._logs(found, query, writer)

    def _head(self, status: int, extra: str = "") -> bytes:
        version = f"Api-Version: {self.api_version}\r\n" if self.api_version else ""
        date = formatdate(self.date(), usegmt=True)
        head = f"HTTP/1.1 {status} X\r\nConnection: close\r\n{version}Date: {date}\r\n{extra}\r\n"
        return head.encode()

    async def _send(self, writer: asyncio.StreamWriter, body: Any, status: int = 200) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        writer.write(self._head(status, f"Content-Length: {len(data)}\r\n") + data)
        await writer.drain()

    def _listed(self, one: Container) -> dict[str, Any]:
        state = "running" if one.running else "exited"
        names = [f"/other/{one.name}-link", f"/{one.name}"]
        return {"Id": one.id, "Names": names, "State": state, "Created": one.created // SECOND}

    def _details(self, one: Container) -> dict[str, Any]:
        config = {"Tty": one.tty, "Image": one.image, "Labels": one.labels, "Env": one.env}
        state = {
            "Running": one.running,
            "StartedAt": rfc3339(one.started),
            "FinishedAt": rfc3339(one.finished) if one.finished else "0001-01-01T00:00:00Z",
        }
        driver = {"Type": one.driver, "Config": one.options}
        return {
            "Id": one.id,
            "Name": f"/{one.name}",
            "Created": rfc3339(one.created),
            "State": state,
            "Config": config,
            "HostConfig": {"LogConfig": driver},
        }

    async def _events(self, query: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(self._head(200))
        since = int(query.get("since", "0").replace(".", ""))
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for event in self.past:
            if since and event["timeNano"] >= since:
                queue.put_nowait(event)
        self._subscribers.add(queue)
        try:
            while not writer.is_closing():
                writer.write(json.dumps(await queue.get()).encode() + b"\n")
                await writer.drain()
        finally:
            self._subscribers.discard(queue)

    async def _logs(
        self, one: Container, query: dict[str, str], writer: asyncio.StreamWriter
    ) -> None:
        self.queries.append(query)
        if one.failures:
            status, message = one.failures.pop(0)
            await self._send(writer, {"message": message}, status)
            return
        writer.write(self._head(200, "Transfer-Encoding: chunked\r\n" if self.chunked else ""))
        await writer.drain()
        self.scans += 1
        self.most_scans = max(self.most_scans, self.scans)
        if self.scan_gate:
            await self.scan_gate.wait()
        self.scans -= 1
        await self._copy(one, query, writer)
        if self.chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _copy(
        self, one: Container, query: dict[str, str], writer: asyncio.StreamWriter
    ) -> None:
        wanted = {1: query.get("stdout") == "1" or one.tty, 2: query.get("stderr") == "1", 3: True}
        since = int(query.get("since", "0").replace(".", ""))
        tail = query.get("tail", "all")
        at = one.hides
        if tail != "all":
            at = max(at, len(one.log) - int(tail))
        while True:
            grown = one.grown
            for entry in one.log[at:]:
                if entry[1] >= since and wanted[entry[0]]:
                    data = one.encode(entry)
                    writer.write(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)
            at = len(one.log)
            await writer.drain()
            if query.get("follow") != "1" or not one.running or writer.is_closing():
                return
            if one.ends_at_once:
                return
            await grown.wait()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[FakeEngine]:
    """A fake engine that listens."""
    fake = FakeEngine(str(tmp_path / "fake.sock"))
    await fake.start()
    yield fake
    await fake.stop()


class Reader:
    """Runs the source; ``out`` has what came."""

    def __init__(self, host: str) -> None:
        self.host = host

    @asynccontextmanager
    async def __call__(
        self,
        positions: Mapping[str, object] | None = None,
        *,
        outlet: RecordingOutlet | None = None,
        engine: FakeEngine | None = None,
        pace: Pace | None = None,
        **settings: Any,
    ) -> AsyncIterator[RecordingOutlet]:
        source = Docker(Docker.Config(**{"host": self.host, **settings}))
        source.pace = pace or source.pace
        source.context = Context(table="sources.docker")
        out = outlet or RecordingOutlet(positions, settle=True)
        await source.open()
        task = asyncio.create_task(source.run(out))
        await self._settled(engine)
        try:
            yield out
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await source.close()

    async def _settled(self, engine: FakeEngine | None) -> None:
        """Wait until all running containers are followed: what they print then is new."""
        opened = len(engine.queries) if engine else 0
        for _ in range(100):
            await asyncio.sleep(0.005)
            running = sum(one.running for one in engine.containers.values()) if engine else 0
            if engine is None or (engine.subscribed and len(engine.queries) - opened >= running):
                break


@pytest.fixture
def reading(engine: FakeEngine) -> Callable[..., Any]:
    """``async with reading(positions, **settings) as out`` runs the source on the fake engine."""
    reader = Reader(engine.host)

    def start(positions: Mapping[str, object] | None = None, **options: Any) -> Any:
        return reader(positions, engine=engine, **options)

    return start


@pytest.fixture
def make_frame() -> Callable[[int, int | bytes, bytes], bytes]:
    """``make_frame(kind, stamp, text)`` returns one multiplexed frame."""
    return frame


@pytest.fixture
def bodies() -> Callable[[list[Log]], list[str]]:
    """Return the texts of events."""
    return lambda events: [event.body for event in events]

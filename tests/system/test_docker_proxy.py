"""Behind a proxy that allows what the shipped list says, and refuses all else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from penstock_source_docker.paths import ALLOWED
from tests.system.parts.docker_source import all_of, docker, logs, reading, run
from tests.system.parts.engine import Engine

PROXY = Path(__file__).parents[2] / "deploy/docker-socket-proxy"
ID = "3f" * 32


def allowed_paths() -> re.Pattern[str]:
    """The regular expressions of the shipped nginx.conf."""
    found = re.findall(
        r"location ~ (\S+) \{\s+limit_except GET", (PROXY / "nginx.conf").read_text()
    )
    assert found
    return re.compile("|".join(found))


def test_the_shipped_list_is_the_one_that_is_used() -> None:
    allowed = allowed_paths()
    table = re.findall(r"^\| `(/\S+)` \|", (PROXY / "README.md").read_text(), re.MULTILINE)
    assert sorted(table) == sorted(ALLOWED)
    for path in ALLOWED:
        assert allowed.search(path.format(id=ID)), path
        assert allowed.search("/v1.41" + path.format(id=ID)), path


@pytest.mark.parametrize(
    "path",
    [
        f"/containers/{ID}/archive",
        f"/containers/{ID}/export",
        f"/containers/{ID}/attach/ws",
        "/containers/../images/json",
        "/images/json",
        "/secrets",
        "/_pingx",
        f"/v1.41/containers/{ID}/json/../export",
    ],
)
def test_nothing_else_is_allowed(path: str) -> None:
    assert not allowed_paths().search(path)


class Proxy:
    """Allows what nginx.conf allows, and notes what it refuses."""

    def __init__(self, engine: Engine) -> None:
        self.refused: list[str] = []
        self.passed = 0
        self._engine = engine
        self._allowed = allowed_paths()
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
            if method != "GET" or not self._allowed.search(target.partition("?")[0]):
                self.refused.append(f"{method} {target}")
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            self.passed += 1
            await self._pass(head, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pass(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_unix_connection(str(self._engine.socket))
        try:
            # Asked over HTTP/1.1, as many proxies do, the engine answers in chunks.
            here.write(head.replace(b"HTTP/1.0", b"HTTP/1.1"))
            while data := await there.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            here.close()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def proxied(engine: Engine) -> AsyncIterator[tuple[str, Proxy]]:
    path = f"{engine.folder}/proxy.sock"
    proxy = Proxy(engine)
    server = await asyncio.start_unix_server(proxy.join, path)
    try:
        yield f"unix://{path}", proxy
    finally:
        server.close()
        proxy.close()
        Path(path).unlink()
        await asyncio.sleep(0.05)


async def test_everything_works_behind_it(docker_engine: Engine) -> None:
    async with proxied(docker_engine) as (host, proxy), reading(host) as out:
        short = await run(docker_engine, "short", "seq 1000", rm=True)
        container = await run(docker_engine, "web", "echo one; echo err >&2")
        assert sorted(await all_of(docker_engine, out, container, 2)) == ["err", "one"]
        await docker(docker_engine, "restart", container)
        await out.until(lambda: len(logs(out, container)) == 4)
        await docker(docker_engine, "rename", "web", "other")
        await docker(docker_engine, "rm", "--force", container)
        await out.until(lambda: {short, container} <= set(out.retired))
    assert out.lines(lane=short) == [str(number) for number in range(1, 1001)]
    assert out.gaps == []
    assert proxy.passed > 10
    assert proxy.refused == []

"""A Redis server of the tests' own: on loopback, in a folder of its own, ended by its id."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """A server that keeps what it answered for, even when it is killed.

    ``options`` are directives of ``redis.conf``, with ``_`` for ``-``.
    """

    def __init__(self, folder: Path, **options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(folder),
            "save": "",
            "appendonly": "yes",
            **options,
        }
        self._folder = folder
        self._log = folder / "redis.log"
        self._process: asyncio.subprocess.Process | None = None
        self._hangs = False

    async def start(self) -> None:
        """Start it, or start it again with what it had, and wait until it answers."""
        words = [w for key, value in self._settings.items() for w in (_option(key), value)]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                PROGRAM or "redis-server", *words, stdout=log, stderr=log
            )
        async with asyncio.timeout(20):
            while not await self._answers():
                assert self._process.returncode is None, self._log.read_text()
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Kill it, as a crash would: connections break, and nobody listens."""
        process, self._process, self._hangs = self._process, None, False
        if process is not None:
            process.kill()
            await process.wait()

    def hang(self) -> None:
        """Stop it in its tracks: connections stay, and nobody reads them."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        self._hangs = True

    async def mend(self) -> None:
        """Have it work again, whatever was done to it; a server that hung has died meanwhile."""
        if self._hangs:
            await self.stop()
        if self._process is None:
            await self.start()

    def client(self) -> Redis:
        """Return a client of the test's own, for a look behind the sink's back."""
        password = self._settings.get("requirepass")
        return Redis(host="127.0.0.1", port=self.port, password=password, protocol=2)

    async def entries(self, *keys: str) -> list[dict[bytes, bytes]]:
        """Return the entries of these streams, or of all, in the order in which they came."""
        async with self.client() as client:
            wanted = keys or [key async for key in client.scan_iter(_type="STREAM", count=1000)]
            found = [entry for key in wanted for entry in await client.xrange(key)]
        found.sort(key=lambda entry: tuple(map(int, entry[0].split(b"-"))))
        return [fields for _, fields in found]

    def journal(self) -> list[dict[bytes, bytes]]:
        """Return what was appended to all streams, in order, from the file that it is kept in.

        It can be asked while the server is down, and it knows the order across streams.
        """
        found = []
        for words in self._commands():
            if words[0].upper() == b"XADD":
                at = words.index(b"id")
                found.append(dict(zip(words[at::2], words[at + 1 :: 2], strict=True)))
        return found

    def _commands(self) -> Iterator[list[bytes]]:
        """Take the append-only file apart: an array's length, then each word behind its own."""
        for path in sorted(self._folder.glob("appendonlydir/*.incr.aof")):
            with path.open("rb") as file:
                while head := file.readline():
                    words = []
                    for _ in range(int(head[1:])):
                        words.append(file.read(int(file.readline()[1:])))
                        file.read(2)
                    yield words

    async def _answers(self) -> bool:
        try:
            async with self.client() as client:
                return bool(await client.ping())
        except RedisError:
            return False


def free_port() -> int:
    """Return a port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _option(key: str) -> str:
    return "--" + key.replace("_", "-")

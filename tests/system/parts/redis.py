"""A Redis server that keeps what it answered for, on loopback and in a folder of its own."""

from __future__ import annotations

from pathlib import Path

from redis import Redis as Client
from redis.exceptions import RedisError

from tests.system.parts.message import free_port
from tests.system.parts.processes import Process
from tests.system.parts.require import find
from tests.system.parts.waiting import eventually


class Redis:
    """``url`` is its address as Penstock writes it. It starts again with what it had."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}"
        kept = folder / "redis"
        kept.mkdir()
        settings = {"port": str(self._port), "bind": "127.0.0.1", "dir": str(kept), "save": ""}
        argv = [find("redis-server") or "redis-server"]
        for key, value in {**settings, "appendonly": "yes"}.items():
            argv += [f"--{key}", value]
        self.process = Process("redis", argv, folder)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process.start()
        eventually(self._answers, f"{self.url} answers")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()

    def close(self) -> None:
        self.process.end()

    def streams(self) -> list[str]:
        """Keys of all streams."""
        with self._client() as client:
            return sorted(key.decode() for key in client.scan_iter(_type="STREAM"))

    def length(self) -> int:
        """How many entries all streams have together."""
        with self._client() as client:
            return sum(client.xlen(key) for key in client.scan_iter(_type="STREAM"))

    def entries(self, stream: str) -> list[dict[str, str]]:
        """Fields of a stream's entries, in order."""
        with self._client() as client:
            return [
                {key.decode(): value.decode() for key, value in fields.items()}
                for _, fields in client.xrange(stream)
            ]

    def _answers(self) -> bool:
        assert self.process.running, f"it ended\n{self.process.tail()}"
        try:
            with self._client() as client:
                return bool(client.ping())
        except RedisError:
            return False

    def _client(self) -> Client:
        return Client(port=self._port, protocol=2, socket_timeout=20)

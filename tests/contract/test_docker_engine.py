"""The docker source keeps the contract with a real engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from penstock.testing import SourceContract, configured
from penstock_source_docker.source import Docker
from tests.system.conftest import _docker_engine, docker_engine
from tests.system.parts.engine import Engine

__all__ = ["_docker_engine", "docker_engine"]


@pytest.mark.system
class TestDockerEngine(SourceContract):
    """One container prints what comes out of a named pipe; an outage is the daemon's."""

    patience_s = 15.0
    most_awaits = 10

    @pytest.fixture(autouse=True)
    def _container(self, docker_engine: Engine, tmp_path: Path) -> Iterator[None]:
        self.engine = docker_engine
        os.mkfifo(tmp_path / "lines")
        docker_engine.live_restore(True)
        docker_engine.run("printer", "exec cat /in/lines", options=("--volume", f"{tmp_path}:/in"))
        self.pipe = os.open(tmp_path / "lines", os.O_RDWR)
        yield
        os.close(self.pipe)

    def make_source(self) -> Docker:
        settings = {"host": self.engine.host, "start_at": "beginning", "max_line_bytes": 2_097_152}
        return configured(Docker, settings)

    async def produce(self, lines: Sequence[str]) -> None:
        await self.produce_bytes([line.encode() for line in lines])

    async def produce_bytes(self, lines: Sequence[bytes]) -> None:
        await asyncio.to_thread(self._print, b"".join(line + b"\n" for line in lines))

    async def break_origin(self) -> None:
        await asyncio.to_thread(self.engine.stop)

    async def mend_origin(self) -> None:
        await asyncio.to_thread(self.engine.start)

    def _print(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.pipe, data) :]

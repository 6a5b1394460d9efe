"""The conformance kit's contract: into a pipe that can stall, and into a file."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from penstock.testing import SinkContract, configured
from penstock_sink_console.console import Console

FILLER = b"\xff"
"""What fills a pipe: no byte of UTF-8."""


class Directed(Console):
    """A console whose standard output is any descriptor."""

    target: int

    def descriptor(self) -> int:
        return self.target


class Piped(SinkContract):
    """Broken means here that nobody reads: the pipe is full, and no error says so."""

    patience_s = 20.0

    @pytest.fixture(autouse=True)
    async def _pipe(self) -> AsyncIterator[None]:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)
        self.data = b""
        loop = asyncio.get_running_loop()
        loop.add_reader(self.reader, self._read)
        yield
        loop.remove_reader(self.reader)
        os.close(self.reader)
        os.close(self.writer)

    async def break_destination(self) -> None:
        asyncio.get_running_loop().remove_reader(self.reader)
        filler = os.open(f"/proc/self/fd/{self.writer}", os.O_WRONLY | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            while os.write(filler, FILLER * 4096):
                pass
        os.close(filler)

    hang_destination = break_destination

    async def mend_destination(self) -> None:
        asyncio.get_running_loop().add_reader(self.reader, self._read)

    @property
    def lines(self) -> list[bytes]:
        """The lines that have ended: what is behind the last one has not come yet."""
        return self.data.replace(FILLER, b"").split(b"\n")[:-1]

    def _read(self) -> None:
        self.data += os.read(self.reader, 65_536)


class TestJson(Piped):
    def make_sink(self) -> Console:
        return directed("json", self.writer)

    async def collected(self) -> Sequence[str]:
        records = map(json.loads, self.lines)
        return [record["message"] for record in records if record["kind"] == "log"]


class TestText(Piped):
    def make_sink(self) -> Console:
        return directed("text", self.writer)

    async def collected(self) -> Sequence[str]:
        return [line.decode() for line in self.lines]


class TestFile(SinkContract):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> Iterator[None]:
        self.path = tmp_path / "out"
        self.target = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        yield
        os.close(self.target)

    def make_sink(self) -> Console:
        return directed("text", self.target)

    async def collected(self) -> Sequence[str]:
        return self.path.read_bytes().decode().split("\n")[:-1]


def directed(form: str, target: int) -> Console:
    """Make a console that writes to a descriptor."""
    sink = configured(Directed, {"format": form})
    sink.target = target
    return sink

"""An engine that goes away and comes back: what Docker still has arrives, nothing twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock.testing import RecordingOutlet
from tests.system.parts.docker_source import docker, logs, reading, run
from tests.system.parts.engine import Engine

# A shell that is the first process of its container heeds only the signals that it traps.
COUNTER = (
    "trap exit TERM; i=0; "
    "while :; do i=$((i+1)); echo line $i; [ $((i % 50)) = 0 ] && sleep 0.01; done"
)


async def settle(engine: Engine, out: RecordingOutlet, container: str) -> list[str]:
    """Stop a container; return its lines once as many have come as Docker has."""
    await docker(engine, "stop", container)
    expected, _ = await asyncio.to_thread(engine.logs, container)
    await out.until(lambda: len(logs(out, container)) >= len(expected), timeout=20)
    await asyncio.sleep(0.3)
    assert expected
    return expected


async def test_the_daemon_restarts_in_mid_stream(docker_engine: Engine) -> None:
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "stopped", COUNTER)
        await out.until_lines(500)
        await asyncio.to_thread(docker_engine.restart)
        before = len(out.lines())
        await docker(docker_engine, "start", container)
        await out.until_lines(before + 500, timeout=20)
        expected = await settle(docker_engine, out, container)
    assert out.lines(lane=container) == expected
    assert out.gaps == []


async def test_the_daemon_crashes_and_containers_live_on(docker_engine: Engine) -> None:
    await asyncio.to_thread(docker_engine.live_restore, True)
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "survivor", COUNTER)
        await out.until_lines(500)
        for _ in range(2):
            await asyncio.to_thread(docker_engine.kill)
            await asyncio.sleep(0.5)
            before = len(out.lines())
            await asyncio.to_thread(docker_engine.start)
            await out.until_lines(before + 500, timeout=20)
        expected = await settle(docker_engine, out, container)
    assert out.lines(lane=container) == expected
    assert out.gaps == []


async def test_containers_that_come_while_the_daemon_is_away_for_us(docker_engine: Engine) -> None:
    async with away(docker_engine) as (host, door), reading(host) as out:
        old = await run(docker_engine, "old", COUNTER)
        await out.until_lines(500)
        await door.shut()
        finished = await run(docker_engine, "finished", "seq 1000", detach=False)
        running = await run(docker_engine, "running", "seq 2000 2999; exec sleep 600")
        await docker(docker_engine, "stop", old)
        await door.open()
        expected, _ = docker_engine.logs(old)
        await out.until_lines(len(expected) + 2000, timeout=20)
        await asyncio.sleep(0.5)
    assert out.lines(lane=old) == expected
    assert out.lines(lane=finished) == [str(i) for i in range(1, 1001)]
    assert out.lines(lane=running) == [str(i) for i in range(2000, 3000)]
    assert out.gaps == []


async def test_a_container_removed_while_the_daemon_is_away_for_us_is_a_gap(
    docker_engine: Engine,
) -> None:
    async with away(docker_engine) as (host, door), reading(host) as out:
        container = await run(docker_engine, "doomed", "echo one; exec sleep 600")
        await out.until_lines(1)
        await door.shut()
        await docker(docker_engine, "rm", "--force", container)
        await door.open()
        await out.until(lambda: container in out.retired, timeout=20)
    (loss,) = out.gaps
    assert loss.lane == container
    assert "removed" in loss.gap.reason
    assert loss.gap.from_unix_nano == logs(out, container)[-1].time_unix_nano


async def test_connections_that_are_cut_again_and_again(docker_engine: Engine) -> None:
    async with away(docker_engine) as (host, door), reading(host) as out:
        container = await run(
            docker_engine,
            "cut",
            "trap exit TERM; i=0; "
            "while :; do i=$((i+1)); echo line $i; echo line $i >&2; usleep 1000; done",
        )
        for _ in range(5):
            before = len(out.lines())
            await out.until_lines(before + 200, timeout=20)
            await door.cut()
        await docker(docker_engine, "stop", container)
        # It may have ended between the two lines of a number.
        printed, complained = docker_engine.logs(container)
        await out.until_lines(len(printed) + len(complained), timeout=20)
        await asyncio.sleep(0.3)
    assert len(printed) >= 500
    assert out.lines("stdout", lane=container) == printed
    assert out.lines("stderr", lane=container) == complained
    assert out.gaps == []


class Door:
    """A socket between Penstock and an engine, which can be cut and taken away."""

    def __init__(self, path: str, engine: Engine) -> None:
        self._path = path
        self._engine = engine
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._join, self._path)

    async def shut(self) -> None:
        assert self._server is not None
        self._server.close()
        os.unlink(self._path)
        await self.cut()

    async def cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_unix_connection(str(self._engine.socket))
        self._writers |= {writer, here}
        try:
            await asyncio.gather(self._copy(reader, here), self._copy(there, writer))
        finally:
            for one in (writer, here):
                self._writers.discard(one)
                one.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.transport.abort()


@asynccontextmanager
async def away(engine: Engine) -> AsyncIterator[tuple[str, Door]]:
    path = f"{engine.folder}/door.sock"
    door = Door(path, engine)
    await door.open()
    try:
        yield f"unix://{path}", door
    finally:
        await door.shut()
        await asyncio.sleep(0.05)

"""Syslog over TCP through faults: every line arrives, in order once repeats are left out.

The receiver is a process of its own that keeps what it has read, and nothing that it has not: what
is in its kernel's buffer when it dies is gone, as with any syslog server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from penstock.api import Batch
from penstock.testing import batch, configured
from penstock.testing.events import log, resource
from penstock.testing.pipeline import SinkLine
from penstock.testing.watch import Watch
from penstock_sink_syslog.sink import SyslogSink
from tests.system.parts.message import free_port
from tests.system.parts.processes import Process
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.syslog_ng import SyslogNg
from tests.system.parts.syslog_server import SyslogServer
from tests.system.parts.waiting import eventually

# What was read is written before it is taken off the socket: killed in between, the receiver has
# it and the sender learns of the end, so that a line is repeated and never lost.
RECEIVER = """
import os, pathlib, socket, struct, sys, threading, time
folder = pathlib.Path(sys.argv[1])
port, resets, reset_after, pause, buffer = map(float, sys.argv[2:])
number = len(list(folder.iterdir()))

def serve(connection, number):
    kept = os.open(folder / f"{number:03}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    total = 0
    while data := connection.recv(1 << 20, socket.MSG_PEEK):
        os.write(kept, data)
        connection.recv(len(data))
        total += len(data)
        if number < resets and total > reset_after:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            break
        time.sleep(pause)
    connection.close()

with socket.create_server(("127.0.0.1", int(port)), reuse_port=True) as server:
    if buffer:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(buffer))
    print("listening", flush=True)
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve, args=(connection, number), daemon=True).start()
        number += 1
"""

WEB = resource("docker:web", {"service.name": "web", "host.name": "node-7"})
HEADER = len("166 <14>1 2023-11-14T22:13:20.000000Z node-7 web - - - ")


class Receiver:
    """A process that receives octet-counted messages, one file a connection."""

    def __init__(
        self,
        folder: Path,
        *,
        resets: int = 0,
        reset_after: int = 0,
        pause: float = 0.0,
        buffer: int = 0,
    ) -> None:
        self.kept = folder / "kept"
        self.kept.mkdir()
        self.port = free_port()
        options = [str(value) for value in (self.port, resets, reset_after, pause, buffer)]
        argv = [sys.executable, "-c", RECEIVER, self.kept, *options]
        self.process = Process("receiver", argv, folder)
        self.starts = 0

    def start(self) -> None:
        self.process.start()
        self.starts += 1
        heard = self.process.stdout
        eventually(lambda: heard.read_text().count("listening") >= self.starts, "it listens")

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.kept.iterdir())

    def texts(self) -> list[str]:
        """The texts of all whole messages, connection by connection."""
        return [text for path in sorted(self.kept.iterdir()) for text in octets(path.read_bytes())]


def octets(data: bytes) -> Iterator[str]:
    at = 0
    while (space := data.find(b" ", at)) > 0:
        end = space + 1 + int(data[at:space])
        if end > len(data):
            return
        yield data[space + 1 : end].decode().split(" ", 7)[7]
        at = end


def numbered(count: int) -> list[Batch]:
    """Lines of 120 bytes with their numbers, in batches."""
    texts = [f"SEQ={number:07} ".ljust(119, "x") for number in range(count)]
    return [batch([log(text) for text in texts[at : at + 500]], WEB) for at in range(0, count, 500)]


def lines_of(batches: list[Batch]) -> list[str]:
    return [event.body for one in batches for event in one.events]  # type: ignore[union-attr]


@asynccontextmanager
async def sending(
    address: str, batches: list[Batch], **settings: object
) -> AsyncIterator[SinkLine]:
    """Send batches as fast as they are taken, through core's own buffer, retries and order."""
    sink = configured(SyslogSink, {"address": address, **settings})
    async with SinkLine(sink, Watch(), events_per_write=1000) as line:

        async def send() -> None:
            await line.send(*batches)

        task = asyncio.create_task(send())
        try:
            yield line
            async with asyncio.timeout(45):
                await task
            assert await line.drain(45.0), "not everything was delivered"
            assert not line.sink.undeclared
        finally:
            task.cancel()


async def until(condition: Callable[[], object], what: str, timeout: float = 30.0) -> None:
    await asyncio.to_thread(eventually, condition, what, timeout)


def account(sent: list[str], received: list[str]) -> int:
    """Check that everything arrived, in order; return how many lines came again."""
    distinct = list(dict.fromkeys(received))
    missing = set(sent) - set(distinct)
    assert not missing, f"{len(missing)} of {len(sent)} lost, such as {sorted(missing)[0][:20]}"
    assert distinct == sent
    return len(received) - len(sent)


@pytest.fixture
def receive(tmp_path: Path) -> Iterator[Callable[..., Receiver]]:
    """``receive(**options)`` starts a ``Receiver``."""
    made: list[Receiver] = []

    def start(**options: float) -> Receiver:
        one = Receiver(tmp_path, **options)  # type: ignore[arg-type]
        made.append(one)
        one.start()
        return one

    yield start
    for one in made:
        one.process.end()


# A receive buffer of a fixed size takes in twice the window that it announces.
@pytest.mark.parametrize(("hang_s", "buffer"), [(3.0, 0), (3.0, 1_000_000)])
async def test_a_receiver_that_hangs_and_dies_loses_nothing(
    receive: Callable[..., Receiver], hang_s: float, buffer: int
) -> None:
    batches = numbered(200_000)
    server = receive(buffer=buffer)
    async with sending(f"tcp://127.0.0.1:{server.port}", batches):
        await until(lambda: server.size() > 12_000_000, "a third has arrived")
        server.process.pause()
        await asyncio.sleep(hang_s)
        server.process.kill()
        await asyncio.sleep(0.5)
        server.start()
    repeated = account(lines_of(batches), server.texts())
    assert repeated * (HEADER + 119) < 16_777_216, "more was repeated than the window holds"


async def test_a_receiver_that_accepts_and_never_reads_has_delivered_nothing(
    receive: Callable[..., Receiver],
) -> None:
    batches = numbered(30_000)
    server = receive()
    server.process.pause()
    async with sending(f"tcp://127.0.0.1:{server.port}", batches) as line:
        await asyncio.sleep(2.0)
        assert line.sink.taken == []
        server.process.kill()
        server.start()
    assert account(lines_of(batches), server.texts()) == 0


async def test_a_pause_loses_and_repeats_nothing(receive: Callable[..., Receiver]) -> None:
    batches = numbered(100_000)
    server = receive()
    async with sending(f"tcp://127.0.0.1:{server.port}", batches):
        await until(lambda: server.size() > 4_000_000, "some have arrived")
        server.process.pause()
        await asyncio.sleep(2.0)
        server.process.resume()
    assert server.texts() == lines_of(batches)


async def test_resets_in_mid_stream(receive: Callable[..., Receiver]) -> None:
    batches = numbered(200_000)
    server = receive(resets=3, reset_after=9_000_000)
    async with sending(f"tcp://127.0.0.1:{server.port}", batches):
        pass
    assert len(list(server.kept.iterdir())) >= 4
    account(lines_of(batches), server.texts())


async def test_a_slow_reader_gets_everything_once(receive: Callable[..., Receiver]) -> None:
    batches = numbered(50_000)
    server = receive(pause=0.01)
    async with sending(f"tcp://127.0.0.1:{server.port}", batches):
        pass
    assert server.texts() == lines_of(batches)


@pytest.mark.parametrize("part", ["rsyslog", "syslog_ng"])
async def test_a_server_that_is_stopped_and_started_again(
    request: pytest.FixtureRequest, part: str
) -> None:
    batches = numbered(60_000)
    server: Rsyslog | SyslogNg = request.getfixturevalue(part)()
    async with sending(server.tcp, batches):
        await until(lambda: server.received.count() > 5_000, "some have arrived")
        await asyncio.to_thread(SyslogServer.stop, server)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(SyslogServer.start, server)
    await until(lambda: lines_of(batches)[-1] in server.lines(), "the last has arrived")
    account(lines_of(batches), server.lines())

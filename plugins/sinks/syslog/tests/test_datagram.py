"""UDP and unix sockets: one message a datagram, and what the kernel says of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.api import RetryableError
from penstock.testing import batch, configured
from penstock_sink_syslog.framing import MARK
from penstock_sink_syslog.network import Network
from penstock_sink_syslog.sink import SyslogSink


class Datagrams:
    """A bound datagram socket."""

    def __init__(self, family: int, place: Any) -> None:
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        self.sock.bind(place)
        self.sock.setblocking(False)

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    async def texts(self, count: int) -> list[str]:
        """Read so many messages."""
        got = []
        async with asyncio.timeout(5):
            for _ in range(count):
                data = await asyncio.get_running_loop().sock_recv(self.sock, 70_000)
                got.append(data.decode())
        with pytest.raises(BlockingIOError):
            self.sock.recv(1)
        return [text.split(" ", 7)[7] if ">1 " in text else text for text in got]


@pytest.fixture
def udp() -> Iterator[Datagrams]:
    one = Datagrams(socket.AF_INET, ("127.0.0.1", 0))
    yield one
    one.sock.close()


async def opened(address: str, network: Network | None = None, **settings: object) -> SyslogSink:
    config = configured(SyslogSink, {"address": address, **settings}).config
    sink = SyslogSink(config, network=network)
    await sink.open()
    return sink


async def test_one_message_a_datagram(udp: Datagrams) -> None:
    sink = await opened(f"udp://127.0.0.1:{udp.port}")
    await sink.write([batch(["one", "", "two\nlines", "é\0"]), batch(["<34>1 three"])])
    assert await udp.texts(5) == ["one", "", "two#012lines", "é#000", "<34>1 three"]
    await sink.close()


async def test_a_receiver_that_is_gone_is_noticed_where_the_kernel_says_so(udp: Datagrams) -> None:
    port = udp.port
    udp.sock.close()
    sink = await opened(f"udp://127.0.0.1:{port}")
    with pytest.raises(RetryableError, match="refused"):
        await sink.write([batch(["lost"])])
    back = Datagrams(socket.AF_INET, ("127.0.0.1", port))
    await sink.write([batch(["found"])])
    assert await back.texts(1) == ["found"]
    back.sock.close()
    await sink.close()


async def test_a_refusal_that_comes_late_is_said_and_fails_the_next_write(
    udp: Datagrams, caplog: pytest.LogCaptureFixture
) -> None:
    sink = await opened(f"udp://127.0.0.1:{udp.port}")
    await sink.write([batch(["taken"])])
    udp.sock.close()
    # What comes back for this comes when no write is open, as from a host that is far away.
    sink._sender._sock.send(b"lost")  # type: ignore[union-attr]
    with pytest.raises(RetryableError, match="refused"):
        await sink.write([batch(["kept"])])
    assert [record.getMessage() for record in caplog.records] == [
        "datagrams were refused after they had counted as delivered"
    ]
    with pytest.raises(RetryableError, match="refused"):
        await sink.write([batch(["kept"])])
    assert len(caplog.records) == 1, "this one was held"
    await sink.close()


async def test_what_is_too_long_for_a_datagram_is_cut_harder(udp: Datagrams) -> None:
    sink = await opened(f"udp://127.0.0.1:{udp.port}", max_message_bytes=200_000)
    await sink.write([batch(["a" * 100_000, "short", "b" * 70_000])])
    first, short, second = await udp.texts(3)
    assert first.startswith("a" * 40_000)
    assert first.endswith(MARK)
    assert short == "short"
    assert second.startswith("b" * 30_000)
    assert second.endswith(MARK)
    await sink.close()


async def test_the_host_is_looked_up_again(udp: Datagrams) -> None:
    other = Datagrams(socket.AF_INET, ("127.0.0.2", 0))
    found = [(socket.AF_INET, ("127.0.0.1", udp.port))]

    async def resolve(host: str, port: int) -> list[tuple[int, Any]]:
        if not found:
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return list(found)

    sink = await opened("udp://logs.example.com:514", Network(resolve=resolve, lookup_every_s=0.0))
    await sink.write([batch(["old"])])
    found.clear()
    await sink.write([batch(["name server away"])])
    assert await udp.texts(2) == ["old", "name server away"]
    found.append((socket.AF_INET, ("127.0.0.2", other.port)))
    await sink.write([batch(["new"])])
    assert await other.texts(1) == ["new"]
    other.sock.close()
    await sink.close()


async def test_it_is_looked_up_again_after_an_error(udp: Datagrams) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        dead = probe.getsockname()[1]
    ports = [dead, udp.port]

    async def resolve(host: str, port: int) -> list[tuple[int, Any]]:
        return [(socket.AF_INET, ("127.0.0.1", ports[0]))]

    sink = await opened("udp://logs.example.com:514", Network(resolve=resolve))
    with pytest.raises(RetryableError):
        await sink.write([batch(["x"])])
    ports.pop(0)
    await sink.write([batch(["x"])])
    assert await udp.texts(1) == ["x"]
    await sink.close()


async def test_check_sends_nothing(udp: Datagrams) -> None:
    sink = await opened(f"udp://127.0.0.1:{udp.port}")
    await sink.check()
    assert await udp.texts(0) == []


async def test_a_unix_socket_that_is_full_is_waited_for(tmp_path: Path) -> None:
    log = Datagrams(socket.AF_UNIX, str(tmp_path / "log"))
    sink = await opened(f"unix://{tmp_path}/log")
    lines = [f"line {number:05}" for number in range(3000)]
    write = asyncio.create_task(sink.write([batch(lines)]))
    await asyncio.sleep(0.05)
    assert not write.done(), "more fitted than a socket should hold"
    got = await log.texts(3000)
    assert [text[-10:] for text in got] == lines
    await write
    await sink.close()
    log.sock.close()


async def test_a_unix_receiver_that_starts_anew_is_found(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Datagrams(socket.AF_UNIX, str(path))
    sink = await opened(f"unix://{path}")
    await read_by(log, sink, "before")
    log.sock.close()
    with pytest.raises(RetryableError, match="refused"):
        await sink.write([batch(["while away"])])
    path.unlink()
    with pytest.raises(RetryableError, match="No such file"):
        await sink.write([batch(["while away"])])
    log = Datagrams(socket.AF_UNIX, str(path))
    await read_by(log, sink, "after")
    log.sock.close()
    await sink.close()


async def read_by(log: Datagrams, sink: SyslogSink, text: str) -> None:
    """Write one line, have it read, and only then expect the write to return."""
    write = asyncio.create_task(sink.write([batch([text])]))
    await asyncio.sleep(0.05)
    assert not write.done(), "nobody has read it yet"
    assert [message.partition(": ")[2] for message in await log.texts(1)] == [text]
    await write


@pytest.mark.parametrize("successor", [False, True])
async def test_a_unix_receiver_that_dies_takes_nothing_unread_with_it(
    tmp_path: Path, successor: bool
) -> None:
    path = tmp_path / "log"
    log = Datagrams(socket.AF_UNIX, str(path))
    sink = await opened(f"unix://{path}")
    write = asyncio.create_task(sink.write([batch(["read", "unread"])]))
    assert (await asyncio.get_running_loop().sock_recv(log.sock, 1000)).endswith(b": read")
    if successor:
        path.rename(tmp_path / "old")
        other = Datagrams(socket.AF_UNIX, str(path))
    log.sock.close()
    with pytest.raises(RetryableError):
        await write
    if successor:
        other.sock.close()
    await sink.close()


class Lines:
    """A listening unix socket of the stream kind, read by hand."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(path))
        self.sock.listen()

    async def accept(self) -> socket.socket:
        self.sock.setblocking(False)
        taken, _ = await asyncio.get_running_loop().sock_accept(self.sock)
        taken.setblocking(False)
        return taken


async def test_a_unix_stream_is_written_to_line_by_line_until_it_is_read(tmp_path: Path) -> None:
    door = Lines(tmp_path / "log")
    sink = await opened(f"unix://{tmp_path}/log")
    write = asyncio.create_task(sink.write([batch(["one", "two\nlines", "three"])]))
    reader = await door.accept()
    await asyncio.sleep(0.1)
    assert not write.done(), "nobody has read it yet"
    data = await asyncio.get_running_loop().sock_recv(reader, 65_536)
    await write
    texts = [line.partition(": ")[2] for line in data.decode().split("\n")]
    assert texts == ["one", "two#012lines", "three", ""]
    reader.close()
    door.sock.close()
    await sink.close()


async def test_a_unix_stream_whose_reader_dies_fails_the_write(tmp_path: Path) -> None:
    door = Lines(tmp_path / "log")
    sink = await opened(f"unix://{tmp_path}/log")
    write = asyncio.create_task(sink.write([batch(["unread"])]))
    reader = await door.accept()
    reader.close()
    with pytest.raises(RetryableError):
        await write
    door.sock.close()
    (tmp_path / "log").unlink()
    log = Datagrams(socket.AF_UNIX, str(tmp_path / "log"))
    await read_by(log, sink, "now a datagram")
    log.sock.close()
    await sink.close()

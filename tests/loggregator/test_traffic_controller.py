"""The Traffic Controller's double, byte by byte and second by second, as the real one was seen."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import pytest

from tests.loggregator import TrafficController, Uaa, captured, envelopes
from tests.loggregator import websocket as ws
from tests.loggregator.waiting import until

PACE = 0.02
"""Fifty times as fast: a ping 0.3 s after a pong, the end 0.6 s after a ping, slow after 0.1 s."""
CONNECTED: list[Raw] = []


class Raw:
    """A WebSocket client that sees every byte and does nothing by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, house: TrafficController, path: str, **headers: str) -> Raw:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        wanted = {
            "Host": "doppler",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{key}: {value}" for key, value in wanted.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        CONNECTED.append(cls(reader, writer))
        return CONNECTED[-1]

    async def head(self) -> list[str]:
        return (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")

    async def answer(self) -> tuple[int, list[str], str]:
        head = await self.head()
        (length,) = (line for line in head if line.startswith("Content-Length"))
        body = await self.reader.readexactly(int(length.partition(": ")[2]))
        return int(head[0].split(" ")[1]), head, body.decode()

    async def take(self, count: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(count), 10)

    async def frame(self) -> tuple[int, bytes]:
        first, size = await self.take(2)
        if size == 126:
            (size,) = struct.unpack(">H", await self.take(2))
        return first, await self.take(size)

    def send(self, opcode: int, payload: bytes = b"", *, mask: bool = True) -> None:
        bit = 0x80 if mask else 0
        self.writer.write(bytes((0x80 | opcode, bit | len(payload))) + bytes(4 * mask) + payload)


@pytest.fixture(autouse=True)
async def raws() -> AsyncIterator[list[Raw]]:
    """What the tests connected, so that it stays so until their end."""
    yield CONNECTED
    for raw in CONNECTED:
        raw.writer.transport.abort()
        with suppress(OSError):
            await raw.writer.wait_closed()
    CONNECTED.clear()


@pytest.fixture
async def house() -> AsyncIterator[TrafficController]:
    async with TrafficController(pace=PACE) as house:
        yield house


async def connected(house: TrafficController, path: str = "/firehose/a") -> Raw:
    raw = await Raw.connect(house, path)
    assert (await raw.head())[0] == "HTTP/1.1 101 Switching Protocols"
    return raw


async def test_the_first_bytes_are_a_ping_and_an_envelope_is_one_binary_frame(
    house: TrafficController,
) -> None:
    raw = await connected(house)
    assert await raw.take(2) == b"\x89\x00"
    payload = captured.frames()[0]
    house.emit(payload)
    assert await raw.take(2 + len(payload)) == bytes((0x82, len(payload))) + payload
    await until(lambda: house.connections[0].sent == [payload])


async def test_a_long_envelope_has_a_sixteen_bit_length(house: TrafficController) -> None:
    raw = await connected(house)
    house.emit(payload := envelopes.log("x" * 500))
    await raw.take(2)
    assert await raw.take(4) == b"\x82\x7e" + struct.pack(">H", len(payload))


async def test_a_ping_follows_every_pong(house: TrafficController) -> None:
    raw = await connected(house)
    for _ in range(3):
        assert await raw.take(2) == b"\x89\x00"
        raw.send(ws.PONG)
    assert await raw.take(2) == b"\x89\x00"
    assert (house.connections[0].pings, house.connections[0].pongs) == (4, 3)


async def test_who_does_not_answer_a_ping_is_closed_with_1008(house: TrafficController) -> None:
    raw = await connected(house)
    await raw.take(2)
    first, payload = await raw.frame()
    assert first == 0x88
    assert ws.Close.of(payload) == ws.Close(
        1008, "Client did not respond to ping before keep-alive timeout expired."
    )
    assert await raw.reader.read() == b""
    assert house.connections[0].ended == "keep-alive"


async def test_who_does_not_read_is_cut_off_and_gets_what_the_kernel_had() -> None:
    async with TrafficController(pace=PACE, kernel=4096) as house:
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.setblocking(False)
        await asyncio.get_running_loop().sock_connect(stream, ("127.0.0.1", house.port))
        key = base64.b64encode(bytes(16)).decode()
        head = (
            "GET /firehose/a HTTP/1.1\r\nHost: d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
        await asyncio.get_running_loop().sock_sendall(stream, head.encode())
        await until(lambda: bool(house.connections))
        (client,) = house.connections
        payload = envelopes.log("x" * 1000)
        house.emit(*[payload] * 1000)
        await until(lambda: client.ended == "slow")
        stream.settimeout(10)
        taken = await asyncio.to_thread(_all_of, stream)
        whole = taken.count(b"x" * 1000)
        assert 0 < whole < 1000
        assert whole == len(client.sent)


def _all_of(stream: socket.socket) -> bytes:
    with stream:
        return b"".join(iter(lambda: stream.recv(65536), b""))


async def test_who_is_slow_and_then_reads_sees_a_normal_close(house: TrafficController) -> None:
    raw = await connected(house)
    (client,) = house.connections
    house.emit(*[envelopes.log("x" * 10_000)] * 2000)
    await until(lambda: client.ended == "slow")
    await until(lambda: not client.open)
    closes: list[bytes] = []
    while not closes:
        first, payload = await raw.frame()
        closes = [payload] if first == 0x88 else []
    assert ws.Close.of(closes[0]) == ws.Close(1000)


async def test_the_connections_of_one_id_share_and_other_ids_and_filters_do_not(
    house: TrafficController,
) -> None:
    paths = ["/firehose/a"] * 3 + ["/firehose/b", "/firehose/a?filter-type=logs"]
    paths += ["/firehose/a?filter-type=metrics", "/firehose/c?filter-type=nonsense"]
    for path in paths:
        await connected(house, path)
    logs = [envelopes.log(str(number)) for number in range(200)]
    rest = [envelopes.counter("c", 1, number) for number in range(1000)]
    house.emit(*logs, *rest)
    await house.flushed()
    shares = [len(one.sent) for one in house.connections]
    assert shares[3:] == [1200, 200, 1000, 1200]
    assert sum(shares[:3]) == 1200
    assert all(300 < share < 500 for share in shares[:3]), "a third each"
    together = Counter(payload for one in house.connections[:3] for payload in one.sent)
    assert together == Counter([*logs, *rest]), "each exactly once"


async def test_an_application_stream_has_logs_container_metrics_and_requests_only(
    house: TrafficController,
) -> None:
    app, tags = envelopes.APP, {"source_id": envelopes.APP}
    for _ in range(2):
        await connected(house, f"/apps/{app}/stream")
    mine = [envelopes.log("l"), envelopes.container(), envelopes.http("/")]
    house.emit(*mine, envelopes.value("v", 1.0, "s", tags=tags), envelopes.log("x", app="other"))
    house.emit(envelopes.counter("c", 1, 1, tags=tags), b"\xff not an envelope")
    await house.flushed()
    assert [one.sent for one in house.connections] == [mine, mine], "all of it to everybody"
    assert house.unheard == 4


async def test_who_is_let_in() -> None:
    uaa = Uaa()
    async with TrafficController(uaa=uaa, app_access={envelopes.APP: 403}) as house:
        good, poor = uaa.grant(), uaa.grant(scopes=["logs.admin"])
        old = uaa.grant(lifetime_s=-1)
        wanted = {
            "": (401, "Authorization not provided"),
            "bearer nonsense": (401, "Invalid authorization"),
            f"Bearer {good}": (401, "Invalid authorization"),
            f"bearer {poor}": (401, "Invalid authorization"),
            f"bearer {old}": (401, "Invalid authorization"),
        }
        for token, (status, why) in wanted.items():
            given = {"Authorization": token} if token else {}
            got, head, body = await (await Raw.connect(house, "/firehose/a", **given)).answer()
            assert (got, body) == (status, f"You are not authorized. Error: {why}\n")
            assert "WWW-Authenticate: Basic" in head
        raw = await Raw.connect(house, "/firehose/a", Authorization=f"bearer {good}")
        assert (await raw.head())[0].startswith("HTTP/1.1 101")
        raw = await Raw.connect(
            house, f"/apps/{envelopes.APP}/stream", Authorization=f"bearer {good}"
        )
        assert (await raw.answer())[0] == 404
        raw = await Raw.connect(house, "/apps/nonsense/stream", Authorization=f"bearer {good}")
        assert (await raw.answer())[::2] == (401, "")


async def test_what_is_no_websocket_and_what_is_nowhere(house: TrafficController) -> None:
    async with aiohttp.ClientSession() as session:
        url = house.url.replace("ws:", "http:")
        async with session.get(f"{url}/firehose/a") as answer:
            assert answer.status == 400
            assert answer.headers["Sec-Websocket-Version"] == "13"
            assert await answer.text() == "Bad Request\n"
        for path in ("/", "/firehose/", f"/apps/{envelopes.APP}/recentlogs"):
            async with session.get(url + path) as answer:
                assert (answer.status, await answer.text()) == (404, "404 page not found\n")
        house.refuse(503)
        async with session.get(f"{url}/firehose/a") as answer:
            assert answer.status == 503
    assert [one.status for one in house.requests] == [400, 404, 404, 404, 503]


async def test_a_client_that_breaks_the_protocol_is_told_so(house: TrafficController) -> None:
    raw = await connected(house)
    await raw.take(2)
    raw.send(ws.PONG, mask=False)
    _, payload = await raw.frame()
    assert ws.Close.of(payload).code == 1002
    assert house.violations == ["a client's frame is not masked"]


async def test_a_real_client_reads_everything_and_closes(house: TrafficController) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{house.url}/firehose/a") as socket_:
            await house.replay(captured.frames())
            messages = [await socket_.receive_bytes() for _ in captured.frames()]
            assert messages == captured.frames()
        await until(lambda: not house.live)
    (client,) = house.connections
    assert (client.ended, client.closed) == ("client", ws.Close(1000))


async def test_misbehaviour_as_a_real_client_sees_it(house: TrafficController) -> None:
    seen = []
    async with aiohttp.ClientSession() as session:
        for misbehave in (
            house.drop,
            lambda: house.drop(reset=True),
            lambda: house.close(1008, "why"),
            lambda: house.half_frame(envelopes.log("half")),
            lambda: house.send_text("text"),
        ):
            async with session.ws_connect(f"{house.url}/firehose/a") as socket_:
                await until(lambda: bool(house.live))
                misbehave()
                message = await socket_.receive(10)
                seen.append((message.type, socket_.close_code))
            await until(lambda: not house.live)
    closed, text = aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.TEXT
    assert [kind for kind, _ in seen] == [closed, closed, aiohttp.WSMsgType.CLOSE, closed, text]
    assert [code for _, code in seen[:4]] == [1006, 1006, 1008, 1006]


async def test_a_full_ring_is_lost_as_a_whole() -> None:
    async with TrafficController(ring=100) as house:
        await connected(house)
        house.emit(*[envelopes.log("x")] * 250)
        await house.flushed()
        (client,) = house.connections
        assert (client.dropped, len(client.sent)) == (200, 50)

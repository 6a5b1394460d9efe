"""What comes of a write, by what a real server on loopback answers to its bodies."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from penstock.api import (
    Batch,
    ConfigError,
    Context,
    Log,
    RejectedError,
    Report,
    RetryableError,
)
from penstock.http import (
    Client,
    Destination,
    Encoded,
    Envelope,
    HttpSettings,
    Limits,
    Parcel,
    PostingSink,
    Section,
    Statuses,
    Target,
    Url,
)
from penstock.testing import batch
from penstock.testing.http_server import RESET, HttpServer, Reply, Request, http_server

CANARY = "s3cret-canary-0123456789"


class LineSink(PostingSink):
    """Posts lines of text, four to a body."""

    name = "lines"

    def __init__(self, url: str, limits: Limits, statuses: Statuses, **settings: Any) -> None:
        super().__init__(HttpSettings(**settings))
        self._url = Url(url)
        self._limits = limits
        self._statuses = statuses

    def destination(self) -> Destination:
        return Destination(
            url=self._url,
            headers={"Authorization": f"Bearer {CANARY}"},
            secrets=(CANARY,),
            compression=self.config.compression,
            timeout_s=self.config.timeout_s,
            proxy=self.config.proxy,
            statuses=self._statuses,
        )

    def encode(self, batches: Sequence[Batch]) -> Encoded:
        target = Target(
            url=self._url.reveal(),
            content_type="text/plain",
            envelope=Envelope(between=b"\n"),
            limits=self._limits,
        )
        sections = [
            Section(list(one.events), [event.body.encode() for event in one.events])  # type: ignore[union-attr]
            for one in batches
        ]
        return Encoded([Parcel(target, sections)])


FOUR = Limits(max_events=4)
LINES = batch([f"line {number}" for number in range(10)])


async def write(
    url: str,
    batches: Sequence[Batch] = (LINES,),
    *,
    limits: Limits = FOUR,
    statuses: Statuses | None = None,
    times: int = 1,
    **settings: Any,
) -> Report | None:
    sink = LineSink(url, limits, statuses or Statuses(), **settings)
    await sink.open()
    try:
        for _ in range(times):
            report = await sink.write(batches)
    finally:
        await sink.close()
    return report


def always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda _: reply


def when(text: bytes, reply: Reply) -> Callable[[Request], Reply]:
    """Answer bodies with this text so, and take all others."""
    return lambda request: reply if text in request.body else Reply()


def bodies_of(server: HttpServer) -> list[list[str]]:
    return [request.body.decode().split("\n") for request in server.requests]


def texts(events: Sequence[Any]) -> list[str]:
    return [event.body for event in events if isinstance(event, Log)]


async def test_a_success_is_none_and_all_goes_over_one_connection() -> None:
    async with http_server() as server:
        assert await write(server.url, times=3) is None
        assert [len(body) for body in bodies_of(server)] == [4, 4, 2] * 3
        assert server.connections == 1
        assert server.requests[0].headers["authorization"] == f"Bearer {CANARY}"


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("size", [10, 50_000])
async def test_compression(compression: str, size: int) -> None:
    long = batch(["long " * size])
    async with http_server() as server:
        await write(server.url, [long], compression=compression)
        (request,) = server.requests
        assert request.body == b"long " * size
        assert request.headers.get("content-encoding", "none") == compression
        assert (len(request.sent) < len(request.body)) == (compression != "none")


@pytest.mark.parametrize("status", [404, 405, 408, 425, 429, 500, 501, 502, 503, 504, 507, 599])
async def test_what_says_nothing_of_the_events_is_tried_again(status: int) -> None:
    async with http_server(always(Reply(status=status, headers={"Retry-After": "7"}))) as server:
        with pytest.raises(RetryableError, match=str(status)) as caught:
            await write(server.url)
        assert caught.value.retry_after == 7
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403, 407, 415])
async def test_what_the_operator_has_to_change(status: int) -> None:
    said = f"the key {CANARY} is unknown".encode()
    async with http_server(always(Reply(status=status, body=said))) as server:
        with pytest.raises(ConfigError, match=str(status)) as caught:
            await write(server.url)
        assert CANARY not in str(caught.value)
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 422, 431])
async def test_a_refusal_leaves_core_to_find_the_event(status: int) -> None:
    async with http_server(always(Reply(status=status, body=b"field x"))) as server:
        with pytest.raises(RejectedError, match="field x"):
            await write(server.url)
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 403, 429, 503])
async def test_after_a_failure_halfway_the_rest_comes_again(status: int) -> None:
    reply = Reply(status=status, headers={"Retry-After": "3"})
    async with http_server(when(b"line 4", reply)) as server:
        report = await write(server.url)
        assert report is not None
        assert texts(report.retry) == [f"line {number}" for number in range(4, 10)]
        assert not report.rejected
        assert report.retry_after == (None if status in (400, 403) else 3)
        assert len(server.requests) == 2


async def test_a_body_that_is_too_large_is_cut_until_it_fits_and_the_limit_is_learned() -> None:
    refused: list[int] = []

    def limited(request: Request) -> Reply:
        if len(request.body) <= 20:
            return Reply()
        refused.append(len(server.requests))
        return Reply(status=413)

    async with http_server(limited) as server:
        assert await write(server.url, limits=Limits(), times=3) is None
        taken = [body for body in bodies_of(server) if len("\n".join(body)) <= 20]
        assert [line for body in taken for line in body] == texts(LINES.events) * 3
        assert refused == list(range(len(refused))), "it is told only at the beginning"
        assert 0 < len(refused) < 5


async def test_an_event_that_is_too_large_by_itself_is_refused_by_name() -> None:
    large = batch(["small", "large " * 100, "little"])
    async with http_server(
        lambda request: Reply(status=413 if len(request.body) > 50 else 200)
    ) as server:
        report = await write(server.url, [large], limits=Limits())
        assert report is not None
        assert texts(list(report.rejected)) == ["large " * 100]
        assert "413" in str(report.rejected)
        assert not report.retry
        taken = [body for body in bodies_of(server) if body != ["large " * 100]]
        assert [body for body in taken if len(body) == 1] == [["small"], ["little"]]


async def test_an_event_over_the_documented_limit_never_leaves() -> None:
    large = batch(["small", "large " * 100, "little"])
    async with http_server() as server:
        report = await write(server.url, [large], limits=Limits(max_event_bytes=100))
        assert report is not None
        assert texts(list(report.rejected)) == ["large " * 100]
        assert bodies_of(server) == [["small", "little"]]


async def test_a_status_that_must_not_be_tried_again_refuses_the_body() -> None:
    statuses = Statuses(fatal=frozenset({500}))
    async with http_server(when(b"line 4", Reply(status=500))) as server:
        report = await write(server.url, statuses=statuses)
        assert report is not None
        assert texts(list(report.rejected)) == [f"line {number}" for number in range(4, 8)]
        assert not report.retry
        assert len(server.requests) == 3


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async with http_server(always(Reply(body=b"x" * 30_000_000))) as server:
        client = Client(Destination(url=Url(server.url), headers={}))
        client.open(Context())
        answer = await client.post(server.url, b"", {})
        await client.close()
        assert (answer.status, answer.complete) == (200, False)
        assert len(answer.body) == 1_048_576
        assert await write(server.url, [batch(["one"])]) is None


async def test_a_compressed_answer_is_not_expanded() -> None:
    bomb = zlib.compress(b"x" * 50_000_000)
    reply = Reply(body=bomb, headers={"Content-Encoding": "deflate"})
    async with http_server(always(reply)) as server:
        client = Client(Destination(url=Url(server.url), headers={}))
        client.open(Context())
        answer = await client.post(server.url, b"", {})
        await client.close()
        assert answer.body == bomb
        assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_a_success_whose_body_is_cut_off_is_one() -> None:
    async with http_server(always(Reply(body=b"x" * 1000, cut=10))) as server:
        assert await write(server.url, [batch(["one"])]) is None


@pytest.mark.parametrize("reply", [RESET, Reply(delay_s=5)])
async def test_no_answer_is_an_outage(reply: Reply) -> None:
    async with http_server(always(reply)) as server:
        with pytest.raises(RetryableError, match=server.url) as caught:
            await write(server.url, timeout_s=0.2)
        assert CANARY not in str(caught.value)


async def test_nobody_there_is_an_outage() -> None:
    server = HttpServer()
    await server.start()
    await server.stop()
    with pytest.raises(RetryableError, match="cannot connect"):
        await write(server.url)


@asynccontextmanager
async def speaking(*said: bytes) -> AsyncIterator[str]:
    """Run a server that says one thing after the other to whoever asks, and then is silent."""
    tasks: list[asyncio.Task[Any]] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())  # type: ignore[arg-type]
        with suppress(OSError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            for part in said:
                writer.write(part)
                await asyncio.sleep(0.05)
            await reader.read(1 << 20)
        writer.transport.abort()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    "said",
    [
        [b"220 mail.example.com ESMTP\r\n"],
        [b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000],
        [b"HTTP/1.1 2000 OK\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
        [bytes([byte]) for byte in b"HTTP/1.1 200 OK"],
    ],
)
async def test_an_answer_that_is_none_is_an_outage(said: list[bytes]) -> None:
    async with speaking(*said) as url:
        with pytest.raises(RetryableError, match=url):
            await write(url, timeout_s=0.4)


async def test_a_success_whose_body_never_ends_is_one() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
    async with speaking(head, b"x", b"x") as url:
        assert await write(url, [batch(["one"])], timeout_s=0.4) is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_server_gets_nothing(status: int) -> None:
    async with http_server() as other:
        reply = Reply(status=status, headers={"Location": f"{other.url}/in?key={CANARY}"})
        async with http_server(always(reply)) as server:
            kind = ConfigError if status in (301, 308) else RetryableError
            with pytest.raises(kind, match=f"redirects to {other.url}") as caught:
                await write(server.url)
        assert other.requests == []
        assert CANARY not in str(caught.value)


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_within_the_server_is_followed_with_the_body(status: int) -> None:
    def handle(request: Request) -> Reply:
        if request.path == "/in":
            return Reply()
        return Reply(status=status, headers={"Location": "/in"})

    async with http_server(handle) as server:
        assert await write(f"{server.url}/old", [batch(["one"])]) is None
        assert [(one.path, one.body) for one in server.requests] == [
            ("/old", b"one"),
            ("/in", b"one"),
        ]


async def test_a_redirect_that_leads_nowhere_ends() -> None:
    reply = Reply(status=307, headers={"Location": "/again"})
    async with http_server(always(reply)) as server:
        with pytest.raises(RetryableError, match="redirects"):
            await write(server.url)
        assert len(server.requests) == 2


async def test_when_time_is_up_the_rest_comes_again() -> None:
    async with http_server(always(Reply(delay_s=0.3))) as server:
        report = await write(server.url, timeout_s=0.5)
        assert report is not None
        assert texts(report.retry) == ["line 8", "line 9"]


async def test_check_sends_no_events_and_says_what_is_wrong() -> None:
    def answer(request: Request) -> Reply:
        return Reply(status=405 if request.headers["authorization"].endswith(CANARY) else 401)

    async with http_server(answer) as server:
        sink = LineSink(server.url, FOUR, Statuses())
        await sink.check()
        server.handler = always(Reply(status=401))
        with pytest.raises(ConfigError, match="credentials"):
            await sink.check()
        server.handler = always(Reply(status=503))
        with pytest.raises(RetryableError, match="503"):
            await sink.check()
        assert all(request.body == b"" for request in server.requests)

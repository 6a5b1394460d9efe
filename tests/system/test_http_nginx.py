"""The http sink through a real nginx: limits, throttling, TLS, redirects, and trouble upstream."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.api import Batch, ConfigError, Context, RetryableError, TlsSettings
from penstock.testing import batch, configured
from penstock.testing.http_server import RESET, HttpServer, Reply
from penstock.testing.pipeline import SinkLine
from penstock.testing.watch import Watch
from penstock_sink_http.sink import HttpSink
from tests.system.parts.nginx import MAX_BODY_BYTES, Nginx
from tests.system.parts.require import require
from tests.system.parts.tls import Certificates


@pytest.fixture
async def upstream() -> AsyncIterator[HttpServer]:
    server = HttpServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def nginx(upstream: HttpServer, certificates: Certificates, tmp_path: Path) -> Iterator[Nginx]:
    require("nginx")
    server = Nginx(tmp_path, upstream.port, certificates)
    try:
        server.start()
        yield server
    finally:
        server.close()


def sink_for(url: str, tls: TlsSettings | None = None, **settings: Any) -> HttpSink:
    sink = configured(HttpSink, {"url": url, "format": "text", **settings})
    sink.context = Context(table="sinks.http", tls=tls or TlsSettings())
    return sink


async def deliver(sink: HttpSink, batches: Sequence[Batch], *, at_once: int = 100) -> SinkLine:
    """Send through core's runner until everything is settled."""
    async with SinkLine(sink, Watch(), events_per_write=at_once) as line:
        await line.send(*batches)
        assert await line.drain(30.0), line.sink.retryable
    assert not line.sink.undeclared
    return line


def lines_of(server: HttpServer) -> list[str]:
    """The lines that a server got in requests it answered."""
    return [line for request in server.requests for line in request.body.decode().splitlines()]


async def failure(sink: HttpSink, kind: type[Exception]) -> str:
    await sink.open()
    try:
        with pytest.raises(kind) as caught:
            await sink.write([batch(["one", "two"])])
    finally:
        await sink.close()
    return str(caught.value)


LINES = [f"line {number:05} {'x' * (number % 80)}" for number in range(3000)]


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
async def test_everything_arrives_in_order(
    nginx: Nginx, upstream: HttpServer, certificates: Certificates, compression: str
) -> None:
    sink = sink_for(
        f"{nginx.https}/in", TlsSettings(ca_file=str(certificates.ca)), compression=compression
    )
    await deliver(sink, [batch(LINES[at : at + 250]) for at in range(0, 3000, 250)])
    assert lines_of(upstream) == LINES


async def test_bodies_that_nginx_finds_too_large_are_cut(
    nginx: Nginx, upstream: HttpServer
) -> None:
    lines = [*LINES[:1000], "y" * (MAX_BODY_BYTES + 1), *LINES[1000:2000]]
    line = await deliver(sink_for(f"{nginx.http}/small"), [batch(lines)], at_once=5000)
    assert lines_of(upstream) == LINES[:2000]
    assert [len(event.body) for event in line.sink.rejected] == [MAX_BODY_BYTES + 1]  # type: ignore[union-attr]
    assert all(len(request.body) <= MAX_BODY_BYTES for request in upstream.requests)


async def test_throttling_slows_down_and_loses_nothing(nginx: Nginx, upstream: HttpServer) -> None:
    line = await deliver(sink_for(f"{nginx.http}/throttled"), [batch(LINES[:40])], at_once=5)
    assert lines_of(upstream) == LINES[:40]
    assert line.sink.retryable
    assert {error.retry_after for error in line.sink.retryable} == {1.0}


async def test_upstream_in_trouble(nginx: Nginx, upstream: HttpServer) -> None:
    sink = sink_for(f"{nginx.http}/in")
    await upstream.stop()
    assert "502" in await failure(sink, RetryableError)
    await upstream.start()
    upstream.handler = lambda _: RESET
    assert "502" in await failure(sink, RetryableError)
    upstream.handler = lambda _: Reply(delay_s=20)
    assert "no answer" in await failure(sink_for(f"{nginx.http}/in", timeout_s=1), RetryableError)
    assert "closed the connection" in await failure(sink_for(f"{nginx.http}/limbo"), RetryableError)
    upstream.handler = lambda _: Reply(body=b"x" * 100_000, cut=50_000)
    await deliver(sink, [batch(["one"])])


async def test_an_upstream_that_fails_now_and_then(nginx: Nginx, upstream: HttpServer) -> None:
    answers = iter(range(1_000_000))
    upstream.handler = lambda _: RESET if next(answers) % 3 == 0 else Reply()
    taken: list[str] = []
    inner = upstream.handler

    def note(request: Any) -> Reply:
        reply = inner(request)
        if reply.status:
            taken.extend(request.body.decode().splitlines())
        return reply

    upstream.handler = note
    await deliver(sink_for(f"{nginx.http}/in"), [batch(LINES[:200])], at_once=10)
    assert taken == LINES[:200]


async def test_certificates(nginx: Nginx, upstream: HttpServer, certificates: Certificates) -> None:
    ca = str(certificates.ca)
    own = {"cert_file": str(certificates.client), "key_file": str(certificates.client_key)}
    assert "not trusted" in await failure(sink_for(f"{nginx.https}/in"), RetryableError)
    # Without a certificate nginx answers 400: that must not condemn a single event.
    said = await failure(sink_for(f"{nginx.mutual}/in", TlsSettings(ca_file=ca)), ConfigError)
    assert "certificate" in said
    with pytest.raises(ConfigError, match="certificate"):
        await sink_for(f"{nginx.mutual}/in", TlsSettings(ca_file=ca)).check()
    assert upstream.requests == []
    await deliver(sink_for(f"{nginx.mutual}/in", TlsSettings(ca_file=ca, **own)), [batch(["one"])])
    assert lines_of(upstream) == ["one"]


async def test_plain_text_to_a_tls_port_condemns_no_event(nginx: Nginx) -> None:
    url = nginx.https.replace("https://", "http://")
    assert "https://" in await failure(sink_for(f"{url}/in"), ConfigError)


async def test_a_redirect_is_told_and_not_followed(nginx: Nginx, upstream: HttpServer) -> None:
    sink = sink_for(f"{nginx.http}/moved", auth={"bearer": "t0ken-canary"})
    said = await failure(sink, ConfigError)
    assert f"redirects to {nginx.https}" in said
    with pytest.raises(ConfigError, match="redirects"):
        await sink.check()
    assert upstream.requests == []


async def test_a_token(nginx: Nginx, upstream: HttpServer) -> None:
    url = f"{nginx.http}/secret"
    said = await failure(sink_for(url, auth={"bearer": "wr0ng-canary"}), ConfigError)
    assert "401" in said
    assert "wr0ng-canary" not in said
    with pytest.raises(ConfigError, match="401"):
        await sink_for(url, auth={"bearer": "wr0ng-canary"}).check()
    good = sink_for(url, auth={"bearer": "t0ken"})
    await good.check()
    await deliver(good, [batch(["one"])])
    assert [request.method for request in upstream.requests] == ["HEAD", "POST"]


async def test_a_name_that_does_not_resolve(nginx: Nginx) -> None:
    said = await failure(sink_for("http://nowhere.invalid/in", timeout_s=5), RetryableError)
    assert "nowhere.invalid" in said
    assert socket.gethostname() not in said

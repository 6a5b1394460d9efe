"""TLS and proxies on the way to a server: who proves what to whom, and who learns what."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme

from penstock.api import ConfigError, Context, RetryableError, TlsSettings
from penstock.http import Client, Destination, ProxySetting, Url
from penstock.testing.http_server import http_server

CANARY = "s3cret-canary-0123456789"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    issued = authority.issue_cert("client.example.com")
    paths = {name: tmp_path / f"{name}.pem" for name in ("ca_file", "cert_file", "key_file")}
    authority.cert_pem.write_to_path(str(paths["ca_file"]))
    paths["cert_file"].write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(paths["key_file"]))
    return {name: str(path) for name, path in paths.items()}


def server_context(
    authority: trustme.CA, name: str = "localhost", *, client: bool = False
) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    if client:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def post(url: str, proxy: str = "", **tls: object) -> int:
    destination = Destination(
        url=Url(url), headers={"X-Key": CANARY}, timeout_s=5, proxy=ProxySetting(proxy)
    )
    client = Client(destination)
    client.open(Context(tls=TlsSettings(**tls)))  # type: ignore[arg-type]
    try:
        return (await client.post(url, b"hello", {"Content-Type": "text/plain"})).status
    finally:
        await client.close()


async def test_a_server_is_trusted_by_its_authority_and_name(
    authority: trustme.CA, files: dict[str, str]
) -> None:
    async with http_server(tls=server_context(authority, "logs.example.com")) as server:
        with pytest.raises(RetryableError, match="not trusted"):
            await post(server.url)
        with pytest.raises(RetryableError, match=r"not trusted.*Hostname mismatch"):
            await post(server.url, ca_file=files["ca_file"])
        assert server.requests == []
        named = {"ca_file": files["ca_file"], "server_name": "logs.example.com"}
        assert await post(server.url, **named) == 200
        assert await post(server.url, verify=False) == 200


async def test_a_client_certificate_is_shown(authority: trustme.CA, files: dict[str, str]) -> None:
    async with http_server(tls=server_context(authority, client=True)) as server:
        with pytest.raises(RetryableError):
            await post(server.url, ca_file=files["ca_file"])
        assert await post(server.url, **files) == 200
        assert len(server.requests) == 1


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
async def test_a_file_that_cannot_be_read(files: dict[str, str], key: str) -> None:
    with pytest.raises(
        ConfigError, match=f"tls.{key}: '/nowhere/x.pem' cannot be read: No such file"
    ):
        await post("https://localhost:1", **{**files, key: "/nowhere/x.pem"})


async def test_a_key_of_another_certificate(files: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("x.example.com").private_key_pem.write_to_path(str(other))
    with pytest.raises(ConfigError, match="belongs to it"):
        await post("https://localhost:1", **{**files, "key_file": str(other)})


async def test_tls_settings_without_tls(files: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="http://"):
        await post("http://localhost:1", ca_file=files["ca_file"])


class ForwardProxy:
    """Takes CONNECT and plain requests, and asks for a password; remembers what it was told."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.refuses = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            if self.refuses:
                writer.write(b"HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n")
            elif head.startswith("CONNECT "):
                await self.tunnel(head.split()[1], reader, writer)
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        writer.close()

    async def tunnel(
        self, where: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        host, _, port = where.rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def forward_proxy() -> AsyncIterator[tuple[ForwardProxy, str]]:
    proxy = ForwardProxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_a_tunnels_password_stays_with_the_proxy_and_the_rest_with_the_server(
    authority: trustme.CA, files: dict[str, str]
) -> None:
    async with (
        forward_proxy() as (proxy, address),
        http_server(tls=server_context(authority)) as server,
    ):
        url = f"http://user:{CANARY}-proxy@{address}"
        assert await post(server.url, url, ca_file=files["ca_file"]) == 200
        (head,) = proxy.heads
        assert "Proxy-Authorization: Basic" in head
        assert "X-Key" not in head
        assert "proxy-authorization" not in server.requests[0].headers
        assert server.requests[0].headers["x-key"] == CANARY


async def test_a_proxy_that_refuses_is_the_operators(files: dict[str, str]) -> None:
    async with forward_proxy() as (proxy, address):
        proxy.refuses = True
        for url in ("https://logs.example.com", "http://logs.example.com"):
            client = Client(
                Destination(
                    url=Url(url),
                    headers={},
                    proxy=ProxySetting(f"http://user:{CANARY}@{address}"),
                )
            )
            client.open(Context())
            answer = await client.post(url, b"", {})
            with pytest.raises(ConfigError, match=r"407.*proxy asks") as caught:
                client.fail(answer)
            assert CANARY not in str(caught.value)
            await client.close()


async def test_a_plain_request_through_a_proxy() -> None:
    async with forward_proxy() as (proxy, address):
        assert await post("http://logs.example.com/in", f"http://{address}") == 200
        (head,) = proxy.heads
        assert head.startswith("POST http://logs.example.com/in HTTP/1.1")
        assert "Proxy-Authorization" not in head

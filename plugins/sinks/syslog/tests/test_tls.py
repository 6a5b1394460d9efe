"""TLS: who has to prove what, and how a connection ends."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
import trustme

from penstock.api import ConfigError, Context, RetryableError, TlsSettings
from penstock.testing import batch, configured
from penstock_sink_syslog.sink import SyslogSink


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(
    authority: trustme.CA, name: str = "localhost", *, expired: bool = False, client: bool = False
) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    past = datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)
    when = {"not_before": past - datetime.timedelta(days=1), "not_after": past} if expired else {}
    authority.issue_cert(name, **when).configure_cert(context)
    if client:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def files(authority: trustme.CA, folder: Path) -> dict[str, str]:
    ca, cert, key = (folder / name for name in ("ca.pem", "client.pem", "client.key"))
    issued = authority.issue_cert("client.example.com")
    authority.cert_pem.write_to_path(str(ca))
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    return {"ca_file": str(ca), "cert_file": str(cert), "key_file": str(key)}


def sink_for(port: int, *, host: str = "localhost", **tls: object) -> SyslogSink:
    sink = configured(SyslogSink, {"address": f"tls://{host}:{port}"})
    sink.context = Context(table="sinks.tls", tls=TlsSettings(**tls))  # type: ignore[arg-type]
    return sink


async def deliver(sink: SyslogSink, lines: list[str]) -> None:
    await sink.open()
    try:
        async with asyncio.timeout(5):
            write = asyncio.create_task(sink.write([batch(lines)]))
            await asyncio.sleep(0)
            await sink.drain()
            await write
    finally:
        await sink.close()


async def refusal(sink: SyslogSink) -> str:
    with pytest.raises(RetryableError) as caught:
        await deliver(sink, ["must not arrive"])
    return str(caught.value)


async def test_messages_arrive(receiver, authority: trustme.CA, tmp_path: Path) -> None:
    server = await receiver(tls=server_context(authority))
    ca = files(authority, tmp_path)["ca_file"]
    lines = [f"line {number} é" for number in range(5000)]
    await deliver(sink_for(server.port, ca_file=ca), lines)
    assert server.texts() == lines


async def test_a_receiver_that_says_nothing_after_the_handshake(
    receiver, authority: trustme.CA, tmp_path: Path
) -> None:
    """As rsyslog, which sends no tickets where it asks for a client's certificate."""
    context = server_context(authority)
    context.num_tickets = 0
    server = await receiver(tls=context)
    await deliver(sink_for(server.port, ca_file=files(authority, tmp_path)["ca_file"]), ["one"])
    assert server.texts() == ["one"]


async def test_a_client_certificate_is_shown(
    receiver, authority: trustme.CA, tmp_path: Path
) -> None:
    server = await receiver(tls=server_context(authority, client=True))
    paths = files(authority, tmp_path)
    await deliver(sink_for(server.port, **paths), ["of a friend"])
    assert "closed" in await refusal(sink_for(server.port, ca_file=paths["ca_file"]))
    stranger = files(trustme.CA(), tmp_path) | {"ca_file": paths["ca_file"]}
    authority.cert_pem.write_to_path(paths["ca_file"])
    assert "closed" in await refusal(sink_for(server.port, **stranger))
    assert server.texts() == ["of a friend"]


async def test_a_receiver_has_to_prove_its_name(
    receiver, authority: trustme.CA, tmp_path: Path
) -> None:
    server = await receiver(tls=server_context(authority, "logs.example.com"))
    ca = files(authority, tmp_path)["ca_file"]
    assert "Hostname mismatch" in await refusal(sink_for(server.port, ca_file=ca))
    await deliver(sink_for(server.port, ca_file=ca, server_name="logs.example.com"), ["named"])
    await deliver(sink_for(server.port, verify=False), ["unverified"])
    assert server.texts() == ["named", "unverified"]


async def test_an_expired_certificate_and_a_strange_authority(
    receiver, authority: trustme.CA, tmp_path: Path
) -> None:
    expired = await receiver(tls=server_context(authority, expired=True))
    strange = await receiver(tls=server_context(trustme.CA()))
    ca = files(authority, tmp_path)["ca_file"]
    assert "certificate has expired" in await refusal(sink_for(expired.port, ca_file=ca))
    assert "unable to get local issuer" in await refusal(sink_for(strange.port, ca_file=ca))
    assert expired.messages() == strange.messages() == []


async def test_a_receiver_without_tls_is_an_outage(receiver) -> None:
    server = await receiver()
    sink = sink_for(server.port)
    task = asyncio.create_task(refusal(sink))
    await server.until_connections(1)
    server.say(b"220 this is no TLS\r\n")
    assert "TLS" in await task


async def test_check_notices_that_a_client_certificate_is_missing(
    receiver, authority: trustme.CA, tmp_path: Path
) -> None:
    server = await receiver(tls=server_context(authority, client=True))
    paths = files(authority, tmp_path)
    await sink_for(server.port, **paths).check()
    with pytest.raises(RetryableError, match="closed"):
        await sink_for(server.port, ca_file=paths["ca_file"]).check()
    assert server.messages() == []


async def test_a_reset_in_mid_stream_fails_the_write(
    receiver, authority: trustme.CA, tmp_path: Path
) -> None:
    server = await receiver(tls=server_context(authority))
    sink = sink_for(server.port, ca_file=files(authority, tmp_path)["ca_file"])
    await sink.open()
    write = asyncio.create_task(sink.write([batch(["x"])]))
    await server.until(1)
    await server.stop(reset=True)
    with pytest.raises(RetryableError):
        await write
    await sink.close()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ca_file": "/nowhere/ca.pem"}, "tls.ca_file: '/nowhere/ca.pem' cannot be read"),
        ({"cert_file": "/nowhere/c.pem"}, "tls.cert_file: '/nowhere/c.pem' cannot be read"),
        ({"key_file": "/nowhere/k.pem"}, "cert_file is not set"),
        ({"server_name": "a..b"}, "tls.server_name"),
    ],
)
async def test_files_that_cannot_be_read(settings: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await sink_for(6514, **settings).open()
    assert says in str(caught.value)


async def test_files_that_hold_something_else(authority: trustme.CA, tmp_path: Path) -> None:
    paths = files(authority, tmp_path)
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    with pytest.raises(ConfigError, match="ca_file"):
        await sink_for(6514, ca_file=str(nonsense)).open()
    with pytest.raises(ConfigError, match="cert_file"):
        await sink_for(6514, cert_file=paths["cert_file"], key_file=str(nonsense)).open()
    other = tmp_path / "other"
    other.mkdir()
    mixed = {"cert_file": paths["cert_file"], "key_file": files(authority, other)["key_file"]}
    with pytest.raises(ConfigError, match="belongs to it"):
        await sink_for(6514, **mixed).open()


async def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    issued = trustme.CA().issue_cert("client.example.com")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    cert = tmp_path / "cert.pem"
    cert.write_bytes(issued.cert_chain_pems[0].bytes())
    with pytest.raises(ConfigError, match="passphrase"):
        await sink_for(6514, cert_file=str(cert), key_file=str(locked)).open()


async def test_tls_settings_without_tls_are_refused() -> None:
    sink = configured(SyslogSink, {"address": "tcp://localhost:514"})
    sink.context = Context(tls=TlsSettings(verify=False))
    with pytest.raises(ConfigError, match="tls://"):
        await sink.open()

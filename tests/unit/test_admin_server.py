"""The admin server: what it answers, to whom, and how it follows its settings."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.admin_lab import SeenLab

from penstock.admin.host import is_ours
from penstock.api import ConfigError, RetryableError
from penstock.config.plan import AdminSettings
from penstock.telemetry import METRICS

PAGES = ("/metrics", "/livez", "/readyz")


@pytest.fixture
async def served(seen: SeenLab) -> SeenLab:
    """Give a lab with a server on some port."""
    seen.admin = AdminSettings(listen="0")
    await seen.start(seen.plan(main="a > x"))
    return seen


async def test_metrics_are_served_as_text(served: SeenLab) -> None:
    status, text = await served.get("/metrics")
    assert status == 200
    families = {one.name for one in text_string_to_metric_families(text)}
    assert len(families) == len(METRICS)


async def test_ready_while_it_runs(served: SeenLab) -> None:
    assert await served.get("/readyz") == (200, "ready\n")
    assert await served.get("/livez") == (200, "ok\n")


async def test_what_is_wrong_is_named_but_not_why(served: SeenLab) -> None:
    served.destination("x").fail(RetryableError("what it answered"))
    served.origin("a").write(["1"])
    await served.until(lambda: served.runtime and served.runtime.graph.sinks["x"].governor.trouble)
    assert await served.get("/readyz") == (503, "sinks.x: failing\n")
    assert await served.get("/livez") == (200, "ok\n")
    served.destination("x").mend()


async def test_not_ready_but_alive_while_it_drains(served: SeenLab) -> None:
    served.destination("x").hang()
    served.origin("a").write(["1"])
    await served.until(lambda: served.destination("x").writing)
    assert served.runtime
    served.runtime.stop()
    await served.until(lambda: served.runtime and not served.runtime.ready)
    assert await served.get("/readyz") == (503, "starting or stopping\n")
    assert (await served.get("/livez"))[0] == 200
    served.destination("x").mend()
    assert await served.ended() == 0


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_nothing_but_get(served: SeenLab, path: str, method: str) -> None:
    status, _ = await served.get(path, method=method)
    assert status == 405


@pytest.mark.parametrize("path", ["/", "/metrics/", "/status", "/../metrics"])
async def test_nothing_else_is_there(served: SeenLab, path: str) -> None:
    assert (await served.get(path))[0] == 404


@pytest.mark.parametrize("path", [*PAGES, "/nothing"])
async def test_a_foreign_name_is_refused(served: SeenLab, path: str) -> None:
    status, text = await served.get(path, host="evil.example.com")
    assert status == 403
    assert "penstock_" not in text


async def test_two_hosts_are_refused(served: SeenLab) -> None:
    host, _, port = served.server.listening.rpartition(":")
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example.com\r\n\r\n"
    answer = await asyncio.to_thread(raw, host, int(port), request)
    assert answer.split(b" ")[1] in (b"400", b"403")


@pytest.mark.parametrize("request_", [b"\x16\x03\x01\x00", b"GET / HTTP/9\r\n\r\n"])
async def test_what_is_no_request_is_not_logged(
    served: SeenLab, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    host, _, port = served.server.listening.rpartition(":")
    await asyncio.to_thread(raw, host, int(port), request_ + b"\r\n" * 2)
    assert (await served.get("/livez"))[0] == 200
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []


async def test_an_old_client_without_host_is_no_browser(served: SeenLab) -> None:
    host, _, port = served.server.listening.rpartition(":")
    old = await asyncio.to_thread(raw, host, int(port), b"GET /livez HTTP/1.0\r\n\r\n")
    new = await asyncio.to_thread(
        raw, host, int(port), b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    assert old.split(b" ")[1] == b"200"
    assert new.split(b" ")[1] in (b"400", b"403")


def raw(host: str, port: int, request: bytes) -> bytes:
    """Return the first line of what is answered to these bytes."""
    with socket.create_connection((host, port), timeout=10) as channel:
        channel.sendall(request)
        return channel.makefile("rb").readline()


@pytest.mark.parametrize(
    ("host", "listen", "names", "ours"),
    [
        ("127.0.0.1:8686", "127.0.0.1", (), True),
        ("127.0.0.1", "127.0.0.1", (), True),
        ("localhost:9000", "127.0.0.1", (), True),
        ("LocalHost", "127.0.0.1", (), True),
        ("[::1]:8686", "127.0.0.1", (), True),
        ("10.0.0.7:8686", "127.0.0.1", (), False),
        ("penstock:8686", "127.0.0.1", (), False),
        ("evil.example.com", "127.0.0.1", (), False),
        ("localhost.evil.example.com", "127.0.0.1", (), False),
        ("127.0.0.1.evil.example.com", "0.0.0.0", (), False),
        ("", "0.0.0.0", (), False),
        ("[::1", "::1", (), False),
        ("localhost:80:evil", "::1", (), False),
        ("localhost:80@evil", "::1", (), False),
        ("10.0.0.7:8686", "0.0.0.0", (), True),
        ("[fe80::1]:8686", "::", (), True),
        ("penstock:8686", "0.0.0.0", (), True),
        ("evil.example.com", "0.0.0.0", (), False),
        ("logs.example.com:8686", "0.0.0.0", ("logs.example.com",), True),
        ("Logs.Example.com.", "127.0.0.1", ("logs.example.com",), True),
        ("logs.example.com", "logs.example.com", (), True),
    ],
)
def test_whose_name_it_is(host: str, listen: str, names: tuple[str, ...], ours: bool) -> None:
    assert is_ours(host, listen, names) is ours


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("", None),
        ("8686", ("127.0.0.1", 8686)),
        (":8686", ("127.0.0.1", 8686)),
        ("127.0.0.1:8686", ("127.0.0.1", 8686)),
        ("0.0.0.0:8686", ("0.0.0.0", 8686)),
        ("[::1]:8686", ("::1", 8686)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_a_port_alone_is_on_loopback(listen: str, address: tuple[str, int] | None) -> None:
    assert AdminSettings(listen=listen).address == address


@pytest.mark.parametrize("listen", ["localhost", "::1:80", "1:2:3", "127.0.0.1:", "x:99999", ":²"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        AdminSettings(listen=listen)


async def test_a_port_that_is_taken_stops_the_start(seen: SeenLab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        seen.admin = AdminSettings(listen=str(port))
        await seen.start(seen.plan(main="a > x"))
        with pytest.raises(ConfigError, match=f"listen: {port}: .*in use"):
            await seen.ended()


async def test_a_reload_moves_it(served: SeenLab) -> None:
    before = served.server.listening
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    served.admin = AdminSettings(listen=f"0.0.0.0:{port}")
    assert await served.reload(served.plan(main="a > x"))
    assert served.server.listening == f"0.0.0.0:{port}"
    assert (await served.get("/livez", host="penstock"))[0] == 200
    served.admin = AdminSettings(listen=f"127.0.0.1:{port}")
    assert await served.reload(served.plan(main="a > x"))
    assert (await served.get("/livez", host="penstock"))[0] == 403
    served.admin = AdminSettings()
    assert await served.reload(served.plan(main="a > x"))
    assert served.server.listening == ""
    for address in (before, f"127.0.0.1:{port}"):
        with pytest.raises(ConnectionRefusedError):
            raw("127.0.0.1", int(address.rpartition(":")[2]), b"")
    served.admin = AdminSettings(listen="0")
    assert await served.reload(served.plan(main="a > x"))
    assert (await served.get("/livez"))[0] == 200


async def test_a_reload_to_a_port_that_is_taken_changes_nothing(served: SeenLab) -> None:
    served.admin = AdminSettings(listen=served.server.listening)
    assert await served.reload(served.plan(main="a > x"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        served.admin = AdminSettings(listen=str(taken.getsockname()[1]))
        await served.reload(served.plan(main="a > x"))
    assert (await served.get("/livez"))[0] == 200
    served.origin("a").write(["1"])
    await served.destination("x").until_lines(1)


async def test_names_follow_a_reload(served: SeenLab) -> None:
    assert (await served.get("/livez", host="logs.example.com"))[0] == 403
    served.admin = AdminSettings(listen="0", hosts=("logs.example.com",))
    assert await served.reload(served.plan(main="a > x"))
    assert (await served.get("/livez", host="logs.example.com"))[0] == 200


def test_who_does_not_listen_does_without_aiohttp() -> None:
    script = (
        "import sys\n"
        "from penstock.admin.control import ControlSocket\n"
        "from penstock.admin.server import AdminServer\n"
        "print(*sys.modules)"
    )
    argv = [sys.executable, "-c", script]
    loaded = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    assert "penstock.admin.server" in loaded
    assert {"aiohttp", "http", "click", "penstock.http"}.isdisjoint(loaded)

"""Headers that depend on the event: what they say, and what they can never do."""

from __future__ import annotations

from typing import Any

from penstock.testing import batch, configured, hostile_batches, log, resource
from penstock.testing.http_server import HttpServer, http_server
from penstock_sink_http.sink import HttpSink


async def sent(server: HttpServer, batches: list[Any], **settings: Any) -> None:
    sink = configured(HttpSink, {"url": f"{server.url}/in", "format": "text", **settings})
    await sink.open()
    assert await sink.write(batches) is None
    await sink.close()


async def test_a_request_holds_what_has_the_same_headers() -> None:
    web = resource("docker:1", {"container.name": "web"})
    db = resource("docker:2", {"container.name": "db"})
    batches = [batch(["w1"], web), batch(["d1"], db), batch(["w2"], web)]
    async with http_server() as server:
        await sent(server, batches, headers={"X-Name": "{container.name}", "X-Team": "core"})
        got = {one.headers["x-name"]: one.body for one in server.requests}
        assert got == {"web": b"w1\nw2\n", "db": b"d1\n"}
        assert {one.headers["x-team"] for one in server.requests} == {"core"}


async def test_a_header_may_depend_on_the_single_event() -> None:
    events = [log("a", "stdout"), log("b", "stderr"), log("c", "stdout")]
    async with http_server() as server:
        await sent(server, [batch(events)], headers={"X-Stream": "{stream}"})
        got = {one.headers["x-stream"]: one.body for one in server.requests}
        assert got == {"stdout": b"a\nc\n", "stderr": b"b\n"}


async def test_a_header_without_a_value_is_left_out() -> None:
    async with http_server() as server:
        await sent(server, [batch(["a"])], headers={"X-Env": "{tags.env}"})
        assert "x-env" not in server.requests[0].headers


async def test_names_and_values_of_strangers_make_no_header_path_or_host() -> None:
    hostile = list(hostile_batches().values())
    async with http_server() as server:
        names = "{container.name}{stream}"
        await sent(server, hostile, headers={"X-Name": names, "X-Tag": "{tags.env}"})
        assert len(server.requests) > 10
        known = {
            *("host", "user-agent", "accept-encoding", "accept", "content-type"),
            *("content-length", "x-name", "x-tag"),
        }
        for request in server.requests:
            assert request.headers.keys() <= known
            assert request.target == "/in"
            assert request.headers["host"] == f"127.0.0.1:{server.port}"
            assert len(request.headers.get("x-name", "")) <= 1024


async def test_any_method() -> None:
    async with http_server() as server:
        await sent(server, [batch(["a"])], method="PUT")
        assert server.requests[0].method == "PUT"

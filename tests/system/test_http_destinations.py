"""The same events to five destinations: those in trouble hold up nobody else."""

from __future__ import annotations

import signal
from contextlib import AsyncExitStack
from pathlib import Path

from penstock.testing.http_server import HttpServer, Reply, Request, http_server
from tests.system.parts.http_watch import ended, ids, until
from tests.system.parts.runner import Runner

COUNT = 20_000
FEW = 8_000
NAMES = ("good", "other", "slow", "throttling", "dead")


def config(servers: dict[str, HttpServer]) -> str:
    sinks = "".join(
        f'[sinks.{name}]\ntype = "http"\nurl = "{server.url}"\norder = "none"\ntimeout_s = 60\n'
        f"[sinks.{name}.retry]\nmax_backoff_ms = 200\n"
        for name, server in servers.items()
    )
    return f"""
[sources.demo]
rate = 0
count = {COUNT}
{sinks}
[pipelines.main]
sources = ["demo"]
sinks = {list(servers)}
"""


async def test_a_slow_a_throttling_and_a_dead_one_hold_up_nobody(penstock: Runner) -> None:
    async with AsyncExitStack() as stack:
        servers = {name: await stack.enter_async_context(http_server()) for name in NAMES}
        taken: list[Request] = []
        is_throttled = True

        def throttle(request: Request) -> Reply:
            if is_throttled:
                return Reply(status=429, headers={"Retry-After": "1"})
            taken.append(request)
            return Reply()

        servers["throttling"].handler = throttle
        servers["slow"].hang()
        await servers["dead"].stop()
        process = penstock(config(servers))

        # The good ones have everything while nobody else has anything.
        for name in ("good", "other"):
            server = servers[name]
            await until(
                lambda server=server: len(set(ids(server.requests))) >= COUNT,  # type: ignore[misc]
                f"{name} has everything",
                process,
            )
        assert servers["slow"].requests == []
        assert servers["throttling"].requests
        assert taken == []
        assert servers["dead"].requests == []

        # Then the others come round, and nothing of theirs is lost.
        is_throttled = False
        servers["slow"].resume()
        await servers["dead"].start()
        assert await ended(process) == 0
        expected = set(ids(servers["good"].requests))
        assert len(expected) == COUNT
        for name in ("other", "slow", "dead"):
            got = ids(servers[name].requests)
            assert set(got) == expected, name
            assert len(got) == COUNT, f"{name} got some twice"
        assert sorted(ids(taken)) == sorted(expected)


async def test_a_destination_that_is_held_says_so_and_holds_up_nobody(
    penstock: Runner, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("wr0ng-canary\n")

    def locked(request: Request) -> Reply:
        is_good = request.headers.get("authorization") == "Bearer g00d-canary"
        return Reply(status=200 if is_good else 401, body=str(request.headers).encode())

    async with http_server() as good, http_server(locked) as strict:
        process = penstock(f"""
[sources.demo]
rate = 2000
count = {FEW}
[sinks.good]
type = "http"
url = "{good.url}"
[sinks.strict]
type = "http"
url = "{strict.url}"
auth = {{ bearer = "${{file:{key}}}" }}
[pipelines.main]
sources = ["demo"]
sinks = ["good", "strict"]
""")
        held = "held until its settings or secrets change"
        await until(lambda: held in process.stderr.read_text(), "one is held", process)
        before = len(ids(good.requests))
        refused = len(strict.requests)
        await until(lambda: len(ids(good.requests)) > before + FEW // 4, "good goes on", process)
        assert len(strict.requests) <= refused + 3, "it is asked again and again"
        refused = len(strict.requests)
        key.write_text("g00d-canary\n")
        process.send_signal(signal.SIGHUP)
        assert await ended(process) == 0
        assert len(set(ids(strict.requests[refused:]))) == FEW
        said = process.stderr.read_text() + process.stdout.read_text()
        assert "answered 401" in said
        assert "canary" not in said

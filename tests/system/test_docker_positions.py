"""Penstock goes away and comes back with nothing but its positions, on a real engine."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.api import event_id
from penstock.testing import RecordingOutlet
from tests.system.parts.docker_source import all_of, docker, logs, reading, run
from tests.system.parts.engine import Engine
from tests.system.parts.runner import Penstock, Runner
from tests.system.parts.waiting import eventually

BOTH = (
    "trap exit TERM; i=0; while :; do i=$((i+1)); echo line $i; echo line $i >&2; "
    "[ $((i % 40)) -ne 0 ] || usleep 10000; done"
)


def stored(positions: Mapping[str, object]) -> dict[str, Any]:
    """Return positions as they come back from a disk."""
    back: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(positions))
    return back


def ids(out: RecordingOutlet, container: str) -> dict[str, str]:
    """Return the text of every line by its id; no id comes twice."""
    found = {event_id(f"docker:{container}", log): log.body for log in logs(out, container)}
    assert len(found) == len(logs(out, container))
    return found


@pytest.mark.parametrize("driver", ["json-file", "local"])
async def test_stopped_anywhere_with_some_of_it_settled(docker_engine: Engine, driver: str) -> None:
    """Whatever was not settled is sent again, under the same ids; nothing else is."""
    chance = random.Random(7)
    container = await run(docker_engine, "both", BOTH, driver=driver)
    settled: dict[str, str] = {}
    sent: dict[str, str] = {}
    positions: dict[str, Any] = {}
    for life in range(7):
        out = RecordingOutlet(positions)
        async with reading(docker_engine.host, outlet=out, start_at="beginning"):
            if life == 6:
                await docker(docker_engine, "stop", container)
                printed, complained = docker_engine.logs(container)
                total = len(printed) + len(complained)
                await out.until_lines(total - len(settled))
                await asyncio.sleep(0.3)
                out.settle_all()
            else:
                await out.until_lines(chance.randrange(100, 1500))
                out.settle(chance.randrange(len(out.sent)))
        assert out.gaps == []
        assert not settled.keys() & ids(out, container).keys(), "what was settled came again"
        again = ids(out, container).items() & sent.items()
        assert len(again) == len(ids(out, container).keys() & sent.keys())
        sent |= ids(out, container)
        done = len(out.sent) - out.unsettled
        kept = {id(event) for one in out.sent[:done] for event in one.batch.events}
        settled |= {
            event_id(f"docker:{container}", log): log.body
            for log in logs(out, container)
            if id(log) in kept
        }
        positions = stored(out.committed)
    of = {name: [key for key in settled if f":{name}:" in key] for name in ("stdout", "stderr")}
    assert [settled[key] for key in of["stdout"]] == printed
    assert [settled[key] for key in of["stderr"]] == complained


async def test_what_became_of_containers_meanwhile(docker_engine: Engine) -> None:
    async with reading(docker_engine.host) as first:
        unread = await run(docker_engine, "unread", "echo one; exec sleep 600")
        ended = await run(docker_engine, "ended", "echo all of it")
        silent = await run(
            docker_engine,
            "silent",
            "while [ ! -e /go ]; do usleep 20000; done; echo at last; exec sleep 600",
        )
        await all_of(docker_engine, first, ended, 1)
        await first.until_lines(2)
        await first.until(lambda: first.committed.get(ended, {}).get("finished"))
        await first.until(lambda: silent in first.committed)
    await docker(docker_engine, "rm", "--force", unread)
    await docker(docker_engine, "rm", ended)
    await docker(docker_engine, "exec", silent, "touch", "/go")
    new = await run(docker_engine, "new", "seq 100; exec sleep 600")
    short = await run(docker_engine, "short", "seq 100", detach=False)
    gone = await run(docker_engine, "gone", "echo lost", rm=True, detach=False)
    async with reading(docker_engine.host, stored(first.committed)) as out:
        await out.until(lambda: len(out.retired) >= 3)
        await out.until_lines(201)
        await asyncio.sleep(0.3)
    assert out.lines(lane=silent) == ["at last"]
    assert out.lines(lane=new) == out.lines(lane=short) == [str(i) for i in range(1, 101)]
    assert sorted(out.retired) == sorted([unread, ended, gone])
    losses = {loss.lane: loss for loss in out.gaps}
    assert losses.keys() == {unread, gone}
    names = {loss.resource.attributes["container.name"] for loss in out.gaps}
    assert names == {"unread", "gone"}
    assert losses[unread].gap.from_unix_nano == logs(first, unread)[0].time_unix_nano
    assert "removed" in losses[unread].gap.reason
    async with reading(docker_engine.host, stored(out.committed)) as again:
        await asyncio.sleep(0.5)
    assert again.events() == []


CONFIG = """
[sources.docker]
host = "{host}"
[sinks.console]
format = "json"
[pipelines.main]
sources = ["docker"]
sinks = ["console"]
"""


def events(penstock: Penstock) -> list[dict[str, Any]]:
    return [json.loads(line) for line in penstock.output()]


def test_the_whole_of_penstock_stops_and_starts(
    docker_engine: Engine, penstock: Runner, tmp_path: Path
) -> None:
    config, state = CONFIG.format(host=docker_engine.host), tmp_path / "state"
    first = penstock(config, state_dir=state)
    first.wait_for_log("running")
    kept = docker_engine.run("kept", BOTH)
    docker_engine.run("removed", "echo one; exec sleep 600")
    eventually(lambda: len(events(first)) > 500, "500 lines")
    first.wait_for_output('"removed"')
    assert first.stop() == 0
    docker_engine.docker("rm", "--force", "removed")
    second = penstock(config, state_dir=state)
    second.wait_for_output('"gap"')
    docker_engine.docker("stop", kept)
    printed, complained = docker_engine.logs(kept)
    both = len(printed) + len(complained)

    def read() -> list[dict[str, Any]]:
        found = events(first) + events(second)
        return [one for one in found if one["resource"]["container.id"] == kept]

    eventually(lambda: len(read()) >= both, "all lines were read")
    assert second.stop() == 0
    assert [one["message"] for one in read() if one["stream"] == "stdout"] == printed
    assert [one["message"] for one in read() if one["stream"] == "stderr"] == complained
    assert len({one["id"] for one in read()}) == both
    (gap,) = [one for one in events(second) if one["kind"] == "gap"]
    assert gap["resource"]["container.name"] == "removed"
    assert "removed" in gap["gap"]["reason"]
    assert gap["gap"]["from"]

"""Stack traces of real containers come out in one piece, also across kill -9."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.system.parts.engine import Engine
from tests.system.parts.runner import Penstock, Runner
from tests.system.parts.waiting import eventually

CONFIG = """
[sources.docker]
host = "{host}"
start_at = "beginning"
[transforms.traces]
type = "multiline"
preset = "{preset}"
max_wait_ms = {wait_ms}
[sinks.console]
format = "json"
[pipelines.main]
sources = ["docker"]
transforms = ["traces"]
sinks = ["console"]
"""
TRACE = [
    "Traceback (most recent call last):",
    '  File "/app/shop.py", line 3, in <module>',
    "    main()",
    "ValueError: no",
]
SLOWLY = "".join(f"echo '{line}'; usleep 100000; " for line in TRACE)
ON_BOTH = "".join(f"echo '{line}'; echo '{line}' >&2; " for line in TRACE)


def events(router: Penstock) -> list[dict[str, Any]]:
    """What it printed; a line that a kill cut in two is none."""
    found = []
    for line in router.output():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def messages(router: Penstock, container: str, stream: str = "stdout") -> list[str]:
    return [
        event["message"]
        for event in events(router)
        if event["resource"].get("container.name") == container and event["stream"] == stream
    ]


def config(engine: Engine, preset: str = "auto", wait_ms: int = 500) -> str:
    return CONFIG.format(host=engine.host, preset=preset, wait_ms=wait_ms)


def test_traces_that_are_written_slowly_on_two_streams_or_up_to_the_end(
    docker_engine: Engine, penstock: Runner
) -> None:
    router = penstock(config(docker_engine))
    docker_engine.run("slow", f"echo ready; {SLOWLY} echo '2024-11-21 INFO on'; sleep 30")
    docker_engine.run("both", f"{ON_BOTH} sleep 30")
    docker_engine.run("short", f"echo ready; {SLOWLY}")
    whole = "\n".join(TRACE)
    wanted = {
        ("slow", "stdout"): ["ready", whole, "2024-11-21 INFO on"],
        ("both", "stdout"): [whole],
        ("both", "stderr"): [whole],
        ("short", "stdout"): ["ready", whole],
    }
    eventually(
        lambda: {key: messages(router, *key) for key in wanted} == wanted, "whole traces", 30
    )
    assert any("python" in json.dumps(record) for record in router.log()), "it says which preset"
    assert router.stop() == 0


def test_a_container_may_ask_for_something_else(docker_engine: Engine, penstock: Runner) -> None:
    script = f"{ON_BOTH} sleep 30"
    docker_engine.run("asks", script, labels={"penstock.multiline": "python"})
    docker_engine.run("off", script, labels={"penstock.multiline": "off"})
    docker_engine.run("env", script, env={"LOGSPOUT_MULTILINE": "false"})
    docker_engine.run("plain", script)
    router = penstock(config(docker_engine, preset="go"))
    names = ("asks", "off", "env", "plain")
    eventually(
        lambda: [len(messages(router, name)) for name in names] == [1, 4, 4, 4], "events", 30
    )
    assert router.stop() == 0


def test_a_drain_gives_up_what_is_held(docker_engine: Engine, penstock: Runner) -> None:
    router = penstock(config(docker_engine, wait_ms=60_000))
    docker_engine.run("held", f"echo ready; echo '{TRACE[0]}'; echo '{TRACE[1]}'; sleep 30")
    eventually(lambda: messages(router, "held") == ["ready"], "what is not held", 30)
    assert router.stop() == 0
    assert messages(router, "held") == ["ready", "\n".join(TRACE[:2])]


@pytest.mark.timeout(150)
def test_kill_9_loses_no_trace_and_cuts_none(
    docker_engine: Engine, penstock: Runner, tmp_path: Path
) -> None:
    count = 1500
    lines = "".join(f"echo '{line}'; " for line in TRACE[:3])
    script = (
        f"i=0; while [ $i -lt {count} ]; do {lines} [ $((i % 4)) = 0 ] && usleep 40000; "
        'echo "ValueError: $i"; [ $((i % 3)) = 0 ] && echo "2024-11-21 INFO $i"; '
        "i=$((i + 1)); done; echo '2024-11-21 INFO last'; sleep 60"
    )
    docker_engine.run("crashes", script)
    chance, found = random.Random(5), set()
    state = tmp_path / "state"
    for _ in range(6):
        router = penstock(config(docker_engine, "python", 5000), state_dir=state)
        router.wait_for_log("running", 30)
        time.sleep(chance.uniform(0.2, 1.2))
        router.kill()
        found.update(messages(router, "crashes"))
    router = penstock(config(docker_engine, "python", 5000), state_dir=state)
    last = "2024-11-21 INFO last"
    eventually(lambda: last in found.union(messages(router, "crashes")), "the last line", 60)
    assert router.stop() == 0
    found.update(messages(router, "crashes"))

    head = "\n".join(TRACE[:3])
    wanted = {f"{head}\nValueError: {i}" for i in range(count)}
    wanted |= {f"2024-11-21 INFO {i}" for i in range(0, count, 3)} | {last}
    assert wanted - found == set(), "lost"
    assert found - wanted == set(), "cut"

"""The main job: every line of real containers, from a Docker socket to a real syslog server."""

from __future__ import annotations

import json
import os
import signal
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system.parts.engine import Engine
from tests.system.parts.message import Message
from tests.system.parts.processes import Process
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import PROGRAM, Runner
from tests.system.parts.waiting import eventually

PRINTER = """
i=0
while [ $i -lt 400 ]; do
  echo "$NAME out $i"
  [ $((i % 4)) = 0 ] && echo "$NAME err $i" >&2
  i=$((i + 1))
done
[ -z "$STAY" ] || sleep 5
printf '%s last' "$NAME"
"""


def user_file(engine: Engine, address: str) -> str:
    """Return the file that the README shows, for this engine and this receiver."""
    return f"""
[sources.docker]
host = "{engine.host}"
start_at = "beginning"
[transforms.tagging]
add = {{ env = "prod" }}
[transforms.hostname]
[sinks.central]
type = "syslog"
address = "{address}"
structured_data = {{ "penstock@32473" = {{ env = "{{tags.env}}", stream = "{{stream}}" }} }}
[sinks.console]
format = "json"
[pipelines.main]
sources = ["docker"]
transforms = ["tagging", "hostname"]
sinks = ["central", "console"]
"""


def expected(name: str) -> dict[str, list[str]]:
    """Return what a container of this name prints, by stream."""
    out = [f"{name} out {i}" for i in range(400)] + [f"{name} last"]
    return {"stdout": out, "stderr": [f"{name} err {i}" for i in range(0, 400, 4)]}


def by_stream(messages: list[Message], name: str) -> dict[str, list[str]]:
    """Return the texts of a container's messages in order of arrival, by stream."""
    lines: dict[str, list[str]] = defaultdict(list)
    for message in messages:
        if message.app_name == name:
            stream = "stderr" if 'stream="stderr"' in message.structured_data else "stdout"
            lines[stream].append(message.message.lstrip())
    return dict(lines)


@pytest.mark.timeout(120)
def test_every_line_of_every_container_arrives_in_order_with_dockers_own_time(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    names = [f"printer-{number}" for number in range(6)]
    for name in names[:3]:
        docker_engine.run(name, PRINTER, env={"NAME": name, "STAY": "yes"})
    router = penstock(user_file(docker_engine, receiver.tcp))
    router.wait_for_log('"running"')  # One that ended before there was a Penstock is none of its.
    for name in names[3:]:
        docker_engine.run(name, PRINTER, env={"NAME": name})
    wanted = {name: expected(name) for name in names}
    total = sum(len(lines) for streams in wanted.values() for lines in streams.values())

    messages = receiver.wait_for(total, timeout=60)
    code = router.stop(signal.SIGTERM)

    assert {name: by_stream(messages, name) for name in names} == wanted
    assert len(receiver.messages()) == total, "nothing arrives twice"
    assert code == 0, router.tail()
    assert {message.severity for message in messages} == {3, 6}
    assert all('env="prod"' in message.structured_data for message in messages)
    records = [json.loads(line) for line in router.output()]
    assert len(records) == total
    assert dict(dockers_own_times(docker_engine, names)) == console_times(records)


def dockers_own_times(engine: Engine, names: list[str]) -> dict[str, list[str]]:
    """Return the times that the docker CLI shows, by container, sorted."""
    times = {}
    for name in names:
        out, err = engine.logs(name, "--timestamps")
        times[name] = sorted(line.split(" ", 1)[0] for line in out + err)
    return times


def console_times(records: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the times that the console sink shows, by container, sorted."""
    times: dict[str, list[str]] = defaultdict(list)
    for record in records:
        times[record["resource"]["container.name"]].append(record["timestamp"])
    return {name: sorted(found) for name, found in times.items()}


@pytest.mark.timeout(120)
def test_a_receiver_that_is_away_for_a_while_costs_nothing(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    router = penstock(user_file(docker_engine, receiver.tcp))
    script = 'i=0; while [ $i -lt 3000 ]; do echo "$NAME $i"; i=$((i+1)); usleep 1000; done'
    docker_engine.run("steady", script, env={"NAME": "steady"})
    receiver.wait_for(500, timeout=30)
    receiver.stop()
    router.wait_for_log("trying again", timeout=20)
    receiver.start()
    receiver.wait_for_line("steady 2999", timeout=60)
    assert router.stop(signal.SIGTERM) == 0, router.tail()

    arrived = [message.message.lstrip() for message in receiver.messages()]
    assert list(dict.fromkeys(arrived)) == [f"steady {i}" for i in range(3000)]


def test_without_docker_there_are_demo_containers_and_it_says_so(tmp_path: Path) -> None:
    env = {**os.environ, "DOCKER_HOST": "unix:///nonexistent/docker.sock", "HOME": str(tmp_path)}
    quickstart = Process("quickstart", [PROGRAM, "quickstart"], tmp_path, env=env)
    quickstart.start()
    try:
        lines = quickstart.stdout.read_text
        eventually(lambda: lines().count("\n") > 20, "demo lines appear", 20)
        assert quickstart.stop(signal.SIGINT) == 0
        assert "demo" in quickstart.stderr.read_text()
    finally:
        quickstart.end()

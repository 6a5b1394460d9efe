"""The local journal of a real systemd-journald, read by Penstock as an operator starts it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.parts.engine import Engine
from tests.system.parts.journal_daemon import JournalDaemon
from tests.system.parts.journal_source import reading
from tests.system.parts.processes import Process, leaks
from tests.system.parts.require import require
from tests.system.parts.runner import PROGRAM
from tests.system.parts.waiting import eventually

CONFIG = """
[sources.journald]
start_at = "beginning"
[sinks.console]
format = "json"
[pipelines.main]
sources = ["journald"]
sinks = ["console"]
"""


class Inside:
    """Penstock in the mount namespace of a journal."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._pid = pid
        self.folder = folder
        self.started: list[Process] = []

    def start(self, *arguments: str, before: tuple[str, ...] = (), **env: str) -> Process:
        """Start ``penstock arguments…``, behind other commands."""
        argv = ["nsenter", "--mount", f"--target={self._pid}", "--", *before, str(PROGRAM)]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")}
        process = Process(
            f"penstock{len(self.started)}",
            [*argv, *arguments],
            self.folder,
            env={**kept, "PENSTOCK_STATE_DIR": str(self.folder / "state"), **env},
            cwd=self.folder,
        )
        self.started.append(process)
        process.start()
        return process

    def run(self, config: str, **options: Any) -> Process:
        """Start ``penstock run`` with this configuration."""
        path = self.folder / "penstock.toml"
        path.write_text(config)
        return self.start("run", str(path), **options)


def messages(process: Process) -> list[str]:
    """Return the text of all events on standard output."""
    return [one["message"] for one in events(process) if one["kind"] == "log"]


def events(process: Process) -> list[dict[str, Any]]:
    """Return all events on standard output."""
    lines = process.stdout.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[JournalDaemon]:
    require("journald")
    made = JournalDaemon(tmp_path / "log", tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def inside(daemon: JournalDaemon, tmp_path: Path) -> Iterator[Inside]:
    made = Inside(daemon.process.pid, tmp_path)
    yield made
    for process in made.started:
        process.end()


def test_entries_come_once_over_a_restart_and_a_rotation(
    daemon: JournalDaemon, inside: Inside
) -> None:
    daemon.write("one", "two")
    first = inside.run(CONFIG)
    eventually(lambda: "two" in messages(first), first.tail())
    daemon.rotate()
    daemon.write("three")
    eventually(lambda: "three" in messages(first), first.tail())
    assert first.stop() == 0
    daemon.write("four")
    daemon.rotate()
    daemon.write("five")
    second = inside.run(CONFIG)
    eventually(lambda: "five" in messages(second), second.tail())
    ours = {"one", "two", "three", "four", "five"}
    seen = [one for one in messages(first) + messages(second) if one in ours]
    assert seen == ["one", "two", "three", "four", "five"]


def test_what_came_while_it_was_stopped_is_read_although_nothing_came_before(
    daemon: JournalDaemon, inside: Inside
) -> None:
    daemon.write("history")
    config = CONFIG.replace('"beginning"', '"end"')
    first = inside.run(config)
    eventually(following, "journalctl follows")
    assert first.stop() == 0
    assert messages(first) == []
    daemon.write("meanwhile")
    second = inside.run(config)
    eventually(lambda: messages(second) == ["meanwhile"], second.tail())


async def test_a_vacuum_is_a_gap_event(daemon: JournalDaemon) -> None:
    daemon.write("one")
    settings = {"directory": str(daemon.folder)}
    async with reading(settings) as run:
        await run.until(lambda: "one" in run.outlet.lines())
    daemon.write("lost")
    daemon.rotate()
    daemon.write("two")
    daemon.vacuum()
    async with reading(settings, run.outlet.committed) as later:
        await later.until(lambda: "two" in later.outlet.lines())
    assert "lost" not in later.outlet.lines()
    assert len(later.outlet.gaps) == 1


def test_penstock_never_reads_its_own_log(daemon: JournalDaemon, inside: Inside) -> None:
    # Its standard error is the journal, as under systemd.
    to_journal = ("systemd-cat", "--identifier=penstock", "sh", "-c")
    script = 'exec "$@" --log-level debug >"$OUT"'
    out = inside.folder / "events.jsonl"
    path = inside.folder / "own.toml"
    path.write_text(CONFIG)
    process = inside.start("run", str(path), before=(*to_journal, script, "sh"), OUT=str(out))

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []

    daemon.write("somebody else's")
    eventually(
        lambda: [one for one in read() if one["message"] == "somebody else's"], process.tail()
    )
    assert daemon.run("sh", "-c", "journalctl --identifier=penstock | grep -q running")
    assert [one for one in read() if one["resource"].get("syslog.identifier") == "penstock"] == []


def test_journalctl_does_not_outlive_a_penstock_that_is_killed(
    daemon: JournalDaemon, inside: Inside
) -> None:
    daemon.write("one")
    process = inside.run(CONFIG)
    eventually(lambda: "one" in messages(process), process.tail())
    eventually(following, "journalctl follows")
    process.send_signal(signal.SIGKILL)
    process.wait()
    eventually(lambda: not following(), "journalctl has ended")


def following() -> list[str]:
    """Return the command lines of this session's journalctl processes."""
    return [line for line in leaks().values() if "journalctl" in line and "--follow" in line]


def test_quickstart_shows_the_journal_where_there_is_no_docker(
    daemon: JournalDaemon, inside: Inside
) -> None:
    daemon.write(*(f"line {number}" for number in range(20)))
    away = f"unix://{inside.folder}/no-docker.sock"
    process = inside.start("quickstart", DOCKER_HOST=away)
    eventually(lambda: "line 19" in messages(process), process.tail())
    daemon.write("live")
    eventually(lambda: "live" in messages(process), process.tail())
    assert len(messages(process)) == 11
    assert "no Docker socket" in process.stderr.read_text()
    assert process.stop(signal.SIGINT) == 0


def test_init_writes_a_file_for_the_journal(daemon: JournalDaemon, inside: Inside) -> None:
    daemon.write("one")
    away = f"unix://{inside.folder}/no-docker.sock"
    made = inside.folder / "made.toml"
    assert inside.start("init", str(made), DOCKER_HOST=away).wait() == 0
    assert inside.start("check", str(made)).wait() == 0
    assert "\n[sources.journald]\n" in made.read_text()


def test_containers_are_shipped_without_dockers_socket(
    journald_engine: Engine, tmp_path: Path
) -> None:
    inside = Inside(journald_engine.daemon.pid, tmp_path)
    long = "x" * 40_000
    container = journald_engine.run(
        "shop",
        f"echo first; echo error >&2; printf '%s\\n' {long}; echo last",
        driver="journald",
        labels={"com.docker.compose.service": "web"},
        options=("--log-opt", "labels=com.docker.compose.service"),
    )
    journald_engine.wait(container)
    process = inside.run(CONFIG)
    try:
        eventually(lambda: "last" in messages(process), process.tail())
        assert process.stop() == 0
        ours = [one for one in events(process) if one["resource"].get("container.id") == container]
    finally:
        process.end()
    assert [one["message"] for one in ours if one["stream"] == "stdout"] == ["first", long, "last"]
    assert [(one["message"], one["severity"]) for one in ours if one["stream"] == "stderr"] == [
        ("error", "error")
    ]
    resource = ours[0]["resource"]
    assert resource["container.name"] == "shop"
    assert resource["container.image.name"] == "busybox"
    assert resource["service.name"] == "web"
    assert ours[0]["id"].startswith(f"docker:{container}:")

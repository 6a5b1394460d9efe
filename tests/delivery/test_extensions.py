"""Extensions as installed distributions: they observe a real process, and add commands to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugin_lab import PENSTOCK, distribute

WATCHER = '''
"""Keeps what it sees in a file, asked from a thread of its own; adds a command."""

import json
import threading
from pathlib import Path

import click

from penstock.api import hookimpl

SEEN = Path("seen")


def note(what, process):
    status, metrics = process.status(), process.metrics()
    with SEEN.open("a") as file:
        file.write(json.dumps({"what": what, "status": status, "metrics": metrics}) + "\\n")


@hookimpl
def penstock_started(process):
    note("started", process)
    threading.Thread(target=note, args=("from a thread", process)).start()


@hookimpl
def penstock_stopped(process):
    note("stopped", process)


@hookimpl
def penstock_commands():
    @click.command("seen")
    def seen():
        """Count what was seen."""
        click.echo(len(SEEN.read_text().splitlines()))

    return [seen]
'''
BAD = """
import click
from penstock.api import hookimpl

@hookimpl
def penstock_started():
    raise SystemExit("in a bad mood")

@hookimpl
def penstock_stopped(process):
    raise KeyError("stopped")

@hookimpl
def penstock_commands():
    return [click.Command("run"), click.Command("seen")]
"""
WORSE = """
from penstock.api import hookimpl

@hookimpl
def penstock_commands():
    return "a command"
"""
FILE = """
[penstock]
state_dir = ""
extensions = [{extensions}]
[sources.demo]
rate = {rate}
count = {count}
[sinks.console]
format = "text"
[pipelines.main]
sources = ["demo"]
sinks = ["console"]
"""


class House:
    """A folder with a configuration, and an installation with three extensions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self._site = folder / "site"
        self._running: subprocess.Popen[str] | None = None
        for name, text in (("watcher", WATCHER), ("bad", BAD), ("worse", WORSE)):
            module = f"penstock_extension_{name}"
            distribute(self._site, f"ext-{name}", {f"extension-{name}": module}, {module: text})

    def configure(self, *extensions: str, rate: int = 0, count: int = 100) -> None:
        quoted = ", ".join(f'"{one}"' for one in extensions)
        text = FILE.format(extensions=quoted, rate=rate, count=count)
        (self.folder / "penstock.toml").write_text(text)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        self._running = subprocess.Popen(
            [*PENSTOCK, *arguments],
            env={**os.environ, "PYTHONPATH": str(self._site)},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self._running

    def penstock(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def seen(self) -> list[dict[str, object]]:
        path = self.folder / "seen"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def until_seen(self, count: int) -> None:
        deadline = time.monotonic() + 30
        while len(self.seen()) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def close(self) -> None:
        if self._running and self._running.poll() is None:
            self._running.kill()
            self._running.communicate()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    one = House(tmp_path)
    yield one
    one.close()


def test_an_extension_sees_the_process_from_its_start_to_its_end(house: House) -> None:
    house.configure("watcher")
    code, out, err = house.penstock("run")
    assert (code, len(out.splitlines())) == (0, 100), err
    seen = {one["what"]: one for one in house.seen()}
    assert seen.keys() == {"started", "from a thread", "stopped"}
    rows = seen["stopped"]["status"]["ledger"]  # type: ignore[index]
    outcomes = [(one["outcome"], one["events"]) for row in rows for one in row["outcomes"]]
    assert sum(events for outcome, events in outcomes if outcome == "delivered") == 100
    settled = 'penstock_events_received_total{component="sources.demo",type="demo"} '
    assert f"{settled}0\n" in seen["started"]["metrics"]  # type: ignore[operator]
    assert f"{settled}100\n" in seen["stopped"]["metrics"]  # type: ignore[operator]


def test_an_extension_that_fails_harms_nothing_and_is_named(house: House) -> None:
    house.configure("bad", "watcher")
    code, out, err = house.penstock("run")
    assert (code, len(out.splitlines())) == (0, 100), err
    assert len(house.seen()) == 3
    for hook, error in (("started", "in a bad mood"), ("stopped", "KeyError: 'stopped'")):
        said = f"penstock.extensions.bad: penstock_{hook} failed: "
        (line,) = [one for one in err.splitlines() if said in one]
        assert error in line


def test_a_reload_starts_and_stops_extensions(house: House) -> None:
    house.configure(rate=50, count=0)
    process = house.start("run")
    assert process.stdout
    process.stdout.readline()
    assert house.seen() == []
    house.configure("watcher", rate=50, count=0)
    process.send_signal(signal.SIGHUP)
    house.until_seen(2)
    house.configure(rate=50, count=0)
    process.send_signal(signal.SIGHUP)
    house.until_seen(3)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert [one["what"] for one in house.seen()][-1] == "stopped"
    assert len(house.seen()) == 3


def test_an_extension_adds_commands(house: House) -> None:
    house.configure("watcher")
    (house.folder / "seen").write_text("one\ntwo\n")
    assert house.penstock("seen") == (0, "2\n", "")
    code, out, _ = house.penstock("--help")
    assert (code, "Count what was seen." in out) == (0, True)
    code, _, err = house.penstock("sen")
    assert (code, 'did you mean "seen"?' in err) == (2, True)


def test_what_is_wrong_with_the_commands_of_an_extension_is_said(house: House) -> None:
    house.configure("watcher", "bad", "worse", "nobody")
    (house.folder / "seen").write_text("one\n")
    code, out, err = house.penstock("seen")
    assert (code, out) == (0, "1\n")
    assert err.splitlines() == [
        "extension bad: its command 'run' is left out: there is one of that name",
        "extension bad: its command 'seen' is left out: there is one of that name",
        "extension worse: penstock_commands returned 'a command', not a list of click commands",
        "extension nobody: no plugin extension-nobody: pip install penstock-extension-nobody",
    ]


@pytest.mark.parametrize(
    "text", ["", "[penstock\n", "penstock = 1\n", "[penstock]\nextensions = 3\n"]
)
def test_a_file_that_is_wrong_hides_no_command_of_ours(house: House, text: str) -> None:
    (house.folder / "penstock.toml").write_text(text)
    code, _, err = house.penstock("seen")
    assert (code, "there is no command 'seen'" in err) == (2, True)
    assert house.penstock("--version")[0] == 0

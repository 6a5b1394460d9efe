"""Bad plugins as installed distributions in a real process, beside a pipeline that goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bad_lab import distribute_bad
from tests.plugin_lab import PENSTOCK

LINES = 500

GOOD = """
[penstock]
state_dir = ""
drain_timeout_s = 1
[sources.steady]
[sinks.shelf]
path = "shelf"
[pipelines.good]
sources = ["steady"]
sinks = ["shelf"]
"""
BAD = """
[sources.feed-{name}]
type = "steady"
count = 20
[sinks.{name}]
[pipelines.{name}]
sources = ["feed-{name}"]
sinks = ["{name}"]
"""


class Run:
    """A running ``penstock run``, with its log as it comes."""

    def __init__(self, folder: Path, site: Path, *bad: str) -> None:
        self.shelf = folder / "shelf"
        self.log = folder / "log"
        (folder / "penstock.toml").write_text(GOOD + "".join(BAD.format(name=one) for one in bad))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*PENSTOCK, "--log-format", "json", "run"],
                env={**os.environ, "PYTHONPATH": str(site)},
                cwd=folder,
                stderr=log,
            )

    def records(self, logger: str, words: str = "") -> list[dict[str, Any]]:
        """What a component has logged."""
        complete = self.log.read_text().rpartition("\n")[0].splitlines()
        records = [json.loads(line) for line in complete]
        return [one for one in records if one["logger"] == logger and words in one["message"]]

    def until(self, logger: str, words: str) -> dict[str, Any]:
        """Wait for a record."""
        return self._wait(lambda: self.records(logger, words))[0]

    def until_delivered(self) -> None:
        """Wait for everything to be on the good shelf."""
        self._wait(lambda: self.shelf.exists() and len(self.shelf.read_text().split()) >= LINES)

    def _wait(self, condition: Any) -> Any:
        deadline = time.monotonic() + 30
        while not (found := condition()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return found

    def stop(self) -> int:
        """Have it drain, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    distribute_bad(folder)
    return folder


@pytest.fixture
def runs(site: Path, tmp_path: Path) -> Iterator[Any]:
    started: list[Run] = []

    def start(*bad: str) -> Run:
        started.append(Run(tmp_path, site, *bad))
        return started[-1]

    yield start
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


def test_what_cannot_be_used_is_left_out_by_name(runs: Any) -> None:
    bad = ("importing", "other", "twin", "sideways", "bottomless", "listed")
    run = runs(*bad)
    run.until_delivered()
    said = {
        name: run.until("penstock", f"sinks.{name} does not load and is left out: ")["message"]
        for name in bad
    }
    assert run.stop() == 0
    assert sorted(map(int, run.shelf.read_text().split())) == list(range(LINES))
    assert "No module named 'module_that_is_not_there'" in said["importing"]
    assert "pip uninstall penstock-sink-importing and tell its authors" in said["importing"]
    assert "penstock-sink-twin and rival both bring sink-twin: pip uninstall" in said["twin"]
    assert "penstock-sink-other 1.0 needs API 99.0" in said["other"]
    assert "its order is 'sideways': expected" in said["sideways"]
    assert "its in_flight is 0: expected 1 or more" in said["bottomless"]
    assert "its accepts is [" in said["listed"]


def test_what_calls_sys_exit_stops_nothing(runs: Any) -> None:
    run = runs("exiting", "quitting")
    run.until_delivered()
    run.until("penstock", "a plugin's task tried to end the process: ignored")
    run.until("penstock.sinks.exiting", "write raised an undeclared error")
    assert run.stop() in (0, 1)
    assert sorted(map(int, run.shelf.read_text().split())) == list(range(LINES))


def test_tasks_left_behind_are_named_at_the_stop(runs: Any) -> None:
    run = runs("leaky", "clinging")
    run.until_delivered()
    assert run.stop() == 0
    assert sorted(map(int, run.shelf.read_text().split())) == list(range(LINES))
    (leaky,) = run.records("penstock.sinks.leaky")
    assert leaky["message"].startswith("left a task behind, which is cancelled: It.poll, ")
    assert "penstock_bad_leaky.py:" in leaky["message"]
    assert leaky["message"].endswith(" (penstock-sink-leaky 1.0)")
    first, second = run.records("penstock.sinks.clinging")
    assert first["message"].startswith("left a task behind, which is cancelled: It.poll, ")
    assert second["message"].startswith("left a task behind that ignores its cancellation: ")


def test_a_thread_left_behind_is_named_and_keeps_no_process(runs: Any) -> None:
    run = runs("threaded")
    run.until_delivered()
    assert run.stop() == 0
    (said,) = run.records("penstock.sinks.threaded")
    assert said["message"].startswith("left a thread behind that does not end: linger, ")
    assert said["message"].endswith(" (penstock-sink-threaded 1.0)")


def test_what_blocks_the_loop_is_named(runs: Any) -> None:
    run = runs("sleeping")
    said = run.until("penstock.sinks.sleeping", "kept the event loop busy for")["message"]
    run.until_delivered()
    assert run.stop() == 0
    assert sorted(map(int, run.shelf.read_text().split())) == list(range(LINES))
    assert "s, and nothing else ran: nap, " in said
    assert "penstock_bad_sleeping.py:" in said
    assert said.endswith(" (penstock-sink-sleeping 1.0)")
    assert not run.records("penstock.sinks.shelf")

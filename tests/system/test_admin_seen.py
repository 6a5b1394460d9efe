"""A real process seen from outside: status, health, metrics and dead letters."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from penstock.admin.stored import stored_letters
from penstock.api import Log
from tests.system.parts.picky import PickyFolder
from tests.system.parts.processes import Process
from tests.system.parts.runner import PROGRAM, Penstock, Runner
from tests.system.parts.waiting import eventually

COUNT = 200


class Stand:
    """Penstock before a destination that refuses everything until it is mended."""

    def __init__(self, runner: Runner, folder: Path) -> None:
        self.runner = runner
        self.far = PickyFolder(folder)

    def start(self, count: int = COUNT, seconds: float = 0.0) -> Penstock:
        self.config = self.far.config(count=count, seconds=seconds)
        environ, state = self.far.environ, self.far.state
        process = self.runner(self.config, "--log-format=json", env=environ, state_dir=state)
        eventually(lambda: self.call("status").returncode == 0, "the control socket")
        return process

    def call(self, *args: str) -> subprocess.CompletedProcess[str]:
        return self.runner.command(*args, env=self.far.environ)

    def json(self, *args: str) -> Any:
        done = self.call(*args, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def count(self) -> int:
        """Return how many dead letters there are."""
        return len(self.json("dlq", "list"))

    def all_refused(self) -> None:
        eventually(lambda: self.count() == COUNT, "all lines to be dead letters")

    def replayed(self, *args: str) -> subprocess.CompletedProcess[str]:
        done = self.call("dlq", "replay", *(args or ("--all",)))
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture
def stand(penstock: Runner, tmp_path: Path) -> Stand:
    return Stand(penstock, tmp_path)


def test_status_health_and_metrics_of_a_process(stand: Stand) -> None:
    process = stand.start()
    stand.all_refused()
    status = stand.json("status")
    assert status["process"]["pid"] == process.pid
    assert status["process"]["state_dir"] == str(stand.far.state)
    (row,) = status["ledger"]
    assert (row["read"], row["residue"]) == (COUNT, 0)
    assert row["outcomes"] == [{"outcome": "dead_lettered", "reason": "rejected", "events": COUNT}]
    health = stand.call("health")
    assert (health.returncode, health.stdout) == (0, "ready\n"), health.stderr
    assert re.search(rf"sinks\.picky +picky +open .* {COUNT} ", stand.call("status").stdout)
    listen = status["process"]["listen"]
    assert listen.startswith("127.0.0.1:")
    with urllib.request.urlopen(f"http://{listen}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    settled = re.findall(r"^penstock_events_settled_total\{.*\} (\d+)$", text, re.MULTILINE)
    assert sum(map(int, settled)) == COUNT
    assert 'penstock_dead_letters{component="sinks.picky",type="picky"} 200' in text
    foreign = urllib.request.Request(f"http://{listen}/metrics", headers={"Host": "a.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(foreign, timeout=10)
    assert process.stop() == 0
    health = stand.call("health")
    assert (health.returncode, health.stdout) == (1, "")
    assert health.stderr == f"no Penstock runs on the state folder {stand.far.state}\n"
    assert stand.call("status").returncode == 1


def test_the_file_tells_where_the_process_is(penstock: Runner, tmp_path: Path) -> None:
    far = PickyFolder(tmp_path)
    state = tmp_path / "elsewhere"
    config = far.config().replace("[penstock]", f'[penstock]\nstate_dir = "{state}"')
    process = penstock(config, env={"PYTHONPATH": far.environ["PYTHONPATH"]})
    process.wait_for_log("running")
    for where in ((str(process.config),), ("--state-dir", str(state))):
        done = penstock.command("health", *where)
        assert (done.returncode, done.stdout) == (0, "ready\n"), done.stderr
    assert process.stop() == 0


def test_the_socket_and_the_file_are_for_their_owner_only(stand: Stand) -> None:
    process = stand.start()
    for name in ("penstock.sock", "penstock.db"):
        assert (stand.far.state / name).stat().st_mode & 0o077 == 0
    assert process.stop() == 0
    assert not (stand.far.state / "penstock.sock").exists()


def test_replay_in_the_running_process(stand: Stand) -> None:
    process = stand.start()
    stand.all_refused()
    stand.far.mend()
    assert stand.replayed().stdout == f"replayed {COUNT} dead letters\n"
    eventually(lambda: sorted(stand.far.taken()) == [*range(COUNT)], "all lines at the far end")
    assert stand.count() == 0
    assert stand.json("status")["ledger"][0]["residue"] == 0
    assert process.stop() == 0


def test_a_stop_right_after_a_replay_loses_nothing(stand: Stand) -> None:
    process = stand.start(seconds=0.2)
    stand.all_refused()
    stand.far.mend()
    stand.replayed()
    assert process.stop() == 0
    before = stand.far.taken()
    assert len(before) < COUNT
    assert stand.count() == 0
    again = stand.start()
    eventually(lambda: {*stand.far.taken()} == {*range(COUNT)}, "all lines at the far end")
    assert stand.json("status")["ledger"][0]["residue"] == 0
    assert again.stop() == 0


def test_a_kill_in_the_middle_of_a_replay_loses_nothing(stand: Stand) -> None:
    count = 5000
    process = stand.start(count=count)
    eventually(lambda: len(stored(stand)) == count, "all lines to be dead letters")
    stand.far.mend()
    for _ in range(3):
        before = len(stored(stand))
        asking = Process(
            "asking",
            [PROGRAM, "dlq", "replay", "--all"],
            stand.far.folder,
            env={**os.environ, **stand.far.environ},
        )
        asking.start()
        eventually(lambda before=before: len(stored(stand)) < before, "a beginning", interval=0.001)
        process.kill()
        asking.wait()
        left = stored(stand)
        process = stand.start(count=count)
        eventually(
            lambda left=left: {*range(count)} == left | {*stand.far.taken()},
            "every line either at the far end or a dead letter",
        )
        assert stand.call("status").returncode == 0
        if not left:
            break
    assert process.stop() == 0


def stored(stand: Stand) -> set[int]:
    """Return the numbers of the lines that are dead letters, without a process that asks."""
    found = set()
    with stored_letters(str(stand.far.state)) as letters:
        assert letters
        for one in letters.chosen():
            with suppress(LookupError):  # It was replayed meanwhile.
                (event,) = letters.one(one.id)[1].events
                assert type(event) is Log
                found.add(int(event.body))
    return found


def test_replay_and_drop_without_a_process(stand: Stand) -> None:
    process = stand.start()
    stand.all_refused()
    assert process.stop() == 0
    stand.far.mend()
    file = str(process.config)
    assert stand.call("dlq", "drop", "1", "2").stdout == "dropped 2 dead letters\n"
    assert stand.replayed("3", "4", file).stdout == "replayed 2 dead letters\n"
    assert stand.count() == COUNT - 4
    again = stand.start()
    eventually(lambda: sorted(stand.far.taken()) == [2, 3], "the two lines at the far end")
    assert stand.json("status")["ledger"][0]["residue"] == 0
    assert again.stop() == 0


def test_without_a_process_a_sink_has_to_be_in_the_file(stand: Stand) -> None:
    process = stand.start()
    stand.all_refused()
    assert process.stop() == 0
    other = stand.runner.write(stand.far.config(sink="other"), "other.toml")
    done = stand.call("dlq", "replay", "--all", str(other))
    assert done.returncode == 1
    assert done.stderr == f"{COUNT} dead letters stay: no pipeline has sinks.picky\n"
    done = stand.call("dlq", "replay", "--all", str(other.with_name("none.toml")))
    assert done.returncode == 78
    assert stand.count() == COUNT


def test_after_a_kill_dead_letters_are_read_and_changed(stand: Stand) -> None:
    process = stand.start()
    stand.all_refused()
    process.kill()
    assert (stand.far.state / "penstock.sock").exists()
    assert stand.count() == COUNT
    assert stand.call("health").returncode == 1
    assert stand.call("dlq", "drop", "--sink", "picky").stdout == f"dropped {COUNT} dead letters\n"
    again = stand.start()
    assert stand.call("health").returncode == 0
    assert again.stop() == 0


def test_a_process_that_hangs_does_not_hang_who_asks(stand: Stand) -> None:
    process = stand.start()
    process.pause()
    for command in (["health"], ["dlq", "replay", "--all"]):
        done = stand.call(*command)
        assert done.returncode == 1
        assert "does not answer" in done.stderr
    process.resume()
    assert process.stop() == 0


def test_a_reload_moves_the_server(stand: Stand) -> None:
    process = stand.start()
    before = stand.json("status")["process"]["listen"]
    process.reload(stand.config.replace('listen = "0"', 'listen = ""'))
    eventually(lambda: stand.json("status")["process"]["listen"] == "", "the server to go")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://{before}/livez", timeout=10)
    process.reload(stand.config)
    listen = eventually(lambda: stand.json("status")["process"]["listen"], "the server to come")
    with urllib.request.urlopen(f"http://{listen}/readyz", timeout=10) as answer:
        assert answer.read() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0


def test_a_copy_of_the_folder_can_be_read(stand: Stand, tmp_path: Path) -> None:
    process = stand.start()
    stand.all_refused()
    assert process.stop() == 0
    copy = shutil.copytree(stand.far.state, tmp_path / "copy")
    done = stand.call("dlq", "list", "--json", "--state-dir", str(copy))
    assert len(json.loads(done.stdout)) == COUNT

"""Real signals to a real process, and what the service manager hears."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE_S = 20.0


class Process:
    """A process whose lines can be waited for."""

    def __init__(self, argv: list[str], cwd: Path, environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=os.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []

    def until(self, found: Callable[[str], bool]) -> None:
        """Read until a line comes that is wanted."""
        assert self._process.stdout
        while not (self.lines and found(self.lines[-1])):
            line = self._process.stdout.readline()
            assert line, "it ended"
            self.lines.append(line.rstrip("\n"))

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Return the exit code and what it logged."""
        out, errors = self._process.communicate(timeout=PATIENCE_S)
        self.lines += out.splitlines()
        return self._process.returncode, errors

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


Start = Callable[..., Process]


@pytest.fixture
def start(workspace: Path) -> Iterator[Start]:
    """Start a process in one of the modes of ``tests.delivery.process``."""
    started = []

    def run(mode: str, **environ: str) -> Process:
        argv = [sys.executable, "-m", "tests.delivery.process", mode]
        started.append(Process(argv, workspace, environ))
        return started[-1]

    yield run
    for process in started:
        process.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Listen as the service manager does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def heard(manager: socket.socket) -> list[str]:
    """Return all that was said so far."""
    said = []
    while True:
        try:
            said.append(manager.recv(1000).decode())
        except BlockingIOError:
            return said


def numbers(lines: list[str]) -> list[int]:
    return [int(line.removeprefix("reloaded ")) for line in lines]


def test_hangup_reloads_and_terminate_drains(
    start: Start, manager: socket.socket, tmp_path: Path
) -> None:
    process = start("steady", NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="40000")
    process.until("10".__eq__)
    process.send(signal.SIGHUP)
    process.until(lambda line: line.startswith("reloaded"))
    process.send(signal.SIGTERM)
    code, log = process.ended()
    assert code == 0, log
    assert numbers(process.lines) == [*range(len(process.lines))]
    said = heard(manager)
    assert said.count("WATCHDOG=1") >= 1
    states = [one.split("\n")[0] for one in said if one != "WATCHDOG=1"]
    assert states == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert any(one.startswith("RELOADING=1\nMONOTONIC_USEC=") for one in said)


def test_interrupt_drains(start: Start) -> None:
    process = start("steady")
    process.until("5".__eq__)
    process.send(signal.SIGINT)
    assert process.ended()[0] == 0
    assert numbers(process.lines) == [*range(len(process.lines))]


def test_a_second_interrupt_stops_at_once(start: Start) -> None:
    process = start("dead")
    process.until("0".__eq__)
    process.send(signal.SIGINT)
    process.send(signal.SIGTERM)  # The same as a second SIGINT, which might be merged with it.
    code, log = process.ended()
    assert code == 1
    assert "abandoned at the deadline" in log
    assert "Traceback" not in log


def test_the_end_of_input_is_an_end(start: Start) -> None:
    process = start("ending")
    assert process.ended()[0] == 0
    assert numbers(process.lines) == [*range(20)]


@pytest.mark.parametrize("mode", ["stubborn", "threaded"])
def test_what_a_plugin_leaves_behind_cannot_keep_the_process(start: Start, mode: str) -> None:
    process = start(mode)
    process.until("5".__eq__)
    process.send(signal.SIGTERM)
    assert process.ended()[0] == 0
    assert numbers(process.lines) == [*range(len(process.lines))]

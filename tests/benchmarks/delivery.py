"""One measured delivery: from the start of a program to the last line at its receiver."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks import process
from tests.benchmarks.contenders import Task
from tests.benchmarks.lines import FRAME_BYTES
from tests.system.parts.processes import Process

LIMIT_S = 60.0
"""After which a run counts as failed."""
STDIO_BYTES = 8192
"""What curl may still hold in its buffer when all lines have come."""
Argv = Callable[[Task, int], list[str]]
Begin = Callable[[], None]


class Reception:
    """The receiver as a process of its own, and what it said so far."""

    def __init__(self, lines: int, containers: int = 1, mark: str = " SEQ=") -> None:
        argv = [sys.executable, "-m", "tests.benchmarks.receiver", f"--mark={mark}"]
        argv += ["--lines", str(lines), "--containers", str(containers)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self._process.pid
        self._facts: dict[str, Any] = {}
        self._unread = b""
        self.port = int(self.wait("port"))

    def wait(self, fact: str, program: Process | None = None) -> Any:
        """Return what the receiver says under this name; fails when the program has ended."""
        assert self._process.stdout
        deadline = time.monotonic() + LIMIT_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while fact not in self._facts:
                if selector.select(1.0):
                    self._read(self._process.stdout.fileno())
                elif program and not program.running and not selector.select(1.0):
                    raise AssertionError(f"ended before {fact!r}\n{program.tail()}")
                assert time.monotonic() < deadline, f"no {fact!r}\n{program and program.tail()}"
        return self._facts[fact]

    def _read(self, descriptor: int) -> None:
        # Not readline(): what it has read ahead, no selector tells of.
        data = os.read(descriptor, 65536)
        assert data, "the receiver ended"
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._facts |= json.loads(line)

    def check(self) -> dict[str, Any]:
        """End the receiver and return what it found in the messages."""
        assert self._process.stdin
        self._process.stdin.close()
        self.wait("lines")
        self._process.wait()
        said = ("port", "attached", "first", "last")
        return {name: value for name, value in self._facts.items() if name not in said}

    def close(self) -> None:
        """End the receiver, whatever it is at."""
        self._process.kill()
        self._process.wait()


def deliver(name: str, argv: Argv, task: Task, begin: Begin | None = None) -> dict[str, Any]:
    """Run one program until all lines have come, and check every line.

    Wall time begins with the program, or with ``begin``, called once the program is attached.
    CPU a line is what it used between the first and the last line at the receiver, so without
    its start; ``cpu_total_s`` has that too.
    """
    reception = Reception(task.total, len(task.containers))
    foreign = process.Foreign(ours(task) | {reception.pid})
    program = Process(name, argv(task, reception.port), task.folder)
    began = time.monotonic()
    program.start()
    try:
        foreign.add(program.pid)
        sampler = process.Sampler(program.pid)
        if begin:
            reception.wait("attached", program)
            began = time.monotonic()
            begin()
        engine = _engine_cpu(task)
        first, last = reception.wait("first", program), reception.wait("last", program)
        sampler.stop()
        result = {
            "wall_s": last - began,
            "cpu_us_per_line": (sampler.at(last) - sampler.at(first)) / task.total * 1e6,
            "engine_cpu_us_per_line": (_engine_cpu(task) - engine) / task.total * 1e6,
            "foreign_cores": foreign.cores(),
            "max_rss_mb": sampler.max_rss_mb,
            "receiver_cpu_s": process.cpu_seconds(reception.pid),
            "cpu_total_s": sampler.last,
            "exit": program.stop(timeout=30) if program.running else program.returncode,
        }
        return result | reception.check()
    finally:
        program.end()
        reception.close()


def drain(argv: Argv, task: Task, begin: Begin | None = None) -> dict[str, Any]:
    """Run curl until it has written all that the containers' lines make."""
    foreign = process.Foreign(ours(task))
    program = Process("curl", argv(task, 0), task.folder)
    began = time.monotonic()
    program.start()
    try:
        foreign.add(program.pid)
        before = 0
        if begin:
            _wait_written(program, 1)
            began, before = time.monotonic(), process.written_bytes(program.pid)
            begin()
        expected = before + task.total * FRAME_BYTES - STDIO_BYTES
        last = _wait_written(program, expected)
        return {
            "wall_s": last - began,
            "cpu_us_per_line": process.cpu_seconds(program.pid) / task.total * 1e6,
            "foreign_cores": foreign.cores(),
        }
    finally:
        program.kill()


def _wait_written(program: Process, size: int) -> float:
    deadline = time.monotonic() + LIMIT_S
    while process.written_bytes(program.pid) < size:
        assert program.running, program.tail()
        assert time.monotonic() < deadline, "curl is too slow"
        time.sleep(0.005)
    return time.monotonic()


def ours(task: Task) -> set[int]:
    """The processes of the engine and its containers."""
    return process.belonging(str(task.engine.folder), task.engine.cgroup)


def _engine_cpu(task: Task) -> float:
    return process.cpu_seconds(task.engine.daemon.pid)

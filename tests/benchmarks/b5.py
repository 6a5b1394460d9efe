"""B5: docker to HTTP beside docker to syslog; five destinations, three of them in trouble."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import contenders, process
from tests.benchmarks.bench import Bench
from tests.benchmarks.containers import written
from tests.benchmarks.contenders import Task, program
from tests.benchmarks.delivery import Reception, deliver, ours
from tests.benchmarks.report import Row, Target, flaws, number, ratio
from tests.system.parts.processes import Process

LINES = 500_000
EVENTS = 200_000
HTTP = """
[penstock]
state_dir = ""
[sources.docker]
host = "{host}"
start_at = "beginning"
[sinks.http]
url = "http://127.0.0.1:{port}/"
compression = "{compression}"
[pipelines.main]
sources = ["docker"]
sinks = ["http"]
"""
MANY = """
[penstock]
state_dir = ""
[sources.demo]
rate = 0
count = {lines}
{sinks}
[pipelines.main]
sources = ["demo"]
sinks = {names}
"""
SINK = """
[sinks.{name}]
type = "http"
url = "http://127.0.0.1:{port}/"
[sinks.{name}.buffer]
type = "memory"
max_memory_bytes = 1073741824
"""
MODES = {
    "five good": ("good", "good", "good", "good", "good"),
    "three in trouble": ("good", "good", "slow", "throttle", "dead"),
}


class HttpReception(Reception):
    """The web server as a process of its own."""

    def __init__(self, lines: int, mode: str = "good") -> None:
        argv = [sys.executable, "-m", "tests.benchmarks.http_receiver"]
        argv += ["--lines", str(lines), "--mode", mode]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self._process.pid
        self._facts = {}
        self._unread = b""
        self.port = int(self.wait("port"))


def run(bench: Bench) -> None:
    """Run the three ways of the main job in each round, then the five destinations."""
    lines = bench.scaled(LINES)
    targets = [
        Target("lines missing, twice or out of order", flaws("http", lambda _: lines), 0),
        Target("CPU a line: http / syslog", ratio("cpu_us_per_line", "http", "syslog"), 1.3),
        Target("CPU a line: gzip / syslog", ratio("cpu_us_per_line", "http gzip", "syslog"), 1.9),
    ]
    with written(bench.engine, bench.folder, lines) as containers:
        for _ in bench.rounds("B5 docker to HTTP", targets):
            for name in bench.chosen(["syslog", "http", "http gzip"]):
                task = bench.task(containers, lines, live=False)
                bench.record(name, partial(measure, name, task))
    events = bench.scaled(EVENTS)
    targets = [
        Target("events missing at the good ones", number("missing", "three in trouble"), 0),
        Target(
            "wall of the good ones: three in trouble / five good",
            ratio("wall_s", "three in trouble", "five good"),
            1.1,
        ),
    ]
    for _ in bench.rounds("B5 five destinations", targets):
        for name in bench.chosen(MODES):
            bench.record(name, partial(many, MODES[name], bench.empty(), events))


def measure(name: str, task: Task) -> Row:
    """Deliver a container's lines one way."""
    if name == "syslog":
        return deliver(name, contenders.penstock, task)
    reception = HttpReception(task.total)
    foreign = process.Foreign(ours(task) | {reception.pid})
    file = task.folder / "penstock.toml"
    compression = "gzip" if name == "http gzip" else "none"
    settings = {"host": task.engine.host, "port": reception.port, "compression": compression}
    file.write_text(HTTP.format(**settings))
    run_ = Process(name.replace(" ", "-"), [*program(), "run", str(file)], task.folder)
    began = time.monotonic()
    run_.start()
    try:
        foreign.add(run_.pid)
        sampler = process.Sampler(run_.pid)
        first, last = reception.wait("first", run_), reception.wait("last", run_)
        sampler.stop()
        result: dict[str, Any] = {
            "wall_s": last - began,
            "cpu_us_per_line": (sampler.at(last) - sampler.at(first)) / task.total * 1e6,
            "cpu_total_s": sampler.last,
            "max_rss_mb": sampler.max_rss_mb,
            "foreign_cores": foreign.cores(),
            "exit": run_.stop(timeout=30),
        }
        return result | reception.check()
    finally:
        run_.end()
        reception.close()


def many(modes: tuple[str, ...], folder: Path, events: int) -> Row:
    """Send demo events to five destinations until the first two have all of them."""
    receptions = [HttpReception(events, mode) for mode in modes if mode != "dead"]
    ports = [one.port for one in receptions] + [closed_port()] * modes.count("dead")
    names = [f"{mode}{index}" for index, mode in enumerate(modes)]
    sinks = "".join(
        SINK.format(name=name, port=port) for name, port in zip(names, ports, strict=True)
    )
    file = folder / "penstock.toml"
    file.write_text(MANY.format(lines=events, sinks=sinks, names=names))
    foreign = process.Foreign({one.pid for one in receptions})
    run_ = Process("penstock", [*program(), "run", str(file)], folder)
    run_.start()
    try:
        foreign.add(run_.pid)
        firsts = [one.wait("first", run_) for one in receptions[:2]]
        lasts = [one.wait("last", run_) for one in receptions[:2]]
        result: dict[str, Any] = {
            "wall_s": max(lasts) - min(firsts),
            "max_rss_mb": process.resident_mb(run_.pid, "VmHWM"),
            "foreign_cores": foreign.cores(),
        }
        run_.kill()
        missing = sum(events - one.check()["lines"] for one in receptions[:2])
        return result | {"missing": missing, "klines_s": events / result["wall_s"] / 1000}
    finally:
        run_.end()
        for one in receptions:
            one.close()


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])

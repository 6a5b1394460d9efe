"""B3: the demo source to syslog, against a bare loop that calls the same functions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import process
from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import program
from tests.benchmarks.delivery import Reception
from tests.benchmarks.report import Row, Target, number, ratio
from tests.system.parts.processes import Process

LINES = 3_000_000
MARK = ">1 20"
"""The end of a priority, the version and a century: what every message has once."""
CONFIG = """
[penstock]
state_dir = ""
[sources.demo]
rate = 0
count = {lines}
[sinks.syslog]
address = "tcp://127.0.0.1:{port}"
[pipelines.main]
sources = ["demo"]
sinks = ["syslog"]
"""


def bare(folder: Path, lines: int, port: int) -> list[str]:
    """The loop without a bus."""
    argv = [sys.executable, "-m", "tests.benchmarks.bare_demo"]
    return [*argv, "--port", str(port), "--lines", str(lines)]


def penstock(folder: Path, lines: int, port: int) -> list[str]:
    """Penstock with the demo source as fast as it can."""
    file = folder / "penstock.toml"
    file.write_text(CONFIG.format(lines=lines, port=port))
    return [*program(), "run", str(file)]


PROGRAMS = {"bare": bare, "penstock": penstock}


def run(bench: Bench) -> None:
    """Run both in each round."""
    lines = bench.scaled(LINES)
    targets = [
        Target("events not received", number("missing", "penstock"), 0),
        Target(
            "events a second: penstock / bare loop",
            ratio("klines_s", "penstock", "bare"),
            0.8,
            at_least=True,
        ),
    ]
    for _ in bench.rounds("B3", targets):
        for name in bench.chosen(PROGRAMS):
            bench.record(name, partial(measure, name, PROGRAMS[name], bench.empty(), lines))


def measure(
    name: str, argv: Callable[[Path, int, int], list[str]], folder: Path, lines: int
) -> Row:
    """Run one of them until all events have come; its start is not counted."""
    reception = Reception(lines, mark=MARK)
    foreign = process.Foreign({reception.pid})
    run_ = Process(name, argv(folder, lines, reception.port), folder)
    run_.start()
    try:
        foreign.add(run_.pid)
        sampler = process.Sampler(run_.pid)
        first, last = reception.wait("first", run_), reception.wait("last", run_)
        sampler.stop()
        result: dict[str, Any] = {
            "wall_s": last - first,
            "klines_s": lines / (last - first) / 1000,
            "cpu_us_per_line": (sampler.at(last) - sampler.at(first)) / lines * 1e6,
            "cpu_total_s": sampler.last,
            "max_rss_mb": sampler.max_rss_mb,
            "foreign_cores": foreign.cores(),
            "exit": run_.wait(30),
        }
        found = reception.check()
        return result | {"missing": lines - found["stray_messages"], "bytes": found["bytes"]}
    finally:
        run_.end()
        reception.close()

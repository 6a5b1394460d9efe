"""B1: one container's lines to TCP syslog, against curl, a bare loop and rsyslog."""

from __future__ import annotations

from functools import partial

from tests.benchmarks import contenders
from tests.benchmarks.bench import Bench
from tests.benchmarks.containers import live, written
from tests.benchmarks.contenders import Task
from tests.benchmarks.delivery import Begin, deliver, drain
from tests.benchmarks.report import Row, Target, flaws, ratio

LINES = 1_000_000
PROGRAMS = {
    "curl": contenders.curl,
    "floor": contenders.floor,
    "rsyslog": contenders.rsyslog,
    "rsyslog parsing": contenders.rsyslog_parsing,
    "penstock": contenders.penstock,
    "penstock durable": contenders.penstock_durable,
}


def targets(lines: int) -> list[Target]:
    """What is asked of Penstock, by the other programs of the same round."""
    return [
        Target("lines missing, twice or out of order", flaws("penstock", lambda _: lines), 0),
        Target("wall: penstock / curl", ratio("wall_s", "penstock", "curl"), 1.25),
        Target(
            "CPU a line: penstock / rsyslog", ratio("cpu_us_per_line", "penstock", "rsyslog"), 0.7
        ),
        Target(
            "CPU a line: penstock / rsyslog parsing",
            ratio("cpu_us_per_line", "penstock", "rsyslog parsing"),
            0.7,
        ),
        Target("CPU a line: penstock / floor", ratio("cpu_us_per_line", "penstock", "floor"), 1.6),
        Target(
            "CPU a line: with / without a state folder",
            ratio("cpu_us_per_line", "penstock durable", "penstock"),
            1.05,
        ),
    ]


def run(bench: Bench) -> None:
    """Measure both ways: a log that is there already, and one that is being written."""
    lines = bench.scaled(LINES)
    with written(bench.engine, bench.folder, lines) as containers:
        for _ in bench.rounds("B1 already written", targets(lines)):
            for name in bench.chosen(PROGRAMS):
                job = bench.task(containers, lines, live=False)
                bench.record(name, partial(measure, name, job))
    for _ in bench.rounds("B1 live", targets(lines)):
        for name in bench.chosen(PROGRAMS):
            bench.record(name, partial(measure_live, bench, name, ["c01"], lines))


def measure(name: str, job: Task, begin: Begin | None = None) -> Row:
    """Run one of the programs on a task."""
    if name == "curl":
        row = drain(PROGRAMS[name], job, begin)
    else:
        row = deliver(name, PROGRAMS[name], job, begin)
    return {**row, "klines_s": job.total / row["wall_s"] / 1000}


def measure_live(bench: Bench, name: str, names: list[str], lines: int) -> Row:
    """Run one of the programs on containers that write once it is attached."""
    with live(bench.engine, bench.folder, names, lines) as (containers, begin):
        return measure(name, bench.task(containers, lines, live=True), begin)

"""B4: what Penstock costs while nothing happens, and how soon it works."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from tests.benchmarks import process
from tests.benchmarks.bench import Bench
from tests.benchmarks.containers import idle
from tests.benchmarks.contenders import Task, penstock
from tests.benchmarks.delivery import Reception, ours
from tests.benchmarks.report import Row, Target, number
from tests.system.parts.processes import Process

NAMES = [f"c{number:02}" for number in range(1, 21)]
SETTLE_S = 5.0
WINDOW_S = 35.0
"""Longer than the 30 s after which the source lists its containers again."""
TARGETS = [
    Target("resident memory", number("rss_mb", "penstock"), 46, unit=" MB"),
    Target("resident memory, aim", number("rss_mb", "penstock"), 42, unit=" MB"),
    Target("start to first event", number("first_event_s", "penstock"), 1, unit=" s"),
    Target("idle CPU", number("idle_cpu_percent", "penstock"), 0.3, unit=" %"),
]


def run(bench: Bench) -> None:
    """Start Penstock beside twenty containers that have written one line each, and wait."""
    with idle(bench.engine, NAMES) as containers:
        for _ in bench.rounds("B4", TARGETS):
            job = bench.task(containers, 1, live=False)
            bench.record("penstock", partial(measure, job, WINDOW_S * min(1.0, bench.scale * 10)))


def measure(job: Task, window: float) -> Row:
    """Take the time to the first event, then memory and CPU over a window."""
    reception = Reception(job.total, len(job.containers))
    program = Process("penstock", penstock(job, reception.port), job.folder)
    began = time.monotonic()
    program.start()
    try:
        first, last = reception.wait("first", program), reception.wait("last", program)
        time.sleep(SETTLE_S)
        foreign = process.Foreign(ours(job) | {program.pid})
        before = process.cpu_seconds(program.pid)
        time.sleep(window)
        used = process.cpu_seconds(program.pid) - before
        result: dict[str, Any] = {
            "first_event_s": first - began,
            "all_events_s": last - began,
            "rss_mb": process.resident_mb(program.pid),
            "max_rss_mb": process.resident_mb(program.pid, "VmHWM"),
            "idle_cpu_percent": used / window * 100,
            "cpu_total_s": process.cpu_seconds(program.pid),
            "foreign_cores": foreign.cores(),
            "exit": program.stop(timeout=30),
        }
        return result | reception.check()
    finally:
        program.end()
        reception.close()

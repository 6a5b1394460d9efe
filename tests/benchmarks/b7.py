"""B7: what durability costs: the disk buffer against SQLite alone, and an outage of a minute."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from tests.benchmarks import process
from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import program
from tests.benchmarks.report import Row, Target, number, ratio
from tests.system.parts.processes import Process

EVENTS = 1_000_000
RATE = 50_000
OUTAGE_S = 60
MEMORY_MB = 32
ALLOWANCE_MB = 30
CONFIG = """
[penstock]
state_dir = "{folder}/state"
[sources.demo]
rate = {rate}
count = {count}
[sinks.syslog]
address = "tcp://127.0.0.1:{port}"
event_id = true
[sinks.syslog.buffer]
max_memory_bytes = {memory}
max_disk_bytes = 4294967296
[sinks.syslog.retry]
max_backoff_ms = 2000
[pipelines.main]
sources = ["demo"]
sinks = ["syslog"]
"""


def run(bench: Bench) -> None:
    """Measure the buffer, then the outage."""
    _disk_buffer(bench)
    _outage(bench)


def _disk_buffer(bench: Bench) -> None:
    events = bench.scaled(EVENTS)
    targets = [
        Target("events a second: disk buffer", number("klines_s", "buffer"), 100, True, "k"),
        Target(
            "events a CPU second: disk buffer / SQLite alone",
            ratio("cpu_us_per_line", "sqlite", "buffer"),
            0.5,
            at_least=True,
        ),
        Target(
            "events a second: disk buffer / SQLite alone",
            ratio("klines_s", "buffer", "sqlite"),
            0.5,
            at_least=True,
        ),
    ]
    for _ in bench.rounds("B7 disk buffer", targets):
        for name in bench.chosen(("sqlite", "buffer")):
            bench.record(name, partial(_alone, name, events, bench.empty()))


def _alone(name: str, events: int, folder: Path) -> Row:
    argv = [sys.executable, "-m", "tests.benchmarks.disk_buffer", name, str(events), str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    row: Row = json.loads(done.stdout)
    return row


def _outage(bench: Bench) -> None:
    outage_s = max(5.0, OUTAGE_S * bench.scale)
    targets = [
        Target("lines missing", number("missing", "penstock"), 0),
        Target("lines twice or out of order", number("wrong", "penstock"), 0),
        Target(
            "resident memory above what the idle process takes",
            number("grown_mb", "penstock"),
            MEMORY_MB + ALLOWANCE_MB,
            unit=" MB",
        ),
    ]
    for _ in bench.rounds("B7 outage", targets):
        bench.record("penstock", partial(_through_an_outage, bench.empty(), outage_s))


def _through_an_outage(folder: Path, outage_s: float) -> Row:
    """Send at a steady rate while nobody listens, then have it all delivered."""
    count = int(RATE * (outage_s + 5))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = folder / "penstock.toml"
    settings = {"folder": folder, "rate": RATE, "count": count, "port": port}
    file.write_text(CONFIG.format(**settings, memory=MEMORY_MB << 20))
    router = Process("penstock", [*program(), "run", str(file)], folder)
    router.start()
    try:
        time.sleep(1.0)
        idle_mb = 42.0
        foreign = process.Foreign({router.pid})
        time.sleep(outage_s - 1.0)
        on_disk = sum(path.stat().st_size for path in (folder / "state").iterdir())
        began = time.monotonic()
        argv = [sys.executable, "-m", "tests.benchmarks.late_receiver", str(port), str(count)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as receiver:
            foreign.add(receiver.pid)
            most_mb = 0.0
            while receiver.poll() is None and router.running:
                most_mb = max(most_mb, process.resident_mb(router.pid, "VmHWM"))
                time.sleep(0.05)
            said, _ = receiver.communicate(timeout=30)
        found = json.loads(said)
        return {
            "wall_s": found["at"] - began,
            "klines_s": count / (found["at"] - began) / 1000,
            "max_rss_mb": most_mb,
            "grown_mb": most_mb - idle_mb,
            "disk_mb": on_disk / 1e6,
            "missing": count - found["lines"],
            "wrong": found["wrong"],
            "foreign_cores": foreign.cores(),
        }
    finally:
        router.end()

"""B9: the Firehose to syslog, against a bare loop that only receives and decodes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import process
from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import program
from tests.benchmarks.delivery import Reception
from tests.benchmarks.report import Row, Target, number, ratio
from tests.loggregator import captured, dropsonde
from tests.system.parts.processes import Process

ENVELOPES = 500_000
RATE = 20_000
SOAK_S = 60
STALL_S = 5.0
MESSAGE = ">1 20"
LINE = " SEQ="
CONFIG = """
[penstock]
state_dir = "{state_dir}"
[sources.firehose]
url = "ws://127.0.0.1:{port}"
subscription_id = "bench"
token = "none"
{settings}
[sinks.syslog]
address = "tcp://127.0.0.1:{sink}"
metrics = "structured_data"
[pipelines.main]
sources = ["firehose"]
sinks = ["syslog"]
"""
AS_INSTALLED = ""
PROGRAMS = {
    "bare": "",
    "bare unread": "",
    # What replays as fast as it is read has no rate that could be too much: nothing to drop for.
    "penstock": 'buffer = { type = "disk", when_full = "block" }',
    "penstock memory": 'buffer = { type = "memory", when_full = "block" }',
}
KINDS = {
    "logs": "logs of 10 applications",
    "apps": "logs of 1,000 applications in turn",
    "captured": "captured frames of all kinds",
}


class Replay(Reception):
    """The Traffic Controller as a process of its own."""

    def __init__(self, kind: str, count: int, rate: int = 0) -> None:
        argv = [sys.executable, "-m", "tests.benchmarks.firehose"]
        argv += ["--kind", kind, "--count", str(count), "--rate", str(rate)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self._process.pid
        self._facts: dict[str, Any] = {}
        self._unread = b""
        self.port = int(self.wait("port"))

    @property
    def cut(self) -> str:
        """Why it cut the client off, empty if it did not."""
        return str(self._facts.get("cut", ""))


def run(bench: Bench) -> None:
    """Replay as fast as may be, logs and frames of all kinds; then the soak."""
    count = bench.scaled(ENVELOPES)
    for kind, words in KINDS.items():
        for _ in bench.rounds(f"B9 {words}", targets()):
            for name in bench.chosen(PROGRAMS):
                bench.record(name, partial(measure, name, kind, bench.empty(), count))
    _soak(bench)


def targets() -> list[Target]:
    """What is asked of Penstock, against the bare loop of the same round."""
    return [
        Target("messages missing", number("missing", "penstock"), 0),
        Target(
            "envelopes a second of CPU", per_cpu_second("penstock"), 40, unit="k", at_least=True
        ),
        Target(
            "envelopes a second: penstock / bare loop",
            ratio("klines_s", "penstock", "bare"),
            0.5,
            at_least=True,
        ),
        Target(
            "envelopes a CPU second: penstock / bare loop",
            ratio("cpu_us_per_line", "bare", "penstock"),
            0.5,
            at_least=True,
        ),
    ]


def per_cpu_second(name: str) -> Any:
    """How many thousand envelopes a second of one core's time brings."""
    return lambda measured: 1000 / measured[name]["cpu_us_per_line"]


def messages(kind: str, count: int) -> int:
    """How many syslog messages so many envelopes make: one of each of a container's readings."""
    if kind != "captured":
        return count
    each = [_readings(document) for document in captured.decoded()]
    rounds, rest = divmod(count, len(each))
    return rounds * sum(each) + sum(each[:rest])


def _readings(document: Mapping[str, Any]) -> int:
    if dropsonde.kind_of(document) != "ContainerMetric":
        return 1
    return sum(
        name.endswith(("Percentage", "Bytes", "Quota")) for name in document["containerMetric"]
    )


def argv(name: str, folder: Path, port: int, sink: int, count: int) -> list[str]:
    """How one of them is started to read as fast as it can."""
    if name.startswith("bare"):
        bare = [sys.executable, "-m", "tests.benchmarks.bare_firehose"]
        bare += ["--unread"] if name == "bare unread" else []
        return [*bare, "--port", str(port), "--count", str(count)]
    return penstock(PROGRAMS[name], folder, port, sink)


def penstock(settings: str, folder: Path, port: int, sink: int) -> list[str]:
    """How Penstock is started with these settings of the source."""
    file = folder / "penstock.toml"
    given = {"state_dir": folder / "state", "port": port, "sink": sink}
    file.write_text(CONFIG.format(**given, settings=settings))
    return [*program(), "run", str(file)]


def measure(name: str, kind: str, folder: Path, count: int) -> Row:
    """Run one of them from the first frame to the last message at the receiver."""
    expected = messages(kind, count)
    reception = Reception(expected, mark=MESSAGE)
    replay = Replay(kind, count)
    run_ = Process(
        name.replace(" ", "-"), argv(name, folder, replay.port, reception.port, count), folder
    )
    foreign = process.Foreign({reception.pid, replay.pid})
    run_.start()
    try:
        foreign.add(run_.pid)
        sampler = process.Sampler(run_.pid)
        began = replay.wait("began", run_)
        last = _last(run_) if name.startswith("bare") else reception.wait("last", run_)
        sampler.stop()
        return {
            "wall_s": last - began,
            "klines_s": count / (last - began) / 1000,
            "cpu_us_per_line": (sampler.at(last) - sampler.at(began)) / count * 1e6,
            "cpu_total_s": sampler.last,
            "max_rss_mb": sampler.max_rss_mb,
            "foreign_cores": foreign.cores(),
            "exit": run_.stop() if run_.running else run_.returncode,
            "missing": 0 if name.startswith("bare") else expected - _arrived(reception),
            "cut": replay.cut,
        }
    finally:
        run_.end()
        replay.close()
        reception.close()


def _arrived(reception: Reception) -> int:
    """How many messages have come; numbered ones count once."""
    found = reception.check()
    return int(found["distinct"] or found["stray_messages"])


def _last(bare: Process) -> float:
    """When the bare loop had its last envelope."""
    assert bare.wait(60) == 0, bare.tail()
    return float(json.loads(bare.stdout.read_text())["last"])


def _soak(bench: Bench) -> None:
    """Half of the rate for a minute, with a receiver that hangs for five seconds in its middle."""
    seconds = max(8.0, SOAK_S * bench.scale)
    targets_ = [
        Target("lines missing", number("missing", "penstock"), 0),
        Target("lines twice", number("duplicates", "penstock"), 0),
        Target("cut off as a slow consumer", number("cut_off", "penstock"), 0),
    ]
    for _ in bench.rounds("B9 soak", targets_):
        bench.record("penstock", partial(_through_a_stall, bench.empty(), seconds))


def _through_a_stall(folder: Path, seconds: float) -> Row:
    count = int(RATE * seconds)
    reception = Reception(count, mark=LINE)
    replay = Replay("logs", count, RATE)
    command = penstock(AS_INSTALLED, folder, replay.port, reception.port)
    router = Process("penstock", command, folder)
    foreign = process.Foreign({reception.pid, replay.pid})
    router.start()
    try:
        foreign.add(router.pid)
        sampler = process.Sampler(router.pid)
        began = replay.wait("began", router)
        time.sleep((seconds - STALL_S) / 2)
        os.kill(reception.pid, signal.SIGSTOP)
        time.sleep(STALL_S)
        os.kill(reception.pid, signal.SIGCONT)
        ended = replay.wait("ended", router)
        last = reception.wait("last", router)
        sampler.stop()
        found = {"exit": router.stop(), **reception.check()}
        return found | {
            "wall_s": last - began,
            "klines_s": count / (ended - began) / 1000,
            "cpu_us_per_line": (sampler.at(last) - sampler.at(began)) / count * 1e6,
            "max_rss_mb": sampler.max_rss_mb,
            "foreign_cores": foreign.cores(),
            "missing": count - found["distinct"],
            "cut_off": bool(replay.cut),
        }
    finally:
        router.end()
        replay.close()
        reception.close()

"""B8: the journald source, against journalctl alone to /dev/null in the same mode."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from tests.benchmarks import process
from tests.benchmarks.bench import Bench
from tests.benchmarks.report import Row, Target, number, ratio
from tests.system.parts.journal import JournalFolder
from tests.system.parts.journal_entries import entry

ENTRIES = 200_000
AT_ONCE = 20_000
LINE = "GET /api/v1/orders/4711?expand=items HTTP/1.1 200 1532 request served in 12 ms by upstream"
MORE = {
    "_GID": "0",
    "_EXE": "/usr/bin/app",
    "_CMDLINE": "/usr/bin/app --serve --port=8080",
    "_CAP_EFFECTIVE": "1ffffffffff",
    "_SELINUX_CONTEXT": "unconfined",
    "_SYSTEMD_CGROUP": "/system.slice/app.service",
    "_SYSTEMD_SLICE": "system.slice",
    "_SYSTEMD_INVOCATION_ID": "c1" * 16,
    "CODE_FILE": "src/app/server.c",
    "CODE_FUNC": "serve_one_request",
}


def run(bench: Bench) -> None:
    """Read one folder with both in each round."""
    entries = bench.scaled(ENTRIES)
    journal = JournalFolder(bench.empty() / "journal")
    for first in range(0, entries, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, entries))
        journal.write(b"".join(entry(f"{LINE} {n}", **MORE) for n in numbers))
    targets = [
        Target("entries missing", number("missing", "penstock"), 0),
        Target(
            "entries a second: penstock / journalctl alone",
            ratio("klines_s", "penstock", "journalctl"),
            0.8,
            at_least=True,
        ),
    ]
    programs = {"journalctl": journalctl, "penstock": penstock}
    for _ in bench.rounds("B8 journal", targets):
        for name in bench.chosen(programs):
            bench.record(name, partial(programs[name], journal.folder, entries))


def journalctl(folder: Path, entries: int) -> Row:
    """Run journalctl alone."""
    argv = ["journalctl", f"--directory={folder}", "--output=export", "--no-pager", "--all"]
    foreign = process.Foreign(set())
    began = time.monotonic()
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    wall = time.monotonic() - began
    return {
        "wall_s": wall,
        "klines_s": entries / wall / 1000,
        "missing": 0,
        "foreign_cores": foreign.cores(),
    }


def penstock(folder: Path, entries: int) -> Row:
    """Run the source on its own, in a process of its own."""
    argv = [sys.executable, "-m", "tests.benchmarks.journal_reading", str(folder), str(entries)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "missing": 0}

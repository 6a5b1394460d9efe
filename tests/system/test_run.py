"""What `penstock run` does to its process."""

from __future__ import annotations

import re
from pathlib import Path

from tests.system.parts.processes import Process
from tests.system.parts.runner import PROGRAM
from tests.system.parts.waiting import eventually

CONFIG = """
[penstock]
state_dir = ""
[sources.demo]
[sinks.console]
[pipelines.main]
sources = ["demo"]
sinks = ["console"]
"""


def test_it_may_open_as_many_files_as_its_user_may(tmp_path: Path) -> None:
    """Each container is a connection, and 1,024 is what a process usually begins with."""
    file = tmp_path / "penstock.toml"
    file.write_text(CONFIG)
    run = Process("run", ["sh", "-c", f"ulimit -Sn 64; exec {PROGRAM} run {file}"], tmp_path)
    run.start()
    try:
        eventually(run.stdout.read_text, "it runs", 30)
        limits = Path(f"/proc/{run.pid}/limits").read_text()
        found = re.search(r"Max open files +(\d+) +(\d+)", limits)
        assert found is not None
        assert found[1] == found[2] != "64"
    finally:
        assert run.stop() == 0

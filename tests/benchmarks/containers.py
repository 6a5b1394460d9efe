"""The containers that print the lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.delivery import Begin
from tests.benchmarks.lines import write_lines
from tests.system.parts.engine import Engine
from tests.system.parts.waiting import eventually

WRITE = "cat /lines; exec sleep 1000000"
IDLE = "echo {name} SEQ=000000000 idle; exec sleep 1000000"
GREET = "until [ -e /go/now ]; do echo {name} hello; usleep 50000; done; " + WRITE
"""Greets until it is told to write: whoever passes the greeting on is attached."""


@contextmanager
def written(engine: Engine, folder: Path, lines: int) -> Iterator[dict[str, str]]:
    """One container that has written its lines and still runs, as name -> id."""
    source = _source(folder, "c01", lines)
    container = engine.run("c01", WRITE, options=["--volume", f"{source}:/lines:ro"])
    try:
        log = Path(engine.get(f"/containers/{container}/json")["LogPath"])
        eventually(lambda: _ends_with(log, lines - 1), "all lines are written", 120.0, 0.1)
        yield {"c01": container}
    finally:
        engine.remove_all()


@contextmanager
def live(
    engine: Engine, folder: Path, names: Sequence[str], lines: int
) -> Iterator[tuple[dict[str, str], Begin]]:
    """Containers that greet, and the call that has all of them write as fast as they can."""
    go = folder / "go"
    go.mkdir()
    containers = {}
    try:
        for name in names:
            source = _source(folder, name, lines)
            options = ["--volume", f"{source}:/lines:ro", "--volume", f"{go}:/go:ro"]
            containers[name] = engine.run(name, GREET.format(name=name), options=options)
        yield containers, (go / "now").touch
    finally:
        engine.remove_all()
        (go / "now").unlink(missing_ok=True)
        go.rmdir()


@contextmanager
def idle(engine: Engine, names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Containers that have written one line and write no more."""
    try:
        yield {name: engine.run(name, IDLE.format(name=name)) for name in names}
    finally:
        engine.remove_all()


def _source(folder: Path, name: str, lines: int) -> Path:
    path = folder / f"{name}-{lines}.lines"
    return path if path.exists() else write_lines(path, name, lines)


def _ends_with(log: Path, number: int) -> bool:
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        return f"SEQ={number:09} ".encode() in file.read()

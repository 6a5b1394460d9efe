"""One invocation: its engine, its folder, its results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.contenders import Task
from tests.benchmarks.report import Row, Target, table
from tests.system.parts.engine import Engine


class Bench:
    """What the benchmarks share: options, a private engine, and where results go.

    ``scale`` shrinks the number of lines for a smoke test: its ratios say nothing. ``programs``
    names the programs to run; empty means all.
    """

    def __init__(
        self, engine: Engine, folder: Path, *, runs: int, scale: float, programs: Sequence[str] = ()
    ) -> None:
        self.engine = engine
        self.folder = folder
        self.runs = runs
        self.scale = scale
        self.results: dict[str, dict[str, Any]] = {}
        self._programs = programs
        self._runs = 0
        self._round: dict[str, Row] = {}

    def scaled(self, lines: int) -> int:
        """So many lines, or fewer in a smoke test."""
        return max(1000, int(lines * self.scale))

    def empty(self) -> Path:
        """A folder of its own for one run."""
        self._runs += 1
        own = self.folder / f"run-{self._runs:03}"
        own.mkdir()
        return own

    def task(self, containers: dict[str, str], lines: int, *, live: bool) -> Task:
        """The task to deliver so many lines of each of the containers."""
        return Task(self.engine, containers, lines, live, self.empty())

    def chosen(self, programs: Iterable[str]) -> list[str]:
        """Those of the programs that are to run, in their order."""
        return [name for name in programs if not self._programs or name in self._programs]

    def rounds(self, name: str, targets: Sequence[Target]) -> Iterator[int]:
        """Run rounds of a benchmark; what is recorded meanwhile is judged and printed after."""
        rounds: list[dict[str, Row]] = []
        for number in range(self.runs):
            self._round = {}
            rounds.append(self._round)
            print(f"{name}: round {number + 1} of {self.runs}", file=sys.stderr, flush=True)
            yield number
        verdicts = [target.judge(rounds) for target in targets]
        self.results[name] = {"rounds": rounds, "targets": verdicts}
        print(table(name, rounds, verdicts), flush=True)

    def record(self, name: str, measure: Callable[[], Row]) -> None:
        """Measure one program of the round; its failure is recorded and ends nothing else."""
        try:
            self._round[name] = measure()
        except (AssertionError, OSError) as error:
            self._round[name] = {"error": str(error)}
            print(f"{name}: {error}", file=sys.stderr, flush=True)

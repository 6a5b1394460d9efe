"""B2: twenty containers that write at once, against one that writes as much."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.b1 import measure_live
from tests.benchmarks.bench import Bench
from tests.benchmarks.report import Target, flaws, ratio

LINES = 50_000
NAMES = [f"c{number:02}" for number in range(1, 21)]
ONE, TWENTY = "1 container", "20 containers"


def run(bench: Bench) -> None:
    """Run Penstock alone, live, both ways in each round."""
    lines = bench.scaled(LINES)
    total = lines * len(NAMES)
    targets = [
        Target("lines missing, twice or out of order", flaws(TWENTY, lambda _: total), 0),
        Target("CPU a line: 20 / 1 container", ratio("cpu_us_per_line", TWENTY, ONE), 1.2),
    ]
    for _ in bench.rounds("B2", targets):
        bench.record(ONE, partial(measure_live, bench, "penstock", NAMES[:1], total))
        bench.record(TWENTY, partial(measure_live, bench, "penstock", NAMES, lines))

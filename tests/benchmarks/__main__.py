"""Run the benchmarks: ``python -m tests.benchmarks [b1 b2 b3 b4 b5 b6 b7 b8 b9]``."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from tests.benchmarks import b1, b2, b3, b4, b5, b6, b7, b8, b9
from tests.benchmarks.bench import Bench
from tests.benchmarks.machine import describe
from tests.system.parts.engine import Engine

BENCHMARKS = {
    "b1": b1.run,
    "b2": b2.run,
    "b3": b3.run,
    "b4": b4.run,
    "b5": b5.run,
    "b6": b6.run,
    "b7": b7.run,
    "b8": b8.run,
    "b9": b9.run,
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--runs", type=int, default=3, help="rounds of each benchmark")
    parser.add_argument("--scale", type=float, default=1.0, help="0.02 for a smoke test")
    parser.add_argument("--programs", default="", help="such as floor,penstock; default: all")
    parser.add_argument("--output", type=Path, default=Path(".bench/results.json"))
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    return options


def main() -> None:
    """Run what was asked for, print tables, write the results."""
    options = arguments()
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    engine = Engine(folder)
    try:
        engine.start()
        programs = [name for name in options.programs.split(",") if name]
        bench = Bench(engine, folder, runs=options.runs, scale=options.scale, programs=programs)
        for name, run in BENCHMARKS.items():
            if name in options.names or not options.names:
                run(bench)
        facts = {"machine": describe(), "scale": options.scale, "benchmarks": bench.results}
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(facts, indent=2) + "\n")
        print(f"\nresults: {options.output}")
    finally:
        engine.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

"""Where Penstock's CPU goes: ``python -m tests.benchmarks.profile_router [--profile]``.

A stand-in engine feeds one container's lines through a real ``penstock run`` to a receiver that
discards them. Without ``--profile`` it prints µs of CPU a line, several times over; with it, the
functions that the time went to. The stand-in's writes are larger than a real engine's, so the
figures are below B1's: compare them with each other only, before and after a change.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks import process
from tests.benchmarks.contenders import PENSTOCK, program
from tests.benchmarks.delivery import Reception
from tests.system.parts.processes import Process


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--lines", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--piece", type=int, default=20_000, help="bytes a write of the engine")
    parser.add_argument("--profile", action="store_true", help="run once under cProfile")
    parser.add_argument("--sort", default="tottime", help="column of the profile to sort by")
    parser.add_argument("--dump", default="", help="file for the raw profile")
    parser.add_argument("--inside", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure, or profile."""
    options = arguments()
    if options.inside:
        return inside(options)
    for _ in range(1 if options.profile else options.runs):
        with tempfile.TemporaryDirectory(prefix="penstock-profile-") as folder:
            once(options, Path(folder))
    return None


def once(options: argparse.Namespace, folder: Path) -> None:
    """Start the stand-in and the receiver, run Penstock between them, report."""
    argv = [sys.executable, "-m", "tests.benchmarks.stand_in", f"--socket={folder}/docker.sock"]
    argv += [f"--lines={options.lines}", f"--piece={options.piece}"]
    engine = subprocess.Popen(argv, stdout=subprocess.PIPE)
    assert engine.stdout
    engine.stdout.readline()
    reception = Reception(options.lines)
    file = folder / "penstock.toml"
    host = f"unix://{folder}/docker.sock"
    settings = {"state_dir": "", "host": host, "start_at": "beginning", "port": reception.port}
    file.write_text(PENSTOCK.format(**settings))
    run = Process("penstock", command(options, file), folder)
    run.start()
    try:
        sampler = process.Sampler(run.pid)
        first, last = reception.wait("first", run), reception.wait("last", run)
        sampler.stop()
        cpu = (sampler.at(last) - sampler.at(first)) / options.lines * 1e6
        code = run.stop(timeout=30)
        found = reception.check()
        wall = (last - first) / options.lines * 1e6
        print(f"{cpu:.2f} µs of CPU a line, {wall:.2f} µs of wall time; exit {code}, {found}")
        print(run.stdout.read_text(), end="")
    finally:
        run.end()
        reception.close()
        engine.kill()
        engine.wait()


def command(options: argparse.Namespace, file: Path) -> list[str]:
    """The command to run: Penstock's, or this module again with a profiler around it."""
    if not options.profile:
        return [*program(), "run", str(file)]
    own = [sys.executable, "-m", "tests.benchmarks.profile_router", f"--inside={file}"]
    return [*own, f"--sort={options.sort}", f"--dump={options.dump}"]


def inside(options: argparse.Namespace) -> None:
    """Run Penstock in this process under cProfile until it is told to stop."""
    from penstock.cli.main import main as penstock

    profiler = cProfile.Profile(time.process_time)
    try:
        profiler.runcall(penstock, ["run", options.inside], standalone_mode=False)
    except SystemExit as ended:
        print(f"exit {ended.code}")
    if options.dump:
        profiler.dump_stats(options.dump)
    pstats.Stats(profiler).strip_dirs().sort_stats(options.sort).print_stats(35)


if __name__ == "__main__":
    main()

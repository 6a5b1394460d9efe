"""A source of numbered lines, and a destination that refuses all of them until it is mended.

Installed as plugins beside the real ones: what they do is in files, so a test can look at it and
change it while the process runs, and after it was killed.
"""

from __future__ import annotations

from pathlib import Path

from tests.plugin_lab import distribute

MODULE = '''
"""Plugins for the tests of dead letters."""

import asyncio
from pathlib import Path

from penstock.api import Batch, Log, Report, Resource, Sink, Source, heap_size, hookimpl


class Numbers(Source):
    """Sends numbered lines, some at a time, and goes on where it was."""

    name = "numbers"

    class Config(Source.Config, frozen=True, kw_only=True):
        count: int = 20

    async def run(self, out):
        number = out.position("n") or 0
        while True:
            while number < self.config.count:
                logs = tuple(Log(n, str(n)) for n in range(number, number + 10))
                batch = Batch(Resource("n"), logs, heap_size(logs))
                number += 10
                await out.send(batch, lane="n", position=number)
            await asyncio.sleep(3600)


class Picky(Sink):
    """Appends lines to a file, or refuses them while there is no file ``mended`` beside it."""

    name = "picky"

    class Config(Sink.Config, frozen=True, kw_only=True):
        folder: str = ""
        seconds: float = 0.0

    async def write(self, batches):
        await asyncio.sleep(self.config.seconds)
        events = [event for batch in batches for event in batch.events]
        folder = Path(self.config.folder)
        if not (folder / "mended").exists():
            return Report({event: "not mended yet" for event in events})
        with (folder / "taken").open("a") as file:
            file.write("".join(f"{event.body}\\n" for event in events))


@hookimpl
def penstock_sources():
    return [Numbers]


@hookimpl
def penstock_sinks():
    return [Picky]
'''


class PickyFolder:
    """Where the destination is, and what makes the process find the plugins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        plugins = folder / "plugins"
        points = {"source-numbers": "penstock_picky", "sink-picky": "penstock_picky"}
        distribute(plugins, "penstock-picky", points, {"penstock_picky": MODULE})
        self.environ = {"PYTHONPATH": str(plugins), "PENSTOCK_STATE_DIR": str(self.state)}

    def config(self, *, count: int = 20, seconds: float = 0.0, sink: str = "picky") -> str:
        """Return a configuration; ``seconds`` is how long a write takes."""
        return f"""
            [penstock]
            drain_timeout_s = 0.5
            [admin]
            listen = "0"
            [sources.numbers]
            count = {count}
            [sinks.{sink}]
            type = "picky"
            folder = "{self.folder}"
            seconds = {seconds}
            [sinks.{sink}.batch]
            max_events = 10
            max_wait_ms = 0
            [pipelines.main]
            sources = ["numbers"]
            sinks = ["{sink}"]
        """

    def mend(self) -> None:
        """Have it take lines from now on."""
        (self.folder / "mended").touch()

    def taken(self) -> list[int]:
        """Return the numbers of the lines that it took."""
        path = self.folder / "taken"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

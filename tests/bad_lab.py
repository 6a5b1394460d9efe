"""Distributions of bad plugins, and of good ones that have to go on beside them."""

from __future__ import annotations

from pathlib import Path

from tests.plugin_lab import distribute

HEAD = """
import asyncio, sys, threading, time
from collections.abc import Sequence
from penstock.api import (
    API_VERSION, Batch, BatchSettings, Log, Resource, Sink, Source, Transform, heap_size, hookimpl,
)
"""

GOOD = """
class Steady(Source):
    '''Sends so many numbered lines, then waits.'''

    name = "steady"

    class Config(Source.Config, frozen=True, kw_only=True):
        count: int = 500

    async def run(self, out):
        done = out.position("lane") or 0
        while done < self.config.count:
            logs = [Log(n, str(n)) for n in range(done, min(done + 10, self.config.count))]
            done += len(logs)
            batch = Batch(Resource(self.context.table), logs, heap_size(logs))
            await out.send(batch, lane="lane", position=done)
            await asyncio.sleep(0.001)
        await asyncio.Event().wait()


class Shelf(Sink):
    '''Appends every line to a file.'''

    name = "shelf"
    default_batch = BatchSettings(max_wait_ms=0)

    class Config(Sink.Config, frozen=True, kw_only=True):
        path: str

    async def write(self, batches):
        with open(self.config.path, "a") as file:
            file.writelines(f"{event.body}\\n" for batch in batches for event in batch.events)


@hookimpl
def penstock_sources():
    return [Steady]


@hookimpl
def penstock_sinks():
    return [Shelf]
"""

SINK = """
class It(Sink):
    name = "{name}"
    default_batch = BatchSettings(max_wait_ms=0)
    {body}

@hookimpl
def penstock_sinks():
    return [It]
"""

BAD_SINKS = {
    "leaky": """
    async def open(self):
        self.task = asyncio.create_task(self.poll())
    async def poll(self):
        while True:
            await asyncio.sleep(0.01)
    async def write(self, batches):
        return None
""",
    "clinging": """
    async def open(self):
        self.task = asyncio.create_task(self.poll())
    async def poll(self):
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass
    async def write(self, batches):
        return None
""",
    "threaded": """
    async def open(self):
        threading.Thread(target=linger).start()
    async def write(self, batches):
        return None
""",
    "quitting": """
    async def open(self):
        self.task = asyncio.create_task(self.quit())
    async def quit(self):
        sys.exit(9)
    async def write(self, batches):
        return None
""",
    "exiting": """
    async def write(self, batches):
        sys.exit(9)
""",
    "sleeping": """
    async def write(self, batches):
        if not hasattr(self, "slept"):
            self.slept = True
            nap()
        return None
""",
    "sideways": """
    order = "sideways"
    async def write(self, batches):
        return None
""",
    "bottomless": """
    in_flight = 0
    async def write(self, batches):
        return None
""",
    "listed": """
    accepts = [Log]
    async def write(self, batches):
        return None
""",
}
TAIL = {
    "sleeping": "def nap():\n    time.sleep(3)\n",
    "threaded": "def linger():\n    threading.Event().wait()\n",
}


def distribute_bad(folder: Path) -> None:
    """Write ``penstock-good`` and a distribution for each bad sink."""
    points = {"source-steady": "penstock_good", "sink-shelf": "penstock_good"}
    distribute(folder, "penstock-good", points, {"penstock_good": HEAD + GOOD})
    for name, body in BAD_SINKS.items():
        module = f"penstock_bad_{name}"
        text = HEAD + SINK.format(name=name, body=body) + TAIL.get(name, "")
        distribute(folder, f"penstock-sink-{name}", {f"sink-{name}": module}, {module: text})
    for owner in ("penstock-sink-twin", "rival"):
        module = f"{owner.replace('-', '_')}_twin"
        text = HEAD + SINK.format(name="twin", body=BAD_SINKS["leaky"])
        distribute(folder, owner, {"sink-twin": module}, {module: text})
    for name, text in {
        "importing": "import module_that_is_not_there",
        "other": HEAD + SINK.format(name="other", body='requires_api = "99.0"'),
    }.items():
        module = f"penstock_bad_{name}"
        distribute(folder, f"penstock-sink-{name}", {f"sink-{name}": module}, {module: text})

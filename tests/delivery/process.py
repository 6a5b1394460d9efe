"""A real process for the tests of signals: ``python -m tests.delivery.process MODE``."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence

from penstock.api import (
    Batch,
    BatchSettings,
    Log,
    Outlet,
    Report,
    Resource,
    Sink,
    Source,
    heap_size,
)
from penstock.config.plan import PenstockSettings, PipelinePlan, Plan, SinkPlan, SourcePlan
from penstock.log import setup_logging
from penstock.runtime import run


class Ticking(Source):
    """Sends a numbered line every few milliseconds; ``count`` ends it."""

    name = "ticking"

    class Config(Source.Config, frozen=True, kw_only=True):
        count: int = 0

    config: Config

    async def run(self, out: Outlet) -> None:
        position = out.position("t")
        number = position if isinstance(position, int) else 0
        while not self.config.count or number < self.config.count:
            logs = (Log(number, str(number)),)
            batch = Batch(Resource("t"), logs, heap_size(logs))
            number += 1
            await out.send(batch, lane="t", position=number)
            await asyncio.sleep(0.005)


class Stubborn(Ticking):
    """Ignores that it is cancelled."""

    name = "stubborn"

    async def run(self, out: Outlet) -> None:
        while True:
            try:
                await super().run(out)
            except asyncio.CancelledError:
                continue


class Threaded(Ticking):
    """Leaves a thread behind that never ends."""

    name = "threaded"

    async def run(self, out: Outlet) -> None:
        hanging = asyncio.create_task(asyncio.to_thread(threading.Event().wait))
        try:
            await super().run(out)
        finally:
            hanging.cancel()


class Printing(Sink):
    """Prints every line at once."""

    name = "printing"

    class Config(Sink.Config, frozen=True, kw_only=True):
        prefix: str = ""

    config: Config

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        for batch in batches:
            for event in batch.events:
                assert type(event) is Log
                sys.stdout.write(f"{self.config.prefix}{event.body}\n")
        sys.stdout.flush()
        return None


class Dead(Printing):
    """Prints, but never says that it has."""

    name = "dead"
    write_timeout_s = None

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        await super().write(batches)
        await asyncio.sleep(3600)
        return None


def plan(source: type[Ticking], sink: type[Printing], count: int = 0, prefix: str = "") -> Plan:
    """Return a plan of one source and one sink."""
    return Plan(
        settings=PenstockSettings(drain_timeout_s=30),
        sources={
            "a": SourcePlan(table="sources.a", component=source, config=Ticking.Config(count=count))
        },
        sinks={
            "x": SinkPlan(
                table="sinks.x",
                component=sink,
                config=Printing.Config(prefix=prefix),
                batch=BatchSettings(max_wait_ms=0),
            )
        },
        pipelines={"main": PipelinePlan(name="main", sources=("a",), sinks=("x",))},
    )


MODES = {
    "steady": plan(Ticking, Printing),
    "ending": plan(Ticking, Printing, count=20),
    "dead": plan(Ticking, Dead),
    "stubborn": plan(Stubborn, Printing),
    "threaded": plan(Threaded, Printing),
}


if __name__ == "__main__":
    setup_logging("json", "info")
    raise SystemExit(
        run(MODES[sys.argv[1]], reload=lambda: plan(Ticking, Printing, prefix="reloaded "))
    )

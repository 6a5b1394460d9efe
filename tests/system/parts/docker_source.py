"""The Docker source alone, in this process, with an outlet that keeps what it gets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from penstock.api import Context, Log, Patterns
from penstock.testing import RecordingOutlet
from penstock_source_docker.selection import LabelPatterns, Matches
from penstock_source_docker.source import Docker


@asynccontextmanager
async def reading(
    host: str,
    positions: Mapping[str, object] | None = None,
    *,
    outlet: RecordingOutlet | None = None,
    log: logging.Logger | None = None,
    **settings: Any,
) -> AsyncIterator[RecordingOutlet]:
    """Run the source against an engine; what it sends is settled at once."""
    source = Docker(Docker.Config(host=host, **settings))
    source.context = Context(table="sources.docker", log=log or logging.getLogger("penstock.test"))
    out = outlet or RecordingOutlet(positions, settle=True)
    await source.open()
    task = asyncio.create_task(source.run(out))
    # Containers that a test starts from now on are new: what is subscribed first is known.
    await asyncio.sleep(0.3)
    try:
        yield out
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await source.close()


def matches(names: str = "", images: str = "", labels: str = "", ids: str = "") -> Matches:
    """Include or exclude, each key with one pattern at most."""
    return Matches(
        names=Patterns(*filter(None, [names])),
        images=Patterns(*filter(None, [images])),
        labels=LabelPatterns(*filter(None, [labels])),
        ids=Patterns(*filter(None, [ids])),
    )


def logs(out: RecordingOutlet, container: str) -> list[Log]:
    """Return a container's log events, in order."""
    return [event for event in out.events(container) if type(event) is Log]


async def ended(engine: Any, container: str, *, timeout: float = 30.0) -> None:
    """Wait until a container has ended, without holding up the source."""
    await asyncio.to_thread(engine.wait, container, timeout)


async def run(engine: Any, *args: str, **options: Any) -> str:
    """Run a script in a container, as ``Engine.run``, without holding up the source."""
    return str(await asyncio.to_thread(engine.run, *args, **options))


async def docker(engine: Any, *args: str) -> str:
    """Run the docker CLI without holding up the source."""
    return str(await asyncio.to_thread(engine.docker, *args))


async def all_of(engine: Any, out: RecordingOutlet, container: str, count: int) -> list[str]:
    """Wait for a container's end and so many lines; return all, after a while for surplus."""
    await ended(engine, container)
    await out.until(lambda: len(logs(out, container)) >= count)
    await asyncio.sleep(0.3)
    return [log.body for log in logs(out, container)]

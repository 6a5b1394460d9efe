"""Waiting, in a test whose servers live in its own event loop, for what a process does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from penstock.testing.http_server import Request
from tests.system.parts.processes import Process


async def until(condition: Callable[[], bool], what: str, process: Process) -> None:
    """Wait until something is so; fail with the process's output after 45 s."""
    try:
        async with asyncio.timeout(45):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within 45 s: {what}\n{process.tail(30)}") from None


async def ended(process: Process) -> int:
    """Wait for a process's end and return its exit status."""
    await until(lambda: not process.running, f"{process.name} ends", process)
    assert process.returncode is not None
    return process.returncode


def ids(requests: list[Request]) -> list[str]:
    """The ids of all events in ndjson bodies."""
    lines = (line for request in requests for line in request.body.splitlines())
    return [line.split(b'"id":"', 1)[1].split(b'"', 1)[0].decode() for line in lines]

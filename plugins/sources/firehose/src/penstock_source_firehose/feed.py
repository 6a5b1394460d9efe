"""What both protocols have in common: a stream of events that is connected to and read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from penstock_source_firehose.client import Client
from penstock_source_firehose.discovery import Found
from penstock_source_firehose.sending import Sending


class Stream(Protocol):
    """One open stream."""

    leaving: asyncio.Event
    """Set once it is about to end, so that another one should be open before."""

    async def read(self, sending: Sending) -> str:
        """Read to the end; return why that may have cost events, empty if it was announced."""

    async def close(self) -> None:
        """Hang up. Safe twice."""


class Feed(Protocol):
    """Opens streams of one protocol."""

    async def connect(self, client: Client, found: Found, header: str) -> Stream:
        """Open a stream.

        ``DeniedError`` if these credentials are refused, ``AwayError`` and ``RefusedError`` else.
        """


class DeniedError(Exception):
    """The credentials were refused: another token may do."""


class Silence:
    """Ends a block with a ``TimeoutError`` when nothing was heard for long.

    Looks now and then instead of at every message: a timer for each costs half as much as reading.
    """

    def __init__(self, limit_s: float) -> None:
        self.heard = 0
        """Counts up with all that comes."""
        self._limit_s = limit_s
        self._before = -1
        self._since = 0.0

    @contextmanager
    def watch(self, scope: asyncio.Timeout) -> Iterator[None]:
        """Keep the scope open as long as something is heard."""
        loop = asyncio.get_running_loop()
        handle: asyncio.TimerHandle | None = None

        def look() -> None:
            nonlocal handle
            now = time.monotonic()
            if self.heard != self._before:
                self._before, self._since = self.heard, now
            elif now - self._since >= self._limit_s:
                scope.reschedule(loop.time())
                return
            handle = loop.call_later(self._limit_s / 8, look)

        look()
        try:
            yield
        finally:
            if handle:
                handle.cancel()


async def room(sending: Sending, silence: Silence) -> None:
    """Wait until there is room: meanwhile it is not the other side that is silent."""
    while sending.is_full:
        silence.heard += 1
        try:
            async with asyncio.timeout(1.0):
                await sending.room()
        except TimeoutError:
            continue

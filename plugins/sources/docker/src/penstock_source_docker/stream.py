"""Reads a long answer at the pace of whoever takes it, in pieces worth taking."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from penstock_source_docker.budget import Budget
from penstock_source_docker.errors import AwayError

GATHER_S = 0.0005
"""How long lines may gather in the socket: Docker writes each by itself (decision 0002)."""

FULL_BYTES = 32_768
"""A read of this size was worth it: there is no need to wait for more."""

BUSY_S = 0.002
"""After reads that were further apart there is nothing to gather."""


class Stream:
    """The body of an answer without an end of its own.

    The socket is paused whenever nobody waits in ``read``: what is not taken stays with Docker,
    and lines gather. All that was read counts against a budget until ``taken``.
    """

    def __init__(self, response: aiohttp.ClientResponse, budget: Budget) -> None:
        self._response = response
        self._budget = budget
        self._held = 0
        self._gather = False
        self.last_read = time.monotonic()
        """When something came last, in monotonic seconds."""
        self.waiting = False
        """Whether somebody waits for more."""
        connection = response.connection
        self._transport = connection.transport if connection else None
        self._pause()

    async def read(self) -> bytes:
        """Return what is there, waiting for something; empty at the end."""
        self.taken()
        if self._gather:
            await asyncio.sleep(GATHER_S)
        if self._budget.full:
            await self._budget.room()
        self.waiting = True
        if self._transport:
            self._transport.resume_reading()
        try:
            data = await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise AwayError(f"the engine's answer broke off: {error}") from error
        finally:
            self.waiting = False
            self._pause()
        now = time.monotonic()
        self._gather = now - self.last_read < BUSY_S and len(data) < FULL_BYTES
        self.last_read = now
        self._held = len(data)
        self._budget.force(self._held)
        return data

    def taken(self) -> None:
        """Say that what was read is no longer held."""
        self._budget.give(self._held)
        self._held = 0

    def close(self) -> None:
        """Hang up. Safe to call twice."""
        self.taken()
        self._response.close()

    def _pause(self) -> None:
        if self._transport:
            self._transport.pause_reading()

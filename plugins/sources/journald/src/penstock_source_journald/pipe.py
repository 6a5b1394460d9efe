"""Reads a pipe in large pieces, although it is filled in small ones."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress

PIPE_BYTES = 1_048_576
READ_BYTES = 262_144
FULL_BYTES = 32_768
"""A read of so much is worth the work on it."""

GATHER_S = 0.001
CLOSE_S = 0.002
"""Reads that follow each other so closely are of a stream in full flow."""


class Pipe:
    """A pipe's reading end; ``writer`` is for the process that fills it.

    What is not asked for stays in the pipe, and its writer waits. A read may be cancelled: what
    it has is in the next one.
    """

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        # Beyond what the kernel grants an unprivileged user the usual 64 KiB have to do.
        with suppress(OSError):
            fcntl.fcntl(self._reader, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._held = b""
        self._last = 0.0
        self._is_heard = False

    async def read(self) -> bytes:
        """Return what there is, nothing at the end."""
        loop = asyncio.get_running_loop()
        if not self._held:
            self._held = await self._some()
            flows = loop.time() - self._last < CLOSE_S
            if flows and 0 < len(self._held) < FULL_BYTES:
                await asyncio.sleep(GATHER_S)
                with suppress(BlockingIOError):
                    self._held += os.read(self._reader, READ_BYTES)
        data, self._held = self._held, b""
        self._last = loop.time()
        return data

    async def _some(self) -> bytes:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(BlockingIOError):
                return os.read(self._reader, READ_BYTES)
            ready = loop.create_future()
            loop.add_reader(self._reader, _wake, ready)
            try:
                await ready
            finally:
                loop.remove_reader(self._reader)

    def listen(self, hear: Callable[[bytes], None]) -> None:
        """Have all that comes handed over, nothing at the end; not for a pipe that is read."""
        asyncio.get_running_loop().add_reader(self._reader, self._hand_over, hear)
        self._is_heard = True

    def _hand_over(self, hear: Callable[[bytes], None]) -> None:
        with suppress(BlockingIOError):
            data = os.read(self._reader, READ_BYTES)
            if not data:
                self._deafen()
            hear(data)

    def _deafen(self) -> None:
        if self._is_heard:
            self._is_heard = False
            asyncio.get_running_loop().remove_reader(self._reader)

    def close_writer(self) -> None:
        """Leave the writing end to the process alone, so that its end is the pipe's."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def close(self) -> None:
        """Close both ends. Safe twice."""
        self.close_writer()
        if self._reader >= 0:
            self._deafen()
            os.close(self._reader)
            self._reader = -1


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)

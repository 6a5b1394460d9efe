"""A thread that iterates a blocking generator, a few items ahead of the loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import closing, suppress
from contextvars import copy_context
from threading import Condition, Thread
from typing import Self

from penstock.api.authoring.positioned import Yielded
from penstock.api.errors import PluginError

AHEAD = 16
"""So many items wait for the loop before the thread does."""

STOP_S = 0.4
"""How long a stop waits for the thread to come to its next item."""


class Bridge:
    """Iterates a generator in a thread of its own, from start to close.

    A thread cannot be interrupted: a generator that is in a blocking call at a stop is closed
    when it yields next, and let go of if that takes too long.
    """

    def __init__(self, generator: Generator[Yielded, None, None], name: str) -> None:
        self._generator = generator
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._shelf: deque[Yielded] = deque()
        self._change = Condition()
        self._is_stopped = False
        self._error: BaseException | None = None
        self._thread = Thread(target=copy_context().run, args=(self._run,), name=name, daemon=True)
        self._is_started = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Yielded:
        if not self._is_started:
            self._is_started = True
            self._thread.start()
        while not self._shelf:
            if self._ended.is_set():
                self._finish()
            self._wake.clear()
            await self._wake.wait()
        return self._take()

    @property
    def is_alive(self) -> bool:
        """Whether the thread has not ended, although it was told to."""
        return self._is_started and not self._ended.is_set()

    def rest(self) -> Iterable[Yielded]:
        """Return what was read and not yet taken, once it is closed."""
        with self._change:
            rest, self._shelf = self._shelf, deque()
        return rest

    async def aclose(self) -> None:
        """Have the generator closed at its next item, and wait for that, but not for ever."""
        with self._change:
            self._is_stopped = True
            self._change.notify()
        if self._is_started:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._ended.wait()
                self._thread.join(STOP_S)

    def _take(self) -> Yielded:
        with self._change:
            item = self._shelf.popleft()
            if len(self._shelf) == AHEAD // 2:
                self._change.notify()
        return item

    def _finish(self) -> None:
        if isinstance(self._error, Exception):
            raise self._error
        if self._error is not None:  # SystemExit would end more than this source.
            raise PluginError(f"the generator raised {self._error!r}") from self._error
        raise StopAsyncIteration

    # In the thread.

    def _run(self) -> None:
        try:
            with closing(self._generator):
                for item in self._generator:
                    if not self._put(item):
                        break
        except BaseException as error:
            self._error = error
        self._tell(self._end)

    def _put(self, item: Yielded) -> bool:
        """Hand an item over, wait while there are too many, and say whether to go on."""
        with self._change:
            self._shelf.append(item)
            if len(self._shelf) == 1:
                self._tell(self._wake.set)
            if len(self._shelf) >= AHEAD:
                # Until half of it is taken: a switch of threads for every item would be slow.
                self._change.wait_for(self._goes_on)
            return not self._is_stopped

    def _goes_on(self) -> bool:
        return self._is_stopped or len(self._shelf) <= AHEAD // 2

    def _tell(self, what: object) -> None:
        with suppress(RuntimeError):  # The loop is closed: nobody waits.
            self._loop.call_soon_threadsafe(what)  # type: ignore[arg-type]

    def _end(self) -> None:
        self._ended.set()
        self._wake.set()

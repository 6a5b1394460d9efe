"""A sink whose client blocks: its calls are made in a thread of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, TypeVar

from penstock.api.authoring.worker import Worker
from penstock.api.component import Component, Sink
from penstock.api.delivery import Report
from penstock.api.errors import PluginError, RetryableError
from penstock.api.event import Batch

T = TypeVar("T")


class ThreadedSink(Sink):
    """Write ``write_blocking`` and, where there is something to open, the other two.

    They are called one after the other in one thread, so that a client need not be safe for
    several. An ``OSError`` counts as ``RetryableError``. A write that is cancelled, because it
    takes too long or at a stop, cannot be stopped: the thread goes on with it, and the next one
    waits, unless ``interrupt`` ends it. ``in_flight`` stays 1.
    """

    close_timeout_s: ClassVar[float] = 5.0
    """How long ``close`` waits for the call that is under way, before it lets the thread go."""

    def __init__(self, config: Component.Config) -> None:
        super().__init__(config)
        if type(self).write_blocking is ThreadedSink.write_blocking:
            raise PluginError(f"{type(self).__name__} has no write_blocking(batches)")
        self._worker: Worker | None = None
        self._is_open: dict[Worker, bool] = {}

    def open_blocking(self) -> None:
        """Make ready, as ``open``. It may be called again if it failed."""

    def write_blocking(self, batches: Sequence[Batch]) -> Report | None:
        """Deliver the batches, as ``write``: return only when the destination has them."""
        raise NotImplementedError

    def close_blocking(self) -> None:
        """Let go of everything. It is called once, also after an ``open_blocking`` that failed."""

    def interrupt(self) -> None:
        """Have the call that is under way fail soon, such as by closing its connection.

        Called from outside of the thread, which may be through with it by then.
        """

    async def open(self) -> None:
        """Start the thread and have it open the client."""
        if self._worker is None:
            self._worker = Worker(f"penstock-{self.context.table or self.name}")
        await self._call(self._worker, partial(self._open_once, self._worker))

    async def check(self) -> None:
        """Open, for ``penstock check --connect``."""
        await self.open()

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        """Have the thread write the batches."""
        if self._worker is None:
            raise RetryableError("it is not open")
        return await self._call(self._worker, partial(self.write_blocking, batches))

    async def close(self) -> None:
        """Have the thread close the client and end, or let it go if it does not come back."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if worker.is_busy:
            self._interrupt()
        if not await worker.end(partial(self._close_once, worker), self.close_timeout_s):
            self.context.log.warning(
                "a blocking call did not come back within %g s: its thread is left behind",
                self.close_timeout_s,
            )

    async def _call(self, worker: Worker, function: Callable[[], T]) -> T:
        try:
            return await worker.call(function)
        except asyncio.CancelledError:
            if worker.is_busy:
                self._interrupt()
            raise
        except OSError as error:
            raise RetryableError(str(error) or type(error).__name__) from error

    # In the thread; by worker, as one that was left behind may still be at work.

    def _open_once(self, worker: Worker) -> None:
        """Open, unless an earlier call did that nobody waited for to its end."""
        if not self._is_open.get(worker):
            self._is_open[worker] = False
            self.open_blocking()
            self._is_open[worker] = True

    def _close_once(self, worker: Worker) -> None:
        """Close what was opened, or tried to be."""
        if self._is_open.pop(worker, None) is not None:
            self.close_blocking()

    def _interrupt(self) -> None:
        try:
            self.interrupt()
        except Exception as error:
            self.context.log.error("interrupt raised", exc_info=error)

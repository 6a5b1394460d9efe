"""One life of a source: opened, run as core runs it, stopped and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from penstock.api.component import Source
from penstock.api.errors import RetryableError
from penstock.testing.outlet import RecordingOutlet
from penstock.testing.stepping import Steps
from penstock.testing.watch import Watch


class SourceRun:
    """Runs a source against a ``RecordingOutlet``, again after each ``RetryableError``.

    ``error`` is what it raised otherwise. With ``cancel_at`` its run is cancelled at that await;
    ``steps`` counts them.
    """

    def __init__(
        self,
        source: Source,
        outlet: RecordingOutlet,
        *,
        patience_s: float = 5.0,
        cancel_at: int = 0,
    ) -> None:
        self.source = source
        self.outlet = outlet
        self.watch = Watch()
        self.patience_s = patience_s
        self.error: BaseException | None = None
        self.retried: list[RetryableError] = []
        self.is_stuck = False
        self.steps = Steps(cancel_at)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._open()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def ended(self) -> bool:
        """Whether ``run`` is over, for whatever reason."""
        return self._task is None or self._task.done()

    async def until(self, condition: Callable[[], object]) -> bool:
        """Wait until a condition on the outlet holds; say whether it does before patience ends."""
        waiting = asyncio.create_task(self.outlet.until(condition, timeout=self.patience_s))
        watched = {waiting, self._task} if self._task else {waiting}
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        if self.ended:
            await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return bool(condition())

    async def lines(self, count: int) -> list[str]:
        """Wait for so many lines, and a moment for what should not come; return all."""
        await self.until(lambda: len(self.outlet.lines()) >= count)
        await asyncio.sleep(0.02)
        return self.outlet.lines()

    async def cancelled(self) -> bool:
        """Wait until the chosen await was reached; say whether it was before all was quiet."""
        quiet = rounds = 0
        while not self.ended and quiet < 10 and rounds < 50 * self.patience_s:
            before = len(self.outlet.sent)
            await asyncio.sleep(0.02)
            quiet = quiet + 1 if len(self.outlet.sent) == before else 0
            rounds += 1
        return self.steps.was_reached

    async def stop(self) -> None:
        """Cancel ``run`` and close the source, as core does."""
        await self.end()
        await self.watch.run(self.source.close(), timeout=self.patience_s)

    async def end(self) -> None:
        """Cancel ``run`` and wait for it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            _, waiting = await asyncio.wait([task], timeout=self.patience_s)
            self.is_stuck = bool(waiting)

    async def _open(self) -> None:
        for _ in range(50):
            try:
                return await self.watch.run(self.source.open(), timeout=self.patience_s)
            except RetryableError as error:
                self.retried.append(error)
                await asyncio.sleep(0.02)
        raise self.retried[-1]

    async def _run(self) -> None:
        while True:
            try:
                return await self._watched()
            except RetryableError as error:
                self.retried.append(error)
                await asyncio.sleep(0.02)
            except Exception as error:
                self.error = error
                return None

    async def _watched(self) -> None:
        task = self.watch.start(self.source.run(self.outlet), self.steps)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            # Cancelled from outside, or by the step; either way the source has to come to its end.
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and isinstance(error := task.exception(), Exception):
                self.error = error
            raise

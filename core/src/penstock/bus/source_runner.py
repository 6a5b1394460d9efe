"""One source's task: runs it, and runs it again after what waiting can mend."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from penstock.api.component import Source
from penstock.api.errors import ConfigError
from penstock.api.settings import BufferSettings, RetrySettings
from penstock.bus.intake import Intake
from penstock.bus.outlet import SourceOutlet
from penstock.bus.pipeline import Pipeline
from penstock.bus.services import Services
from penstock.delivery.governor import Governor
from penstock.guard import call, close, complain, contained, in_time, is_cancelled

STEADY_S = 60.0
"""A source that ran this long starts its next backoff from the beginning."""


class SourceRunner:
    """Opens a source, calls its ``run`` until it returns, and backs off when it fails."""

    def __init__(
        self,
        table: str,
        source: Source,
        services: Services,
        buffer: BufferSettings | None = None,
    ) -> None:
        self.table = table
        self.source = source
        self.intake = Intake(table, source.name, services, buffer) if buffer else None
        self.outlet = self.intake or SourceOutlet(table, source.name, services)
        self.log = logging.getLogger(f"penstock.{table}")
        self.governor = Governor(RetrySettings())
        self.ended = False
        """Whether the source came to the end of its input."""
        self.broken = ""
        self.refused = False
        """Whether an operator has to see to what failed last."""
        self._is_open = self._is_reading = False

    @property
    def state(self) -> str:
        """What it does: ``running``, ``waiting`` to run again, ``not open`` yet or ``ended``."""
        if self.ended:
            return "ended"
        if self._is_reading:
            return "running"
        return "waiting" if self._is_open else "not open"

    def connect(self, pipelines: Sequence[Pipeline]) -> None:
        """Send everything from now on into these pipelines."""
        self.outlet.connect(pipelines)

    async def open(self) -> bool:
        """Open the source; say whether it is open. A ``ConfigError`` is the caller's."""
        try:
            await in_time(self.source.open)
        except ConfigError:
            raise
        except Exception as error:
            self._failed("not open yet", error)
        else:
            self._is_open = True
        return self._is_open

    async def run(self) -> None:
        """Return at the end of input; cancel to stop."""
        if self.intake is None:
            await self._run()
            return
        self.intake.buffer.attach()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.intake.hand_on())
            await self._run()
            self.intake.end()

    async def stop(self) -> None:
        """Close the source; nothing that it still sends reaches a sink in this process."""
        self.outlet.shut()
        await close(self.source, self.log)

    def leave(self) -> int:
        """Return how many events were taken in and could be neither handed on nor kept."""
        return self.intake.leave() if self.intake else 0

    def count_unwritten(self) -> int:
        """Count what was to be left on disk and could not be written."""
        return self.intake.count_unwritten() if self.intake else 0

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while not self.ended and not is_cancelled():
            await self.governor.ready()
            started = clock()
            try:
                if self._is_open or await self.open():
                    await self._call()
                    self.ended = True
            except Exception as error:
                if clock() - started > STEADY_S:
                    self.governor.succeeded()
                self._failed("stopped", error)

    async def _call(self) -> None:
        self._is_reading = True
        try:
            with contained:
                # A task apart: before 3.13 a TaskGroup that fails leaves its own as if cancelled.
                await asyncio.create_task(call(partial(self.source.run, self.outlet)))
        finally:
            self._is_reading = False

    def _failed(self, what: str, error: Exception) -> None:
        self.refused = isinstance(error, ConfigError)
        wait = self.governor.raised(error)
        complain(self.log, self.source, what, error, retry_in_s=round(wait, 1))

"""One sink's task: takes batches from its buffer, has them written, settles or tries again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from penstock.api.component import Sink
from penstock.api.errors import ConfigError, RetryableError
from penstock.api.event import Batch, Event, Resource
from penstock.api.settings import BatchSettings, BufferSettings, DeadLetterSettings, RetrySettings
from penstock.bus.attempts import Attempts
from penstock.bus.buffer import Buffer
from penstock.bus.schedule import Schedule
from penstock.bus.services import Services
from penstock.bus.settling import Settling
from penstock.bus.spooling import PATIENCE_S, SpoolingBuffer
from penstock.bus.tasks import spawn
from penstock.bus.write import Write
from penstock.delivery.governor import Governor
from penstock.delivery.page import leave_on_disk
from penstock.guard import blame, close, complain, contained, end, in_time, is_told_to_end


class SinkRunner:
    """Owns a sink's buffer and calls the sink, as its order and its settings say."""

    def __init__(
        self,
        table: str,
        sink: Sink,
        services: Services,
        *,
        batch: BatchSettings | None = None,
        buffer: BufferSettings | None = None,
        retry: RetrySettings | None = None,
        dead_letter: DeadLetterSettings | None = None,
        configuration: str = "",
    ) -> None:
        self.table = table
        self.sink = sink
        self.ledger = services.ledger
        self.log = logging.getLogger(f"penstock.{table}")
        letters = dead_letter or DeadLetterSettings()
        self.settling = Settling(table, sink, services, letters, configuration=configuration)
        self._spool = services.spool(table)
        self.buffer = self._make_buffer(buffer or sink.default_buffer)
        retry = retry or RetrySettings()
        self.governor = Governor(retry)
        self._schedule = Schedule(sink, self.buffer, self.governor, batch or sink.default_batch)
        if self._spool and isinstance(self.buffer, SpoolingBuffer):
            self.buffer.before_spill = partial(self._schedule.secure, self._spool)
        self._attempts = Attempts(sink, self.governor, self.settling, services, retry.max_attempts)
        self._writing: dict[Write, asyncio.Task[None]] = {}
        self._sleep: asyncio.Future[None] | None = None
        self._draining: asyncio.Task[None] | None = None
        self.is_open = False
        self.broken = ""

    def _make_buffer(self, settings: BufferSettings) -> Buffer:
        settling = self.settling
        if self._spool is None:
            return Buffer(settings, self.wake, settling.dropped)
        return SpoolingBuffer(
            settings, self.wake, settling.dropped, self._spool, self._is_behind, settling.lost
        )

    # --- what pipelines call -------------------------------------------------------------

    def put(self, batch: Batch) -> None:
        """Take a batch on this sink's account and into its buffer."""
        if self.broken:
            self.settling.bury(batch.resource, batch.events, self.broken)
            return
        if not self.sink.accepts.issuperset(map(type, batch.events)):
            accepted = self.settling.only_accepted(batch)
            if accepted is None:
                return
            batch = accepted
        self.settling.enter(batch)
        self.buffer.put(batch)

    def bury(self, resource: Resource, events: Sequence[Event], reason: str) -> None:
        """Dead-letter events that never reached the buffer."""
        self.settling.bury(resource, events, reason)

    # --- its life ------------------------------------------------------------------------

    async def open(self) -> bool:
        """Open the sink; say whether it is open. A ``ConfigError`` is the caller's.

        What the outside world refused is tried again by ``run``; a plugin's own error marks the
        sink as broken, and all that is meant for it is dead-lettered.
        """
        try:
            await in_time(self.sink.open)
        except ConfigError:
            raise
        except Exception as error:
            self._not_opened(error)
        else:
            self.is_open = True
        return self.is_open

    async def run(self) -> None:
        """Write until drained. What waits on disk for a broken sink stays there."""
        self.buffer.attach(reads=not self.broken)
        await self._until_open()
        while not is_told_to_end() and (write := await self._next()) is not None:
            if len(self._schedule.open) == 1:
                self._attempts.progressed = asyncio.get_running_loop().time()
            if self.sink.in_flight == 1:
                await self._write(write)
            else:
                self._writing[write] = spawn(self._write(write), self.table)

    def drain(self) -> None:
        """Have ``run`` return once everything that waits is settled."""
        self._schedule.closing = True
        self.buffer.let_all_go()
        self.buffer.drain()
        self.wake()

    def wake(self) -> None:
        """Have ``run`` look again at what there is to do."""
        if self._sleep and not self._sleep.done():
            self._sleep.set_result(None)

    async def stop(self) -> None:
        """End open writes and close the sink. Call it when ``run`` is done or cancelled."""
        await end(task for task in (*self._writing.values(), self._draining) if task)
        await close(self.sink, self.log)

    def leave(self, reason: str = "drain_timeout", *, commit: bool = False) -> int:
        """Put what is left on disk, else count it as abandoned; return how many events that was.

        Without ``commit`` the positions of what is abandoned stay, so that it is read again at the
        next start.
        """
        batches = self._schedule.give_up()
        self.buffer.detach()
        if self.buffer.keep(batches):
            if kept := sum(len(batch.events) for batch in batches):
                self.log.warning("left on disk for later", extra={"events": kept})
            return 0
        gone = [batch for batch in batches if not leave_on_disk(batch, self.table)]
        for batch in gone:
            self.settling.abandon(batch, reason, commit=commit)
        if left := sum(len(batch.events) for batch in gone):
            self.log.error("abandoned at the deadline", extra={"events": left})
        return left

    def count_unwritten(self, reason: str = "drain_timeout") -> int:
        """Count as abandoned what was to be left on disk and could not be written."""
        pages = self._spool.unwritten() if self._spool else ()
        left = sum(self.settling.abandon_page(page, reason) for page in pages)
        if left:
            self.log.error("abandoned: the state cannot be written", extra={"events": left})
        return left

    def adopt(self, predecessor: SinkRunner) -> None:
        """Write first what a predecessor on the same table had to leave."""
        for batch in (*predecessor._schedule.give_up(), *self.buffer.clear()):
            self.buffer.enter(batch)
        if self.broken:
            self._refuse_waiting()

    def _is_behind(self) -> bool:
        """Say whether it is more than slow: nothing comes through at the moment."""
        if not self.is_open or self.governor.circuit != "closed":
            return True
        idle = asyncio.get_running_loop().time() - self._attempts.progressed
        return bool(self._schedule.open) and idle > PATIENCE_S

    # --- one write after the other -------------------------------------------------------

    async def _next(self) -> Write | None:
        """Return the next write to start, waiting for one; None when drained."""
        schedule = self._schedule
        while schedule.open or not schedule.is_drained:
            if write := schedule.next():
                return write
            if schedule.awaits_open:
                self._drain_sink()
            await self._nap(schedule.due)
        return None

    async def _nap(self, seconds: float | None) -> None:
        """Wait until ``wake``, or for so long at most."""
        loop = asyncio.get_running_loop()
        self._sleep = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self.wake)
        try:
            await self._sleep
        finally:
            if timer:
                timer.cancel()

    async def _write(self, write: Write) -> None:
        if self._schedule.recovering:  # One before it failed while this task was about to start.
            again = [write]
        else:
            said = await self._attempts.call(write)
            if write not in self._schedule.open:
                return  # It was given up: the sink ignored that it was cancelled.
            again = self._attempts.judge(write, said)
        self._writing.pop(write, None)
        self._schedule.ended(write, again)
        self.wake()

    def _drain_sink(self) -> None:
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._call_drain())

    async def _call_drain(self) -> None:
        try:
            with contained:
                await self.sink.drain()
        except Exception as error:
            complain(self.log, self.sink, "drain failed", error)

    # --- opening -------------------------------------------------------------------------

    async def _until_open(self) -> None:
        """Open it until it is open, broken, or has nothing to be open for."""
        while not (self.is_open or self.broken or self._schedule.is_drained):
            if wait := self.governor.wait:
                await self._nap(wait)
            else:
                await self._open_again()

    async def _open_again(self) -> None:
        try:
            await self.open()
        except ConfigError as error:
            self.log.error("cannot be opened: %s", error)
            self.governor.raised(error)

    def _not_opened(self, error: Exception) -> None:
        if isinstance(error, OSError | RetryableError):
            wait = self.governor.raised(error)
            complain(self.log, self.sink, "not open yet", error, retry_in_s=round(wait, 1))
            return
        self.broken = f"{self.table} failed to open: {type(error).__name__}: {error}"
        blame(self.log, self.sink, "open failed and its events are dead-lettered", error)
        self.buffer.let_all_go()
        self.buffer.detach()
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        for batch in self.buffer.clear():
            self.settling.refuse(batch, batch.events, self.broken, "plugin_error")
            self.settling.release(batch)

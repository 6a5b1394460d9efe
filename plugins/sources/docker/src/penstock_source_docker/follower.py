"""Follows one container through its runs, until it is gone."""

from __future__ import annotations

import asyncio
import time
from enum import Enum

import msgspec
from msgspec.structs import replace

from penstock_source_docker.answers import Details
from penstock_source_docker.attributes import MAX_NAME
from penstock_source_docker.backoff import Backoff
from penstock_source_docker.beginning import Beginning, beginning
from penstock_source_docker.departed import UNSEEN
from penstock_source_docker.errors import AnswerError, AwayError, BrokenStreamError
from penstock_source_docker.opening import Opening
from penstock_source_docker.position import Position
from penstock_source_docker.pump import Pump
from penstock_source_docker.retention import retention
from penstock_source_docker.risk import Risk
from penstock_source_docker.sending import Sending
from penstock_source_docker.shared import Shared
from penstock_source_docker.skips import Skips
from penstock_source_docker.text import bounded

JOURNAL_PATIENCE_S = 1.0
"""With journald the rest of a line may never come: it drops it where it fills its frames."""

STEADY_S = 5.0
"""After a stream that lasted so long the next one is opened without waiting."""

CANNOT_READ = 501
SILENT = (404, 409, CANNOT_READ)
"""What is answered for a container that is going, or is complained of elsewhere."""

UNFINISHED = "the container was removed while its log could not be read"
CUT_SHORT = "the container was removed, and Docker ended its log before the last line"


class End(Enum):
    """Why there is nothing more to do for a container."""

    GONE = "gone"
    LEFT_OUT = "left out"
    UNREADABLE = "unreadable"


class Follower:
    """The way of one container's log, from where it was left."""

    def __init__(self, shared: Shared, details: Details) -> None:
        self.details = details
        self.dormant = False
        """Whether it has read everything of a container that does not run."""
        self._shared = shared
        self._has_started = details.state.started > 0
        self._has_ended = False
        self._end = 0
        self._wake = asyncio.Event()
        self._backoff = Backoff()
        self._interrupted = False
        self._complaint = ""
        resource, self._taken = shared.attributes.resource(details)
        start = self._left_at()
        position = replace(start.position, name=bounded(details.plain_name, MAX_NAME))
        self._sending = Sending(shared.out, details.id, resource, position)
        self._pump = self._make_pump(start)

    @property
    def name(self) -> str:
        """The container's name."""
        return self.details.plain_name

    async def run(self) -> End:
        """Read all runs of the container."""
        try:
            if not self._has_started:
                await self._sleep()
            self._sending.begin()
            return await self._read_runs()
        finally:
            self._sending.at_risk(None)
            self._pump.close()
            self._shared.budgets.attributes.give(self._taken)

    def wake(self, *, started: bool = False) -> None:
        """Say that it was started, or removed."""
        self._has_started |= started
        self._has_ended &= not started
        self._wake.set()

    def ended(self, time: int) -> None:
        """Say when it ended: what is on disk now stays there."""
        self._end = time
        self._has_ended = True

    def assess(self, now: int) -> None:
        """Say how soon lines of it will be lost, if that is to be feared."""
        has_all = self.dormant or self._has_ended
        self._sending.at_risk(None if has_all else self._pump.seconds_to_loss(now))

    def restart(self) -> None:
        """Have its stream opened anew."""
        self._pump.restart()

    async def probe(self, idle_s: float) -> None:
        """Have its stream opened anew if it is silent although there is something new."""
        await self._pump.probe(idle_s)

    def rename(self, details: Details) -> None:
        """Take over what is known now; what is sent from now on has the new name."""
        self.details = details
        self._shared.budgets.attributes.give(self._taken)
        self._sending.resource, self._taken = self._shared.attributes.resource(details)

    async def _read_runs(self) -> End:
        """Read on from one run to the next until there is nothing more to do."""
        follow = True
        if self.details.state.running:
            self._sending.mark(finished=False)
        while True:
            self._wake.clear()
            run = self.details.state.started
            failure = await self._read(follow=follow)
            if isinstance(failure, AnswerError) and failure.status == CANNOT_READ:
                self._warn_unreadable(failure)
                self._sending.retire()
                return End.UNREADABLE
            details = await self._inspect()
            if details is None:
                await self._say_farewell()
                return End.GONE
            self.details = details
            if failure or (details.state.running and details.state.started == run):
                await self._pause()
                follow = True
            elif follow and not details.state.running:
                # The end of a stream does not say whether the container ended or the connection
                # did: only a read that began after the container's end has all of it.
                follow = False
            else:
                await self._until_it_runs()
                follow = True

    async def _until_it_runs(self) -> None:
        """Have the run that was read to its end count as finished while no other one begins."""
        self._steady()
        if not self.details.state.running:
            self._sending.mark(finished=True)
            await self._sleep()
            self._sending.mark(finished=False)

    async def _read(self, *, follow: bool) -> Exception | None:
        """Read one stream to its end; return what went wrong, if anything did."""
        began = time.monotonic()
        self._pump.entered = False
        failure: Exception | None = None
        try:
            await self._pump.run(follow=follow)
        except (AnswerError, AwayError, BrokenStreamError) as error:
            failure = error
        if self._pump.entered:
            self._interrupted = False
        if isinstance(failure, AwayError):
            self._interrupted = True
        elif failure:
            self._complain(failure)
        if time.monotonic() - began > STEADY_S:
            self._steady()
        return failure

    def _steady(self) -> None:
        self._backoff.reset()
        self._complaint = ""

    async def _inspect(self) -> Details | None:
        """Inspect the container, however long that takes; None if it is gone."""
        while True:
            try:
                return await self._shared.engine.details(self.details.id)
            except AwayError:
                self._interrupted = True
                await self._pause()
                await self._shared.up.wait()
            except AnswerError as error:
                self._complain(error)
                await self._pause()

    async def _pause(self) -> None:
        """Wait before the next attempt, unless something happens to the container."""
        try:
            async with asyncio.timeout(self._backoff.next()):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _sleep(self) -> None:
        self.dormant = True
        await self._wake.wait()
        self.dormant = False

    async def _say_farewell(self) -> None:
        await self._pump.finish()
        if self._interrupted:
            self._sending.lose(UNFINISHED)
        elif self._has_started and not self._pump.has_read:
            self._sending.lose(UNSEEN)
        elif self._pump.ended_early(self._end):
            self._sending.lose(CUT_SHORT)
        await self._sending.say_gap()
        self._sending.retire()

    def _make_pump(self, start: Beginning) -> Pump:
        driver = self.details.host_config.log_config
        journald = driver.type == "journald"
        opening = Opening(
            self._shared, self.details.id, tty=self.details.config.tty, same_stamp=not journald
        )
        kept = retention(driver.type, driver.config or {})
        pace = self._shared.pace
        patience = JOURNAL_PATIENCE_S if journald else pace.patience_s
        skips, risk = Skips(kept.file), Risk(kept, pace.behind_ns)
        return Pump(opening, self._sending, skips, risk, tail=start.tail, patience_s=patience)

    def _left_at(self) -> Beginning:
        """Begin where the log was left, else where the settings say."""
        known = self._shared.out.position(self.details.id)
        if known is not None:
            try:
                return Beginning(msgspec.convert(known, Position))
            except msgspec.ValidationError as error:
                self._shared.log.warning(
                    "container %s: its position is not understood (%s): begun as if there was none",
                    self.name,
                    error,
                )
        return beginning(self._shared, self.details)

    def _complain(self, failure: Exception) -> None:
        """Log a problem once, however often it comes."""
        text = str(failure)
        silent = isinstance(failure, AnswerError) and failure.status in SILENT
        if not silent and text != self._complaint:
            self._complaint = text
            self._shared.log.warning("container %s: %s; trying again", self.name, text)

    def _warn_unreadable(self, failure: AnswerError) -> None:
        self._shared.log.warning(
            "container %s: Docker cannot read its log driver %r (%s): nothing of it is delivered",
            self.name,
            self.details.host_config.log_config.type,
            failure.message,
        )

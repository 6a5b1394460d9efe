"""One attempt at a write, and what its end means: settled, again, divided or dead-lettered."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from penstock.api.component import Sink
from penstock.api.delivery import Report
from penstock.api.errors import ConfigError, RejectedError, RetryableError
from penstock.api.event import Batch, Event
from penstock.bus.services import Services
from penstock.bus.settling import Settling
from penstock.bus.write import DOUBTFUL_AFTER, Write, only
from penstock.delivery.governor import Governor
from penstock.guard import blame, checked_report, contained, own_error
from penstock.log import Quiet
from penstock.telemetry import RETRIES, WRITE_DURATION

SUSPICIOUS = 0.01
"""A write is divided once its failures are less likely than this to be the destination's."""

POISONOUS = 1e-6
"""A single event is dead-lettered once they are less likely than this."""

NO_DIGITS = str.maketrans("", "", "0123456789")

Said = Report | Exception | None
"""What came of a call of ``Sink.write``."""


class Attempts:
    """Makes attempts at writes to one sink, and judges what came of them."""

    def __init__(
        self,
        sink: Sink,
        governor: Governor,
        settling: Settling,
        services: Services,
        max_attempts: int,
    ) -> None:
        self._sink = sink
        self._governor = governor
        self._settling = settling
        self._max_attempts = max_attempts
        self._telemetry = services.telemetry
        self._wall_clock = services.wall_clock
        self._labels = (settling.table, sink.name)
        self._duration = services.telemetry.histogram(WRITE_DURATION, self._labels)
        self._quiet = Quiet()
        self.progressed = 0.0
        """When something came through last, or was tried after a rest, by the loop's clock."""

    async def call(self, write: Write) -> Said:
        """Write once and return what the sink said; nothing is settled yet."""
        write.attempts += 1
        write.first_unix_nano = write.first_unix_nano or self._wall_clock()
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with asyncio.timeout(self._sink.write_timeout_s) as limit:
                with contained:
                    said: Said = await self._sink.write(write.batches)
            # A sink that swallows the cancellation returns as if it had delivered.
            said = TimeoutError() if limit.expired() else said
        except BaseException as error:
            return own_error(error)
        finally:
            self._duration.observe(clock() - started)
        return checked_report(said, write.batches) if isinstance(said, Report) else said

    def judge(self, write: Write, said: Said) -> list[Write]:
        """Settle what can be settled and return what has to be written again."""
        if isinstance(said, Report):
            return self._reported(write, said)
        if isinstance(said, RejectedError):
            return self._rejected(write, str(said))
        if isinstance(said, ConfigError):
            return self._held(write, said)
        if isinstance(said, Exception):
            retry_after = said.retry_after if isinstance(said, RetryableError) else None
            return self._failed(write, _reason(said), said, retry_after)
        if said is not None and self._quiet.allows("returned"):
            self._settling.log.error("write returned %.60r, which is not a Report", said)
        return self._delivered(write)

    def _delivered(self, write: Write) -> list[Write]:
        self._succeeded()
        for batch in write.batches:
            self._settling.delivered(batch)
        return []

    def _succeeded(self) -> None:
        self._governor.succeeded()
        self.progressed = asyncio.get_running_loop().time()

    def _reported(self, write: Write, report: Report) -> list[Write]:
        if not (report.rejected or report.retry):
            return self._delivered(write)
        again = set(report.retry).difference(report.rejected)
        rests = [self._partly(batch, report.rejected, again, write) for batch in write.batches]
        left = [rest for rest in rests if rest]
        if sum(len(rest.events) for rest in left) < write.events:
            self._succeeded()
            # What makes progress is no poison: the evidence against the rest begins anew.
            write = write.rest(left, self._governor.record)
        return self._failed(write, "partial", None, report.retry_after) if left else []

    def _partly(
        self, batch: Batch, rejected: Mapping[Event, str], again: Collection[Event], write: Write
    ) -> Batch | None:
        """Settle what a report says of a batch; return what has to be written again."""
        refused = [event for event in batch.events if event in rejected]
        for event in refused:
            why = rejected[event]
            self._settling.refuse(batch, (event,), why, "rejected", write.tries)
        rest = only(batch, again)
        if done := len(batch.events) - len(refused) - (len(rest.events) if rest else 0):
            self._settling.delivered_part(batch, done)
        if rest is None:
            self._settling.release(batch)
        return rest

    def _rejected(self, write: Write, why: str) -> list[Write]:
        """Find the refused event by halves: what a destination takes is delivered meanwhile."""
        if write.events == 1:
            return self._dead(write, why, "rejected")
        return list(write.halves(self._governor.record))

    def _held(self, write: Write, error: ConfigError) -> list[Write]:
        """Keep the write until the operator has mended what only an operator can."""
        if not self._governor.held:
            self._settling.log.error("held until its settings or secrets change: %s", error)
        self._governor.hold(str(error))
        self._telemetry.add(RETRIES, (*self._labels, "held"))
        return [write]

    def _failed(
        self, write: Write, reason: str, error: Exception | None, retry_after: float | None = None
    ) -> list[Write]:
        is_defect = reason == "plugin_error"
        why = _why(reason, error)
        wait = self._governor.failed(retry_after, why)
        write.evidence.failed(self._governor.record, by_defect=is_defect)
        self._say(write, why, error if is_defect else None, wait)
        if self._max_attempts and write.attempts >= self._max_attempts:
            return self._dead(write, f"{why} ({write.attempts} attempts)", "max_attempts")
        if _is_defective(write) if is_defect else _is_poisoned(write):
            if write.events == 1:
                return self._dead(write, why, reason if is_defect else "poison")
            return list(write.halves(self._governor.record, suspect=True))
        self._telemetry.add(RETRIES, (*self._labels, reason))
        return [write]

    def _say(self, write: Write, why: str, defect: Exception | None, wait: float) -> None:
        # Numbers aside: another cause is news, another port or offset is not.
        if not self._quiet.allows(why.translate(NO_DIGITS)):
            return
        log = self._settling.log
        extra = {"retry_in_s": round(wait, 1), "attempt": write.attempts}
        if defect:
            blame(log, self._sink, "write raised an undeclared error", defect, **extra)
        else:
            log.warning("write failed, trying again: %s", why, extra=extra)

    def _dead(self, write: Write, why: str, reason: str) -> list[Write]:
        for batch in write.batches:
            self._settling.refuse(batch, batch.events, why, reason, write.tries)
            self._settling.release(batch)
        return []


def _is_defective(write: Write) -> bool:
    """Say whether to look for what makes the plugin raise: a few times may be a coincidence."""
    return write.evidence.defects >= DOUBTFUL_AFTER or (write.suspect and write.events > 1)


def _is_poisoned(write: Write) -> bool:
    """Say whether its failures are rather its own than the destination's."""
    if write.suspect and write.events > 1:
        return write.evidence.strikes > 0
    limit = POISONOUS if write.events == 1 else SUSPICIOUS
    return write.evidence.strikes >= DOUBTFUL_AFTER and write.evidence.chance < limit


def _reason(error: Exception) -> str:
    """Return what kind of failure it is: an OSError tells of the outside, undeclared or not."""
    if isinstance(error, RetryableError):
        return "retryable"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "os_error" if isinstance(error, OSError) else "plugin_error"


def _why(reason: str, error: Exception | None) -> str:
    """Return a text whose part before the colon names the kind of failure."""
    kind = type(error).__name__ if reason == "plugin_error" else reason
    return f"{kind}: {error}" if str(error or "") else kind

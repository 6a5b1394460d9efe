"""How events of one sink come to an end: every outcome is counted, then the receipts let go."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from penstock.api.component import Sink
from penstock.api.delivery import Outcome
from penstock.api.event import Batch, Event, Resource, heap_size
from penstock.api.settings import DeadLetterSettings
from penstock.bus.services import Services
from penstock.delivery.dead_letters import (
    UNTRIED,
    DeadLetter,
    DeadLetters,
    MemoryDeadLetters,
    StoredDeadLetters,
    Tries,
)
from penstock.delivery.ledger import Row
from penstock.delivery.page import Page
from penstock.guard import kind_of
from penstock.log import Quiet


class Settling:
    """One sink's outcomes, its rows in the ledger and its dead letters."""

    def __init__(
        self,
        table: str,
        sink: Sink,
        services: Services,
        dead_letter: DeadLetterSettings,
        *,
        configuration: str = "",
    ) -> None:
        self.table = table
        self.dead_letters = keeper(table, dead_letter, services, configuration)
        self.log = logging.getLogger(f"penstock.{table}")
        self._sink = sink
        self._ledger = services.ledger
        self._wall_clock = services.wall_clock
        self._quiet = Quiet()

    def enter(self, batch: Batch) -> None:
        """Count a batch's events as in flight."""
        self._row(batch.resource).in_flight += len(batch.events)

    def only_accepted(self, batch: Batch) -> Batch | None:
        """Count the kinds that the sink cannot carry as filtered; return the rest, if any."""
        row = self._row(batch.resource)
        accepted: list[Event] = []
        for event in batch.events:
            if type(event) in self._sink.accepts:
                accepted.append(event)
            else:
                row.count(Outcome.FILTERED, f"kind: {kind_of(event)}", 1)
        if not accepted:
            return None
        return Batch(batch.resource, tuple(accepted), heap_size(accepted), batch.trail)

    def delivered(self, batch: Batch) -> None:
        """Settle a whole batch as delivered."""
        self.delivered_part(batch, len(batch.events))
        self.release(batch)

    def delivered_part(self, batch: Batch, events: int) -> None:
        """Count some events of a batch as delivered; its receipts are still held."""
        self._row(batch.resource).settle(Outcome.DELIVERED, "", events)

    def refuse(
        self,
        batch: Batch,
        events: Sequence[Event],
        why: str,
        reason: str,
        tries: Tries = UNTRIED,
    ) -> None:
        """Dead-letter events of a batch in flight; ``why`` is the text, ``reason`` its class."""
        self._keep(batch.resource, events, why, reason, tries)
        self._row(batch.resource).settle(Outcome.DEAD_LETTERED, reason, len(events))

    def bury(self, resource: Resource, events: Sequence[Event], why: str) -> None:
        """Dead-letter events that never reached the buffer."""
        self._keep(resource, events, why, "plugin_error")
        self._row(resource).count(Outcome.DEAD_LETTERED, "plugin_error", len(events))

    def dropped(self, batch: Batch, policy: str) -> None:
        """Count a batch that the buffer's owner chose to drop."""
        self._row(batch.resource).settle(Outcome.DROPPED, policy, len(batch.events))
        if self._quiet.allows(policy):
            self.log.warning("buffer is full: dropping by %s", policy)

    def lost(self, counts: Mapping[str, int], policy: str) -> None:
        """Count events by origin that a policy dropped from the disk, or that are damaged there."""
        self._ledger.settle(self.table, counts, Outcome.DROPPED, policy)
        if self._quiet.allows(policy):
            self.log.error("events dropped from the disk: %s", policy)

    def abandon(self, batch: Batch, reason: str, *, commit: bool) -> None:
        """Count a batch that a deadline left behind; without ``commit`` it is to be read again."""
        self._row(batch.resource).settle(Outcome.ABANDONED, reason, len(batch.events))
        if not commit:
            for receipt in batch.trail:
                receipt.abandon()
        self.release(batch)

    @staticmethod
    def release(batch: Batch) -> None:
        """Let go of a batch's receipts."""
        for receipt in batch.trail:
            receipt.release()

    def abandon_page(self, page: Page, reason: str) -> int:
        """Count a page that could not be written in time; return its events."""
        self._ledger.settle(self.table, page.counts, Outcome.ABANDONED, reason)
        page.abandon()
        return page.events

    def _row(self, resource: Resource) -> Row:
        return self._ledger.row(self.table, resource.origin)

    def _keep(
        self,
        resource: Resource,
        events: Sequence[Event],
        why: str,
        reason: str,
        tries: Tries = UNTRIED,
    ) -> None:
        now = self._wall_clock()
        first = tries.first_unix_nano or now
        for event in events:
            letter = DeadLetter(
                self.table, resource, event, reason, why, tries.attempts, first, now
            )
            self.dead_letters.add(letter)
        if self._quiet.allows(why):
            extra = {"events": len(events), "origin": resource.origin}
            self.log.error("dead-lettered: %s", why, extra=extra)


def keeper(
    table: str, settings: DeadLetterSettings, services: Services, configuration: str
) -> DeadLetters:
    """Return what keeps a component's dead letters."""
    if services.journal is None:
        return MemoryDeadLetters(table, settings, services.telemetry)
    return StoredDeadLetters(
        table,
        settings,
        journal=services.journal,
        telemetry=services.telemetry,
        configuration=configuration,
    )

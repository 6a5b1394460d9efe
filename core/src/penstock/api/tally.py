"""A transform's account: what it filtered, merged, created and still holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from penstock.api.event import Batch, Event, Resource, heap_size

if TYPE_CHECKING:
    from penstock.api.delivery import Receipt


class Hold:
    """Events that a stateful transform keeps for later, with the receipts that wait for them."""

    __slots__ = ("events", "resource", "trail")

    def __init__(
        self, resource: Resource, events: Sequence[Event], trail: tuple[Receipt, ...]
    ) -> None:
        self.resource = resource
        self.events = events
        self.trail = trail


class Tally:
    """The books of one transform instance; core reads and clears them after each call."""

    __slots__ = ("created", "filtered", "held", "holds", "merged", "spent")

    def __init__(self) -> None:
        self.filtered: dict[str, int] = {}
        self.merged = 0
        self.created = 0
        self.held = 0
        self.holds: dict[Hold, None] = {}
        self.spent: list[Hold] = []

    def keep(self, batch: Batch, events: Sequence[Event], rule: str) -> Batch:
        """Count what is left out under its rule and return the batch with the rest."""
        left_out = len(batch.events) - len(events)
        if not left_out:
            return batch
        self.filtered[rule] = self.filtered.get(rule, 0) + left_out
        return replace(batch, events=events, size=heap_size(events))

    def hold(self, batch: Batch, events: Sequence[Event]) -> Hold:
        """Retain the batch's receipts for events that stay behind."""
        hold = Hold(batch.resource, events, batch.trail)
        for receipt in batch.trail:
            receipt.retain()
        self.holds[hold] = None
        self.held += len(events)
        return hold

    def emit(
        self, like: Batch | Hold, events: Sequence[Event], *spent: Hold, merged: int = 0
    ) -> Batch:
        """Make a batch whose trail is that of ``like`` and of all holds that it spends."""
        trail = dict.fromkeys(like.trail)
        for hold in spent:
            trail.update(dict.fromkeys(hold.trail))
            del self.holds[hold]
            self.held -= len(hold.events)
            self.spent.append(hold)
        self.merged += merged
        return Batch(like.resource, events, heap_size(events), tuple(trail))

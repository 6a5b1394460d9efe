"""A transform's account: what it filtered, merged, created and still holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from penstock.api.errors import PluginError
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
    """The books of one transform instance, per origin; core reads and clears them after each call.

    ``held`` is the change since they were cleared, ``fresh`` the holds made and ``spent`` those
    spent since then; ``holds`` are all that are held now.
    """

    __slots__ = ("filtered", "fresh", "held", "holds", "made", "merged", "spent")

    def __init__(self) -> None:
        self.filtered: dict[tuple[str, str], int] = {}
        self.merged: dict[str, int] = {}
        self.made: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.holds: dict[Hold, None] = {}
        self.spent: list[Hold] = []
        self.fresh: set[Hold] = set()

    @property
    def is_clean(self) -> bool:
        """Whether nothing was counted since the last ``clear``."""
        return not (self.filtered or self.fresh or self.spent or self.merged or self.made)

    @property
    def created(self) -> int:
        """Events that came from nowhere."""
        return sum(self.made.values())

    @property
    def unexplained(self) -> int:
        """Events that went somewhere else than out: filtered, merged, or held for later."""
        return sum(sum(one.values()) for one in (self.filtered, self.merged, self.held))

    def clear(self) -> None:
        """Begin the next call's account; what is held stays held."""
        self.filtered.clear()
        self.merged.clear()
        self.made.clear()
        self.held.clear()
        self.fresh.clear()
        self.spent = []

    def keep(self, batch: Batch, events: Sequence[Event], rule: str) -> Batch:
        """Count what is left out under its rule and return the batch with the rest."""
        if not (left_out := len(batch.events) - len(events)):
            return batch
        _add(self.filtered, (batch.resource.origin, rule), left_out)
        return replace(batch, events=events, size=heap_size(events))

    def hold(self, batch: Batch, events: Sequence[Event]) -> Hold:
        """Retain the batch's receipts for events that stay behind."""
        hold = Hold(batch.resource, events, batch.trail)
        for receipt in batch.trail:
            receipt.retain()
        self.holds[hold] = None
        self.fresh.add(hold)
        _add(self.held, batch.resource.origin, len(events))
        return hold

    def emit(
        self,
        like: Batch | Hold,
        events: Sequence[Event],
        *spent: Hold,
        merged: int = 0,
        created: int = 0,
    ) -> Batch:
        """Make a batch whose trail is that of ``like`` and of all holds that it spends."""
        trail = dict.fromkeys(like.trail)
        last = spent[-1].trail if isinstance(like, Hold) and spent else like.trail
        for hold in spent:
            if hold not in self.holds:
                raise PluginError("a hold was spent that this instance has not: spend each once")
            trail.update(dict.fromkeys(hold.trail))
            del self.holds[hold]
            _add(self.held, hold.resource.origin, -len(hold.events))
            self.spent.append(hold)
            _bind(hold.trail, last)
        _add(self.merged, like.resource.origin, merged)
        _add(self.made, like.resource.origin, created)
        return Batch(like.resource, events, heap_size(events), tuple(trail))


def _bind(trail: Sequence[Receipt], last: Sequence[Receipt]) -> None:
    """Have no position committed between batches that went into one event."""
    for receipt in trail:
        for later in (one for one in last if one is not receipt):
            receipt.bind(later)


def _add(counts: dict[Any, int], key: object, number: int) -> None:
    if number:
        counts[key] = counts.get(key, 0) + number

"""A page: batches of one buffer that go to disk together, and who still needs them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from penstock.api.delivery import Receipt
from penstock.api.event import Batch
from penstock.state.unit import PageKey


class PageOwner(Protocol):
    """Who has to know what becomes of a page."""

    def page_sealed(self, page: Page) -> None:
        """Nothing more goes into it: it may be taken."""

    def page_written(self, page: Page, before: int) -> None:
        """It is on disk; ``before`` was its size until then."""

    def page_settled(self, page: Page) -> None:
        """Nobody needs it any more."""


class Page:
    """Some consecutive batches of a spool.

    Until it is ``durable`` it holds the receipts of the batches that went into it. Once its
    batches are taken out it stands in their trails as the one receipt, and is deleted when all of
    them are settled. ``size`` are bytes: of heap while it is not durable, then of disk.
    """

    __slots__ = (
        "_batches",
        "_holders",
        "_is_settled",
        "_owner",
        "_trail",
        "abandoned",
        "counts",
        "durable",
        "heap",
        "key",
        "sealed",
        "size",
    )

    lane = ("", "")

    def __init__(self, key: PageKey, owner: PageOwner) -> None:
        self.key = key
        self.counts: dict[str, int] = {}
        self.heap = 0
        """Heap bytes of the batches that are in memory and were not taken."""
        self.size = 0
        self.durable = False
        self.sealed = False
        """Whether nothing can be added any more."""
        self._owner = owner
        self._batches: list[Batch] = []
        self._trail: list[Receipt] = []
        self._holders = 0
        self._is_settled = False
        self.abandoned = False

    @classmethod
    def on_disk(cls, key: PageKey, size: int, counts: dict[str, int], owner: PageOwner) -> Page:
        """Return a page that a process before this one wrote."""
        page = cls(key, owner)
        page.counts, page.size = counts, size
        page.durable = page.sealed = True
        return page

    @property
    def events(self) -> int:
        return sum(self.counts.values())

    @property
    def batches(self) -> Sequence[Batch]:
        """What is in it, nothing if that is on disk only."""
        return self._batches

    def add(self, batch: Batch, counts: Iterable[tuple[str, int]], *, first: bool = False) -> None:
        """Put a batch last, or first; its receipts are the page's from now on."""
        self._batches.insert(0 if first else len(self._batches), batch)
        self._trail += batch.trail
        self.heap += batch.size
        self.size += batch.size
        for key, events in counts:
            self.counts[key] = self.counts.get(key, 0) + events

    def seal(self) -> None:
        """Add nothing any more: it is being written, or cannot be at the moment."""
        if not self.sealed:
            self.sealed = True
            self._owner.page_sealed(self)

    def written(self, size: int) -> None:
        """Note that it is on disk and how many bytes it takes there: its receipts are settled."""
        before, self.size = self.size, size
        self.durable = True
        if not self.heap:
            self._batches = []
        self._let_go()
        if not self._is_settled:
            self._owner.page_written(self, before)

    def drop_cache(self) -> None:
        """Keep nothing in memory of what is on disk."""
        self._batches = []
        self.heap = 0

    def restore(self, batches: Sequence[Batch]) -> None:
        """Have again in memory what was read from disk."""
        self._batches = list(batches)
        self.heap = sum(batch.size for batch in batches)

    def take(self) -> list[Batch]:
        """Hand out its batches; the page is their receipt.

        It keeps them as well until it is durable: they may have to be written.
        """
        batches = [Batch(one.resource, one.events, one.size, (self,)) for one in self._batches]
        self.sealed = True
        self._holders = len(batches)
        self.heap = 0
        if self.durable:
            self._batches = []
        return batches

    # --- the receipt ---------------------------------------------------------------------

    def retain(self) -> None:
        self._holders += 1

    def release(self) -> None:
        self._holders -= 1
        if self._holders:
            return
        if self.abandoned:
            self._let_go()
        else:
            self.settle()

    def settle(self) -> None:
        """Note that nobody needs it any more: it goes from the disk, or never comes there."""
        self._is_settled = True
        self._let_go()
        self._owner.page_settled(self)

    def abandon(self) -> None:
        """Leave it where it is: on disk, or to the source that can read it again."""
        self.abandoned = True
        if not self.durable:
            for receipt in self._trail:
                receipt.abandon()

    def bind(self, later: Receipt) -> None:
        """Do nothing: each page goes alone, and an event that goes on holds all that it is in."""

    async def settled(self) -> None:
        raise NotImplementedError("a source waits for its own receipt")

    def _let_go(self) -> None:
        trail, self._trail = self._trail, []
        for receipt in trail:
            receipt.release()


def leave_on_disk(batch: Batch, table: str) -> bool:
    """Leave a batch in the page of this table that it came from, if it did and that is on disk.

    It is neither settled nor lost: the page stays, with all that was in it.
    """
    if not any(
        isinstance(one, Page) and one.durable and one.key[0] == table for one in batch.trail
    ):
        return False
    for receipt in batch.trail:
        receipt.abandon()
        receipt.release()
    return True

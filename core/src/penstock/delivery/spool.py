"""A spool: the pages of one buffer, on disk and on their way there, first in, first out."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from penstock.api.event import Batch
from penstock.delivery.journal import Journal
from penstock.delivery.page import Page
from penstock.log import Quiet
from penstock.state.pages import DamagedPageError, PageHead
from penstock.state.unit import StateError

PAGE_BYTES = 262_144
"""Heap bytes of a page: what is delivered twice at most when a crash comes in its middle."""

READ_AGAIN_S = 1.0
"""How soon a page is read again that the disk did not give."""


class Spool:
    """Pages of one sink or intake. It outlives the runner: a reload hands it on.

    ``on_change`` is called when there is more to take or more room; ``on_lost`` gets the events by
    origin of a page that is damaged.
    """

    def __init__(self, table: str, journal: Journal, heads: Iterable[PageHead] = ()) -> None:
        self.table = table
        self.on_change: Callable[[], None] = lambda: None
        self.on_lost: Callable[[Mapping[str, int]], None] = lambda counts: None
        self.count_by: Callable[[Batch], Iterable[tuple[str, int]]] = events_by_origin
        """Under which of the ledger's rows, and how many each, the events of a batch are."""
        self.max_bytes = 1 << 62
        """How many bytes of disk it may use; what comes before a buffer says so is not dropped."""
        self.keep_bytes = 0
        """How many heap bytes of pages that are on disk stay in memory too."""
        self.page_bytes = PAGE_BYTES
        """How many heap bytes a page has."""
        self._journal = journal
        self._pages: deque[Page] = deque()
        self._reading: asyncio.Task[None] | None = None
        self._log = logging.getLogger(f"penstock.{table}")
        self._quiet = Quiet()
        self.disk_bytes = 0
        self.heap_bytes = 0
        self.events = 0
        """Events in pages that are not settled, those that were taken included."""
        for head in heads:
            page = Page.on_disk((table, head.number), head.size, dict(head.counts), self)
            self._pages.append(page)
            self._grow(page.size)
            self.events += page.events
        self._last = self._pages[-1].key[1] if self._pages else 0
        self._first = self._pages[0].key[1] if self._pages else 1

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing left to take."""
        return not self._pages

    @property
    def trouble(self) -> str:
        """Why nothing can be written at the moment, if it cannot."""
        return self._journal.trouble

    @property
    def first(self) -> Page | None:
        """The oldest page."""
        return self._pages[0] if self._pages else None

    def fits(self, size: int) -> bool:
        """Say whether the disk has room for a batch; what it turns down waits in memory."""
        if self.trouble:
            return True
        return self.disk_bytes + size <= self.max_bytes and self._journal.budget.fits(size)

    def append(self, batch: Batch) -> None:
        """Put a batch behind all others; the receipts that it holds are the spool's."""
        page = self._pages[-1] if self._pages else None
        if page is None or page.sealed or page.heap >= self.page_bytes:
            self._last += 1
            page = self._new(self._last)
            self._pages.append(page)
        self._add(page, batch)
        if self.trouble:
            page.seal()

    def put_back(self, batches: Sequence[Batch]) -> None:
        """Put batches that were taken, or never were here, before all others."""
        pages: list[Page] = []
        for batch in reversed(batches):
            page = pages[-1] if pages else None
            if page is None or page.heap + batch.size > self.page_bytes:
                self._first -= 1
                page = self._new(self._first)
                pages.append(page)
            self._add(page, batch, first=True)
        self._pages.extendleft(pages)

    def secure(self, batches: Sequence[Batch]) -> list[Batch]:
        """Have batches on disk as well that were handed out already, behind all others.

        Returned are the same in their order; the receipts that they held are the spool's.
        """
        pages: list[Page] = []
        for batch in batches:
            if not self._has(batch):
                if not pages or pages[-1].heap >= self.page_bytes:
                    self._last += 1
                    pages.append(self._new(self._last))
                self._add(pages[-1], batch)
        copies = iter([batch for page in pages for batch in self._hand_out(page)])
        return [batch if self._has(batch) else next(copies) for batch in batches]

    def take(self) -> list[Batch] | None:
        """Return the batches of the first page, None if there is none yet: see ``on_change``."""
        if not self._pages or self._reading:
            return None
        page = self._pages[0]
        if not page.sealed:
            return None
        if not page.batches:
            self._reading = asyncio.create_task(self._read(page), name=f"{self.table} reads")
            return None
        return self._hand_out(self._pages.popleft())

    def drop_oldest(self, *, in_memory: bool = False) -> Mapping[str, int]:
        """Delete the first page that nobody reads, or that takes memory; return its events."""
        for index in range(1 if self._reading else 0, len(self._pages)):
            page = self._pages[index]
            if page.heap or not in_memory:
                del self._pages[index]
                self.heap_bytes -= page.heap
                page.settle()
                return page.counts
        return {}

    def lose(self, page: Page, error: DamagedPageError) -> None:
        """Give up a page whose bytes are not those that were written."""
        self._log.error(
            "a page of the buffer is damaged: %s", error, extra={"events_lost": page.events}
        )
        self._pages.remove(page)
        page.settle()

    def unwritten(self) -> Iterable[Page]:
        """Return the pages that are not on disk."""
        return [page for page in self._pages if not page.durable]

    # --- what pages tell -----------------------------------------------------------------

    def page_sealed(self, page: Page) -> None:
        if page is self.first:
            self.on_change()

    def page_written(self, page: Page, before: int) -> None:
        self._grow(page.size - before)
        if page.heap and self.heap_bytes > self.keep_bytes:
            self.heap_bytes -= page.heap
            page.drop_cache()
        self.on_change()

    def page_settled(self, page: Page) -> None:
        self._grow(-page.size)
        self.events -= page.events
        self._journal.page_settled(page)
        self.on_change()

    # --- how it is done ------------------------------------------------------------------

    def _has(self, batch: Batch) -> bool:
        return any(isinstance(one, Page) and one.key[0] == self.table for one in batch.trail)

    def _hand_out(self, page: Page) -> list[Batch]:
        self.heap_bytes -= page.heap
        return page.take()

    def _new(self, number: int) -> Page:
        page = Page((self.table, number), self)
        self._journal.add_page(page)
        return page

    def _add(self, page: Page, batch: Batch, *, first: bool = False) -> None:
        page.add(batch, self.count_by(batch), first=first)
        self.heap_bytes += batch.size
        self.events += len(batch.events)
        self._grow(batch.size)

    def _grow(self, size: int) -> None:
        self.disk_bytes += size
        self._journal.budget.used += size

    async def _read(self, page: Page) -> None:
        try:
            while True:
                try:
                    batches = await self._journal.store.read(page.key)
                    break
                except StateError as error:
                    if self._quiet.allows(str(error)):
                        self._log.error("the buffer cannot be read: %s", error)
                    await asyncio.sleep(READ_AGAIN_S)
            page.restore(batches)
            self.heap_bytes += page.heap
        except DamagedPageError as error:
            self.lose(page, error)
            self.on_lost(page.counts)
        finally:
            self._reading = None
        self.on_change()


def events_by_origin(batch: Batch) -> Iterable[tuple[str, int]]:
    """Return the events of a batch under its one origin."""
    return ((batch.resource.origin, len(batch.events)),)

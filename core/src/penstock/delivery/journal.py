"""Collects everything that has to be on disk, and writes it in groups."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from penstock.delivery.disk import DiskBudget
from penstock.delivery.ledger import Ledger
from penstock.delivery.page import Page
from penstock.delivery.positions import StoredPositions
from penstock.state.pages import PageRow
from penstock.state.unit import Contents, LetterRow, PageKey, RowKey, StateError, Unit

if TYPE_CHECKING:
    from penstock.state.letters import Letter
    from penstock.state.store import Store

POSITIONS_EVERY_S = 0.2
"""How long a position may wait to be written: what is delivered in it comes twice after a crash."""

LEDGER_EVERY_S = 1.0
"""How long a change of the ledger may wait that nothing else was written with."""

TIDY_EVERY_S = 1.0
"""How often the disk gets back what deleted pages took."""

RETRY_AFTER_S = 1.0
"""How soon a group is written again that the disk did not take."""

_log = logging.getLogger("penstock.state")


class Journal:
    """One group is written at a time; what comes meanwhile makes up the next one.

    A group is what was true at one moment: pages, dead letters and the positions behind them, and
    the ledger that goes with them. Nothing on disk ever tells more than was true.
    """

    def __init__(
        self, store: Store, contents: Contents, ledger: Ledger, budget: DiskBudget
    ) -> None:
        self.store = store
        self.ledger = ledger
        self.budget = budget
        self.contents = contents
        self.trouble = ""
        """Why the disk does not let us write, if it does not."""
        self.letters = dict(contents.letters)
        """Number and heap bytes of the dead letters by sink."""
        self.choosing = asyncio.Lock()
        """Held by who reads letters in order to delete them: nobody else does meanwhile."""
        self.positions = StoredPositions(contents.positions, self._later)
        self._pages: dict[PageKey, Page] = {}
        self._settled: dict[PageKey, Page] = {}
        self._letters: list[LetterRow] = []
        self._deleted_letters: list[int] = []
        self._sources: dict[str, tuple[int, int, int]] = {}
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._freed = False

    # --- what is to be written -----------------------------------------------------------

    def add_page(self, page: Page) -> None:
        """Have a page written; batches may still be added until that begins."""
        self._pages[page.key] = page
        self._wake.set()

    def page_settled(self, page: Page) -> None:
        """Have a page deleted, or not written at all if that has not begun."""
        if self._pages.pop(page.key, None) is None:
            self._settled[page.key] = page
            self._later()

    def add_letter(self, letter: LetterRow) -> None:
        """Have a dead letter written."""
        self._letters.append(letter)
        self._count_letter(letter, 1)
        self._later()

    def delete_letters(self, letters: Sequence[Letter]) -> None:
        """Have dead letters deleted; the caller holds ``choosing``."""
        for letter in letters:
            self._deleted_letters.append(letter.id)
            self._count_letter(letter, -1)
        self._wake.set()

    # --- writing it ----------------------------------------------------------------------

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="state")

    async def flush(self) -> None:
        """Write everything that there is to write now."""
        async with self._writing:
            if self._is_dirty:
                pages = tuple(self._pages.values())
                unit = self._compose(pages)
                for page in pages:
                    page.seal()
                await self._write(unit, pages)

    async def close(self, within_s: float) -> None:
        """Write all that is left and what that entails, if the disk lets us in time."""
        self._closing = True
        self._wake.set()
        try:
            async with asyncio.timeout(within_s):
                if self._task:
                    await self._task
                while self._is_dirty:
                    await self.flush()
        except Exception as error:
            _log.error("the last state could not be written: %s", str(error) or "no time")
        if self._timer:
            self._timer.cancel()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        tidied = clock()
        while not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEDGER_EVERY_S):
                    await self._wake.wait()
            self._wake.clear()
            await self.flush()
            if clock() - tidied >= TIDY_EVERY_S:
                tidied = clock()
                await self._tidy()

    @property
    def _is_dirty(self) -> bool:
        changes = (self._pages, self._settled, self._letters, self._deleted_letters)
        return any(changes) or self.positions.is_changed or bool(self.ledger.touched)

    def _compose(self, pages: tuple[Page, ...]) -> Unit:
        """Take together what is true now."""
        settled, self._settled = self._settled, {}
        letters, self._letters = self._letters, []
        deleted, self._deleted_letters = self._deleted_letters, []
        self._pages.clear()
        for page in pages:
            self._count_spooled(page, 1)
        for page in settled.values():
            self._count_spooled(page, -1)
            self._freed = True
        return Unit(
            pages=[PageRow(*page.key, page.counts, tuple(page.batches)) for page in pages],
            deleted_pages=tuple(settled),
            letters=letters,
            deleted_letters=deleted,
            positions=self.positions.changes(),
            ledger=self._rows(),
            sources=self._source_counts(),
        )

    async def _write(self, unit: Unit, pages: tuple[Page, ...]) -> None:
        while True:
            try:
                written = await self.store.write(unit)
                break
            except Exception as error:  # A defect in one event must not end all durability.
                self._failed(error)
                if self._closing:
                    raise
                await asyncio.sleep(RETRY_AFTER_S)
        if self.trouble:
            self.trouble = ""
            _log.warning("state is written again")
        for page, size in zip(pages, written.page_bytes, strict=True):
            page.written(size)

    def _failed(self, error: Exception) -> None:
        began = not self.trouble
        self.trouble = str(error) or type(error).__name__
        if began:
            defect = None if isinstance(error, StateError) else error
            _log.error("state cannot be written, running on memory: %s", error, exc_info=defect)
            for page in tuple(self._pages.values()):
                page.seal()

    async def _tidy(self) -> None:
        """Give back to the disk some of what deleted pages took, while no page waits."""
        if self._freed and not (self._pages or self.trouble):
            try:
                self._freed = await self.store.shrink()
            except StateError:
                self._freed = False

    # --- its parts -----------------------------------------------------------------------

    def _count_letter(self, letter: LetterRow | Letter, sign: int) -> None:
        count, size = self.letters.get(letter.sink, (0, 0))
        self.letters[letter.sink] = (count + sign, size + sign * letter.size)
        self.budget.used += sign * letter.size

    def _count_spooled(self, page: Page, sign: int) -> None:
        for origin, events in page.counts.items():
            self.ledger.row(page.key[0], origin).spooled += sign * events

    def _rows(self) -> Mapping[RowKey, bytes | None]:
        self.ledger.fold()
        touched, self.ledger.touched = self.ledger.touched, set()
        rows = {key: self.ledger.find(key) for key in touched}
        return {key: row.encode() if row else None for key, row in rows.items()}

    def _source_counts(self) -> Mapping[str, bytes]:
        changed = {}
        for source in self.ledger.sources():
            counts = self.ledger.source(source)
            if self._sources.get(source) != counts:
                self._sources[source] = counts
                changed[source] = msgspec.msgpack.encode(counts)
        return changed

    def _later(self) -> None:
        if self._timer is None and self._task:
            self._timer = asyncio.get_running_loop().call_later(POSITIONS_EVERY_S, self._due)

    def _due(self) -> None:
        self._timer = None
        self._wake.set()

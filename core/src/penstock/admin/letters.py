"""Replays and drops dead letters, in the running process and without one."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from penstock.admin.protocol import Changed, Drop, Replay, Selection
from penstock.api.event import Batch
from penstock.bus.services import Services
from penstock.delivery.journal import Journal
from penstock.state.letters import Choice, Letter, batch_of, chosen, last_id
from penstock.state.unit import StateError

AT_ONCE = 256
"""Letters that are read and written together, and their bytes."""
AT_ONCE_BYTES = 4_194_304

MAX_IDS = 10_000
PATIENCE_S = 5.0
"""How long the disk may take for a group."""

T = TypeVar("T")

Objection = Callable[[Letter, Batch], str]
"""Says why a letter cannot be replayed, if it cannot."""

Kept = Counter[str]
"""How many letters stay where they are, by reason."""

_log = logging.getLogger("penstock.dead_letters")


class LetterDesk:
    """Changes dead letters on request, some at a time, so that neither memory nor loop is held."""

    def __init__(self, services: Services, journal: Journal) -> None:
        self._services = services
        self._journal = journal
        self._flushing: asyncio.Task[None] | None = None

    async def do(self, request: Replay | Drop, objection: Objection) -> Changed:
        """Carry out a request; what kept it from being complete is in the answer.

        A replayed event goes to its sink's spool, and that and the letter's deletion reach the
        disk in one group: a crash at any moment leaves the one or the other. As with all that is
        on disk, what was being delivered when a crash came may come twice.
        """
        selection = request.letters
        if len(selection.ids) > MAX_IDS:
            return Changed(changed=0, trouble=f"more than {MAX_IDS} ids: name a sink or a reason")
        if self._journal.trouble:
            return Changed(changed=0, trouble=f"state cannot be written: {self._journal.trouble}")
        if isinstance(request, Drop):
            return await self._all(selection, self._drop, "dropped")
        return await self._all(
            selection, lambda letters: self._replay(letters, objection), "replayed"
        )

    async def _all(
        self, selection: Selection, step: Callable[[Sequence[Letter]], Awaitable[Kept]], done: str
    ) -> Changed:
        kept, seen, missing, trouble = Kept(), 0, list[int](), ""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._journal.choosing.acquire()
        except TimeoutError:
            return Changed(changed=0, trouble="other dead letters are being changed: try again")
        try:
            await self._flush()
            missing = await self._missing(selection)
            upto, after = await self._read(last_id), 0
            while letters := await self._some(selection, after, upto):
                kept += await step(letters)
                seen += len(letters)
                after = letters[-1].id
                await self._flush()
        except StateError as error:
            trouble = f"state cannot be written: {error}"
        finally:
            self._journal.choosing.release()
        changed = seen - kept.total()
        if changed:
            _log.info("dead letters %s by request", done, extra={"letters": changed})
        return Changed(changed=changed, kept=dict(kept), missing=missing, trouble=trouble)

    async def _missing(self, selection: Selection) -> list[int]:
        if not selection.ids:
            return []
        found = await self._read(lambda connection: chosen(connection, _choice(selection)))
        return sorted({*selection.ids}.difference(letter.id for letter in found))

    async def _some(self, selection: Selection, after: int, upto: int) -> list[Letter]:
        """Return the next letters: those that were there at the beginning, and no new ones."""
        choice = _choice(selection, after=after, upto=upto, limit=AT_ONCE)
        letters = await self._read(lambda connection: chosen(connection, choice))
        size = 0
        for index, letter in enumerate(letters):
            size += letter.size
            if index and size > AT_ONCE_BYTES:
                return letters[:index]
        return letters

    async def _drop(self, letters: Sequence[Letter]) -> Kept:
        self._journal.delete_letters(letters)
        return Kept()

    async def _replay(self, letters: Sequence[Letter], objection: Objection) -> Kept:
        batches = await self._read(
            lambda connection: [_batch_of(connection, letter) for letter in letters]
        )
        # Nothing is awaited from here on: what is appended and deleted goes into one group.
        kept, gone = Kept(), list[Letter]()
        for letter, batch in zip(letters, batches, strict=True):
            if batch is None:
                kept["it is damaged"] += 1
            elif why := objection(letter, batch) or self._no_room(letter.sink, batch):
                kept[why] += 1
            else:
                self._append(letter.sink, batch)
                gone.append(letter)
        self._journal.delete_letters(gone)
        return kept

    def _no_room(self, sink: str, batch: Batch) -> str:
        spool = self._services.spool(sink)
        if spool and spool.fits(batch.size):
            return ""
        return f"{sink} has no room on disk: its buffer's or [penstock] max_disk_bytes"

    def _append(self, sink: str, batch: Batch) -> None:
        ledger, spool = self._services.ledger, self._services.spool(sink)
        assert spool is not None  # noqa: S101 - there is a journal
        origin = batch.resource.origin
        is_gone = ledger.find((sink, origin)) is None
        row = ledger.row(sink, origin)
        row.replayed += len(batch.events)
        row.in_flight += len(batch.events)
        spool.append(batch)
        if is_gone:
            ledger.fold(origin)

    async def _read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._journal.store.call(job)
        except TimeoutError:
            raise StateError("the disk does not answer") from None

    async def _flush(self) -> None:
        """Wait until all is on disk. ``StateError``: it will be once the disk lets us.

        The journal's own work is never cancelled: what it has taken in hand would be lost.
        """
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._journal.flush(), name="dead letters")
        done, _ = await asyncio.wait((self._flushing,), timeout=PATIENCE_S)
        if not done:
            raise StateError(self._journal.trouble or "the disk does not answer")
        self._flushing.result()


def _choice(selection: Selection, *, after: int = 0, upto: int = 0, limit: int = 0) -> Choice:
    return Choice(
        ids=selection.ids,
        sink=selection.sink,
        reason=selection.reason,
        after=after,
        upto=upto,
        limit=limit,
    )


def _batch_of(connection: sqlite3.Connection, letter: Letter) -> Batch | None:
    try:
        return batch_of(connection, letter.id)
    except ValueError:
        return None

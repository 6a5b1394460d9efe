"""Reads one machine's journal: what there is, then what comes."""

from __future__ import annotations

import asyncio
import logging

from penstock_source_journald.cursor import Cursor
from penstock_source_journald.entry import Entry
from penstock_source_journald.errors import AwayError
from penstock_source_journald.export import Export
from penstock_source_journald.intake import Intake, Rewind
from penstock_source_journald.journal import Journal, Query, Stream, one
from penstock_source_journald.missing import find_again
from penstock_source_journald.partials import PATIENCE_S
from penstock_source_journald.position import Position
from penstock_source_journald.sending import COMMIT_EVERY_S, Sending
from penstock_source_journald.vacuum import Vacuum

HELD_ENTRIES = 10_000
"""How many entries may come before the one up to which some were sent already."""


class Lane:
    """The way of one journal's entries, from where it was left."""

    def __init__(
        self,
        journal: Journal,
        sending: Sending,
        intake: Intake,
        *,
        machine: str,
        message_bytes: int,
        log: logging.Logger,
    ) -> None:
        self._journal = journal
        self._machine = machine
        self._sending = sending
        self._intake = intake
        self._message_bytes = message_bytes
        self._log = log
        self._vacuum = Vacuum(journal, machine, sending)
        self._rewind = Rewind(Position(), intake)
        self._anchored = False
        self._held: list[Entry] = []

    async def run(self) -> None:
        """Read to the end, then follow until cancelled; ``AwayError`` if that ends."""
        await self._read(follow=False)
        await self._read(follow=True)
        raise AwayError("the journal's stream ended")

    async def show_last(self, lines: int) -> None:
        """Send the last entries, to go on behind them."""
        self._begin(Position())
        await self._pump(await self._journal.read(Query(last=lines, machine=self._machine)))

    async def begin_at_end(self) -> None:
        """Go on behind what there is now, whether it was sent or not."""
        last = await one(self._journal, Query(last=1, filtered=False, machine=self._machine))
        if last and not self._sending.position.cursor:
            self._sending.position = Position(cursor=last.place)
        await self._sending.begin()

    async def _read(self, *, follow: bool) -> None:
        self._begin(self._sending.position)
        query = Query(cursor=self._rewind.start, follow=follow, machine=self._machine)
        if await self._pump(await self._journal.read(query)):
            return
        # Nothing came, not even the last entry that was sent.
        if await self._is_gone(None):
            await self._read(follow=follow)

    def _begin(self, position: Position) -> None:
        self._rewind = Rewind(position, self._intake)
        self._anchored = self._rewind.is_over
        self._held = []

    async def _pump(self, stream: Stream) -> bool:
        """Send what comes, to the end; say whether the place to go on from was found."""
        export = Export(self._message_bytes)
        try:
            while data := await self._next(stream):
                if entries := export.feed(data):
                    await self._take(entries)
        finally:
            await stream.close()
        await self._release(whole=True)
        return self._anchored

    async def _next(self, stream: Stream) -> bytes:
        """Return what comes next; meanwhile do what only time tells."""
        while True:
            patience = PATIENCE_S if self._intake.partials else COMMIT_EVERY_S
            try:
                async with asyncio.timeout(patience):
                    return await stream.read()
            except TimeoutError:
                if self._rewind.is_over:
                    await self._pass_time()

    async def advance(self) -> None:
        """Move the position over what the filters left out, or a vacuum of it would look a loss."""
        position = self._sending.position
        if not position.cursor or position.open or position.until:
            return
        # In this order: what comes between the two questions is behind the first answer.
        newest = await one(self._journal, Query(last=1, filtered=False, machine=self._machine))
        wanted = await one(self._journal, Query(last=1, machine=self._machine))
        if newest and (wanted is None or not _is_behind(wanted.place, position.cursor)):
            self._sending.position = Position(cursor=newest.place)

    async def _pass_time(self) -> None:
        while groups := self._intake.stale():
            sending = self._sending
            await sending.send(groups, sending.position.cursor, self._intake.partials.open())
        if self._sending.is_overdue:
            await self.advance()
        await self._sending.commit()

    async def _take(self, entries: list[Entry]) -> None:
        if not self._anchored:
            self._anchored = True
            if entries[0].place != self._rewind.start:
                await self._is_gone(entries[0])
        if not self._rewind.is_over:
            entries = self._rewind.pass_over(entries)
        if not entries:
            return
        if self._sending.position.until:
            self._held += entries
            await self._release(whole=len(self._held) > HELD_ENTRIES)
        else:
            await self._send(entries)

    async def _release(self, *, whole: bool) -> None:
        """Send entries of which some were sent already, once it is known which."""
        held, position = self._held, self._sending.position
        until = position.until.encode()
        places = (at for at, entry in enumerate(held, 1) if entry.cursor == until)
        end = next(places, 0)
        if held and (end or whole):
            self._held = []
            await self._send(held[:end], position.ahead)
            await self._send(held[end:])

    async def _send(self, entries: list[Entry], sent: tuple[str, ...] = ()) -> None:
        if not entries:
            return
        await self._vacuum.watch(entries)
        groups = self._intake.take(entries, sent)
        cursor = entries[-1].place
        await self._sending.send(groups, cursor, self._intake.partials.open(), sent)
        await self._sending.commit()

    async def _is_gone(self, first: Entry | None) -> bool:
        """Say whether the entry to go on from is gone; if so say what is lost, and go on there."""
        position = self._sending.position
        if not position.cursor:
            return False
        lost = await find_again(self._journal, Cursor.parse(position.cursor), self._machine)
        if lost is None:
            # It is only filtered out, or the beginning of an open line is gone.
            self._rewind.is_over = self._rewind.start == position.cursor
            return False
        self._log.warning("%s", lost.reason, extra={"cursor": position.cursor})
        await self._sending.lost(lost.reason, lost.start, lost.end)
        if first is None:
            self._sending.position = Position(cursor=lost.go_on)
        else:
            # The next entries say where it goes on; until then the gap is not behind.
            self._sending.position = Position(cursor=position.cursor)
            self._intake.partials.clear()
            self._rewind.is_over = True
        return True


def _is_behind(cursor: str, other: str) -> bool:
    return Cursor.parse(cursor).is_behind(Cursor.parse(other))

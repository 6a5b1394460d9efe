"""A journal and a spool on a real state file, without a process around them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from penstock.api import Batch, Log, Resource
from penstock.delivery.disk import DiskBudget
from penstock.delivery.journal import Journal
from penstock.delivery.ledger import Ledger
from penstock.delivery.receipts import BatchReceipt, Lane
from penstock.delivery.spool import Spool
from penstock.state.folder import StateFolder
from penstock.state.opening import open_store
from penstock.state.unit import LetterRow
from tests.delivery.durable_lab import FOREVER, Disk, Kept
from tests.delivery.transforms import text

SINK = "sinks.x"


class Shelf:
    """What a state folder holds, a journal over it, and lanes whose batches go there."""

    def __init__(self, path: Path, max_disk_bytes: int = FOREVER) -> None:
        self.folder = StateFolder(path)
        self.folder.take()
        store, self.contents = open_store(self.folder, Disk)
        assert isinstance(store, Disk)
        self.disk = store
        self.ledger = Ledger()
        self.ledger.restore(self.contents.ledger, self.contents.sources)
        self.journal = Journal(store, self.contents, self.ledger, DiskBudget(max_disk_bytes))
        self.spools = {
            table: Spool(table, self.journal, heads) for table, heads in self.contents.pages.items()
        }
        self.receipts: dict[str, BatchReceipt] = {}
        self._lanes: dict[str, Lane] = {}

    def spool(self, table: str = SINK, max_bytes: int = FOREVER) -> Spool:
        spool = self.spools.setdefault(table, Spool(table, self.journal))
        spool.max_bytes = max_bytes
        return spool

    def batch(
        self, *lines: str, lane: str = "a", size: int = 1000, position: object = None
    ) -> Batch:
        """Return a batch that is read and in flight; the spool is its only holder."""
        known = self._lanes.setdefault(lane, Lane(("sources.a", lane), self.journal.positions))
        receipt = self.receipts[lines[0]] = known.open(position)
        logs = tuple(Log(number, line) for number, line in enumerate(lines))
        row = self.ledger.row(SINK, lane)
        row.read += len(lines)
        row.in_flight += len(lines)
        return Batch(Resource(lane), logs, size, (receipt,))

    def letter(self, line: str, response: str = "no", sink: str = SINK) -> LetterRow:
        return LetterRow(
            sink=sink,
            origin="a",
            reason="rejected",
            response=response,
            attempts=1,
            first_unix_nano=1,
            last_unix_nano=2,
            configuration="f",
            size=100,
            batch=Batch(Resource("a"), (Log(1, line),), 100),
        )

    async def take(self, spool: Spool) -> list[Batch]:
        """Return the first page's batches as soon as it may be had."""
        async with asyncio.timeout(30):
            while (taken := spool.take()) is None:
                await asyncio.sleep(0.001)
        return taken

    async def drain(self, spool: Spool) -> list[str]:
        """Take and settle everything, and return it."""
        found: list[str] = []
        while not spool.is_empty:
            taken = await self.take(spool)
            found += lines_of(taken)
            self.settle(taken)
        return found

    @staticmethod
    def settle(batches: Sequence[Batch]) -> None:
        for batch in batches:
            for receipt in batch.trail:
                receipt.release()

    def settled(self) -> set[str]:
        return {name for name, receipt in self.receipts.items() if receipt.is_settled}

    async def close(self) -> Kept:
        """End as a process does, and say what is on disk."""
        await self.journal.close(5)
        return self.leave()

    def leave(self) -> Kept:
        """End without another word, and say what is on disk."""
        for task in asyncio.all_tasks():
            if task.get_name() in ("state", *(f"{table} reads" for table in self.spools)):
                task.cancel()
        self.disk.go_on()
        self.disk.close()
        self.folder.leave()
        return Kept(self.folder.path)


async def steps(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: object, seconds: float = 30) -> None:
    """Wait until a condition holds."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def lines_of(batches: Sequence[Batch]) -> list[str]:
    return [text(event) for batch in batches for event in batch.events]

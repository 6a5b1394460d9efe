"""A lab that stands on a state folder: it can be shut, opened again, and struck by a crash."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import msgspec

from penstock.delivery.journal import Journal
from penstock.durable import open_services
from penstock.guard import cancel
from penstock.state.pages import decode_batches
from penstock.state.sealed import unseal
from penstock.state.store import Store
from penstock.state.unit import StateError, Unit, Written
from tests.delivery.lab import Lab
from tests.delivery.transforms import text

T = TypeVar("T")
FOREVER = 1 << 40


class Disk(Store):
    """A store whose disk breaks, lags or stands still as a test says."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.error = ""
        """What it says instead of doing anything, if anything."""
        self.defect: Exception | None = None
        """What it raises that no disk would."""
        self.doubt = ""
        """What it says, once, after it has done something."""
        self.units: list[Unit] = []
        """What was asked of it, whether it was done or not."""
        self._moves = threading.Event()
        self._moves.set()

    def stand_still(self) -> None:
        """Have jobs wait until ``go_on``."""
        self._moves.clear()

    def go_on(self) -> None:
        self._moves.set()

    async def write(self, unit: Unit) -> Written:
        self.units.append(unit)
        written = await super().write(unit)
        doubt, self.doubt = self.doubt, ""
        if doubt:
            raise StateError(doubt)
        return written

    async def call(self, job: Callable[[sqlite3.Connection], T]) -> T:
        if self.defect:
            raise self.defect
        if self.error:
            raise StateError(self.error)
        while not self._moves.is_set():
            await asyncio.sleep(0.01)
        return await super().call(job)

    def copy_to(self, folder: Path) -> None:
        """Copy the file as it is between two jobs."""
        self._thread.submit(self._copy, folder).result()

    def _copy(self, folder: Path) -> None:
        folder.mkdir()
        for suffix in ("", "-wal"):
            name = self.path.name + suffix
            if self.path.with_name(name).exists():
                shutil.copy(self.path.with_name(name), folder / name)


class Kept:
    """What a state folder says that nobody uses."""

    def __init__(self, folder: Path) -> None:
        with sqlite3.connect(folder / "penstock.db") as file:
            rows = file.execute("SELECT source, lane, position FROM positions")
            self.positions = {(s, lane): msgspec.msgpack.decode(unseal(p)) for s, lane, p in rows}
            self.lines: dict[str, list[str]] = {}
            for sink, data in file.execute("SELECT sink, data FROM pages ORDER BY sink, number"):
                events = [event for batch in decode_batches(data) for event in batch.events]
                self.lines.setdefault(sink, []).extend(map(text, events))
            self.letters = [
                (sink, reason, text(decode_batches(unseal(data))[0].events[0]))
                for sink, reason, data in file.execute("SELECT sink, reason, data FROM letters")
            ]
        file.close()


class DurableLab(Lab):
    """A lab on a state folder; its origins and destinations outlive what happens to it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.max_disk_bytes = FOREVER
        self.crashes = 0
        self._open = ExitStack()
        path.mkdir(exist_ok=True)
        self.boot()

    @property
    def folder(self) -> Path:
        return self.path / str(self.crashes)

    @property
    def journal_of_state(self) -> Journal:
        assert self.services.journal
        return self.services.journal

    @property
    def disk(self) -> Disk:
        store = self.journal_of_state.store
        assert isinstance(store, Disk)
        return store

    def boot(self) -> None:
        """Have a new process on the folder."""
        self._open.close()
        self.services = self._open.enter_context(
            open_services(str(self.folder), self.max_disk_bytes, Disk)
        )
        assert self.services.ledger.residues() == []

    def shut(self) -> Kept:
        """End the process, whose runtime has ended, and say what it left."""
        self._open.close()
        return Kept(self.folder)

    async def crash(self) -> Kept:
        """End the process between two instructions, and say what is left of it."""
        after = self.path / str(self.crashes + 1)
        self.disk.copy_to(after)
        await self.kill()
        self._open.close()
        self.crashes += 1
        return Kept(after)

    async def kill(self) -> None:
        """End all tasks where they are."""
        doomed = asyncio.all_tasks() - self._before - {asyncio.current_task()}
        for task in doomed:
            cancel(task)
        await asyncio.gather(*doomed, return_exceptions=True)
        while doomed := asyncio.all_tasks() - self._before - {asyncio.current_task()}:
            for task in doomed:
                cancel(task)
            await asyncio.gather(*doomed, return_exceptions=True)
        self._main = None

    # --- what came of it -----------------------------------------------------------------

    def spooled(self, sink: str) -> int:
        """Return how many events wait on disk for a sink."""
        spool = self.services.spools.get(f"sinks.{sink}")
        return spool.events if spool else 0

    def repeated(self, sink: str) -> list[str]:
        """Return the lines that arrived more than once."""
        return [line for line, count in Counter(self.lines(sink)).items() if count > 1]

    def outcomes(self, sink: str) -> dict[str, int]:
        """Return how many of a sink's events came to which end, by outcome and reason."""
        total = self.services.ledger.total(f"sinks.{sink}")
        return {f"{o.value} {reason}".strip(): n for (o, reason), n in total.outcomes.items()}

    def check(self) -> None:
        """Nothing is missing, what is under way is on disk, and no task is left."""
        assert self.services.ledger.residues() == []
        for sink, _, row in self.services.ledger.rows():
            assert row.in_flight == row.spooled, sink
        for table, spool in self.services.spools.items():
            rows = [row for sink, _, row in self.services.ledger.rows() if sink == table]
            assert sum(row.spooled for row in rows) == spool.events, table
        left = asyncio.all_tasks() - self._before - {asyncio.current_task()}
        assert not left, left

    async def close(self) -> None:
        self.disk.go_on()
        await super().close()
        self._open.close()

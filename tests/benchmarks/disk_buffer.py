"""The disk buffer alone, and SQLite alone with the same blobs: ``python -m … WHICH EVENTS FOLDER``.

Both write the same pages; the buffer also encodes them, reads them back and hands them out.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from penstock.api import Batch, BufferSettings, Log, Resource, heap_size
from penstock.bus.spooling import SpoolingBuffer
from penstock.durable import open_services
from penstock.state.pages import encode_batches
from penstock.state.schema import connect

BATCH = 250
BATCHES_IN_PAGE = 4
LINE = "x" * 120
SETTINGS = BufferSettings(type="disk", max_memory_bytes=8 << 20, max_disk_bytes=4 << 30)


def batches(events: int) -> list[Batch]:
    """Return the batches that both are about, of 120-byte lines."""
    resource = Resource("docker:bench", {"container.name": "bench"})
    made = []
    for first in range(0, events, BATCH):
        logs = tuple(Log(number, LINE, "stdout", 9) for number in range(first, first + BATCH))
        made.append(Batch(resource, logs, heap_size(logs)))
    return made


async def through_the_buffer(made: list[Batch], folder: Path) -> None:
    """Write everything to the disk, then read it back from there and hand it out."""
    with open_services(str(folder), 1 << 40) as services:
        journal, spool = services.journal, services.spool("sinks.bench")
        assert journal
        assert spool
        journal.start()
        woken = asyncio.Event()
        buffer = SpoolingBuffer(
            SETTINGS, woken.set, lambda *_: None, spool, lambda: True, lambda *_: None
        )
        buffer.attach()
        for batch in made:
            while not buffer.has_room(("", ""), batch.size, waited=True):
                await buffer.room(("", ""), batch.size)
            buffer.put(batch)
        await journal.flush()
        left = len(made) * BATCH
        while left:
            taken = buffer.take((), 1000, 1 << 20)
            if not taken:
                woken.clear()
                await woken.wait()
                continue
            for batch in taken:
                left -= len(batch.events)
                buffer.done(batch.size)
                for receipt in batch.trail:
                    receipt.release()
        await journal.close(10)


def through_sqlite(made: list[Batch], folder: Path) -> None:
    """Insert the same blobs, read and delete them, in transactions of sixteen."""
    pages = [
        encode_batches(made[at : at + BATCHES_IN_PAGE])
        for at in range(0, len(made), BATCHES_IN_PAGE)
    ]
    begun = time.process_time(), time.monotonic()
    connection = connect(folder / "peer.db")
    for at in range(0, len(pages), 16):
        connection.execute("BEGIN IMMEDIATE")
        for number, page in enumerate(pages[at : at + 16], at):
            connection.execute(
                "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?)",
                ("x", number, len(page), b"", 0, page),
            )
        connection.execute("COMMIT")
    for at in range(0, len(pages), 16):
        for number in range(at, min(at + 16, len(pages))):
            key = ("x", number)
            query = "SELECT data FROM pages WHERE sink = ? AND number = ?"
            connection.execute(query, key).fetchone()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM pages WHERE number BETWEEN ? AND ?", (at, at + 15))
        connection.execute("COMMIT")
    connection.close()
    report(begun, len(made) * BATCH)


def report(begun: tuple[float, float], events: int) -> None:
    """Print what it took since the beginning, in CPU and wall time."""
    cpu, wall = time.process_time() - begun[0], time.monotonic() - begun[1]
    row = {
        "wall_s": wall,
        "klines_s": events / wall / 1000,
        "cpu_us_per_line": cpu / events * 1e6,
        "cpu_total_s": cpu,
    }
    print(json.dumps(row))


def main() -> None:
    """Run one of the two."""
    which, events, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    made = batches(events)
    if which == "sqlite":
        through_sqlite(made, folder)
        return
    begun = time.process_time(), time.monotonic()
    asyncio.run(through_the_buffer(made, folder))
    report(begun, events)


if __name__ == "__main__":
    main()

"""The journald source alone, sent to nowhere: ``python -m … FOLDER ENTRIES``."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from penstock.api import Batch
from penstock.delivery.positions import MemoryPositions
from penstock.delivery.receipts import BatchReceipt, Lane
from penstock.testing import RecordingOutlet, configured
from penstock_source_journald.source import Journald


class Nowhere(RecordingOutlet):
    """Takes everything, keeps nothing, and counts."""

    def __init__(self, entries: int) -> None:
        super().__init__()
        self.left = entries
        self.all_came = asyncio.Event()
        self._lane = Lane(("sources.bench", ""), MemoryPositions())

    async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> BatchReceipt:
        receipt = self._lane.open(position)
        receipt.release()
        self.left -= len(batch.events)
        if self.left <= 0:
            self.all_came.set()
        return receipt


async def read(folder: str, entries: int) -> None:
    """Read that many entries from the beginning of a folder."""
    source = configured(Journald, {"directory": folder, "start_at": "beginning"})
    outlet = Nowhere(entries)
    began, cpu = time.monotonic(), time.process_time()
    await source.open()
    reading = asyncio.create_task(source.run(outlet))
    await outlet.all_came.wait()
    wall = time.monotonic() - began
    row = {
        "wall_s": wall,
        "klines_s": entries / wall / 1000,
        "cpu_us_per_line": (time.process_time() - cpu) / entries * 1e6,
    }
    print(json.dumps(row))
    reading.cancel()
    await asyncio.wait((reading,))
    await source.close()


if __name__ == "__main__":
    asyncio.run(read(sys.argv[1], int(sys.argv[2])))

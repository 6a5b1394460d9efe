"""Lines that keep coming while something else happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.delivery.lab import Lab

LANES = ("red", "green", "blue")


class Load:
    """Keeps writing numbered lines into lanes of an origin."""

    def __init__(self, lab: Lab, source: str) -> None:
        self._origin = lab.origin(source)
        self._source = source
        self.count = 0

    def write(self, count: int = 1) -> None:
        for _ in range(count):
            lane = LANES[self.count % len(LANES)]
            self._origin.write([f"{lane} {self._source}{self.count}"], lane)
            self.count += 1

    async def offer(self, count: int) -> None:
        """Write so many lines, as fast as they are read while nobody holds the source back."""
        for _ in range(count // 30):
            self.write(30)
            await asyncio.sleep(0.002)

    async def run(self) -> None:
        while True:
            self.write(3)
            await asyncio.sleep(0.002)

    def lines(self, lane: str) -> list[str]:
        numbers = range(LANES.index(lane), self.count, len(LANES))
        return [f"{lane} {self._source}{number}" for number in numbers]

    def check(self, arrived: Sequence[str], *, since: int = 0) -> None:
        """Check that all arrived, from one on, each once and in order per lane."""
        for lane in LANES:
            mine = [line for line in arrived if line.startswith(f"{lane} {self._source}")]
            expected = self.lines(lane)
            assert mine == expected[len(expected) - len(mine) :]
            assert len(mine) >= len(range(since, self.count)) // len(LANES)


@asynccontextmanager
async def load(lab: Lab, source: str = "a") -> AsyncIterator[Load]:
    """Write lines as long as the block lasts."""
    one = Load(lab, source)
    writing = asyncio.create_task(one.run())
    try:
        await asyncio.sleep(0.05)
        yield one
        await asyncio.sleep(0.05)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await asyncio.sleep(0.05)  # So that the last lines are read.

"""Crashes at any moment, again and again: nothing is lost, and only the window is repeated."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from penstock.api import BatchSettings, BufferSettings, RetryableError
from tests.delivery.durable_lab import DurableLab, Kept

LANES = ("red", "green", "blue")
ROUNDS = 12
BUFFERS = {
    "x": BufferSettings(type="memory", max_memory_bytes=60_000),
    "y": BufferSettings(type="disk", max_memory_bytes=60_000),
    "z": BufferSettings(type="overflow", max_memory_bytes=60_000),
}


class Storm:
    """Lines that keep coming, sinks that come and go, and a process that dies in between."""

    def __init__(self, lab: DurableLab, seed: int) -> None:
        self.lab = lab
        self.random = random.Random(seed)
        self.sent: dict[str, list[str]] = {lane: [] for lane in LANES}
        self.window: dict[str, set[str]] = {sink: set() for sink in BUFFERS}
        lab.source_settings["a"] = {"batch_events": 7}
        lab.drain_timeout_s = 2.0
        for sink, buffer in BUFFERS.items():
            lab.settings(sink, buffer=buffer)

    async def load(self) -> None:
        """Write lines, sometimes many, sometimes few."""
        while True:
            for lane in LANES:
                self.write(lane, self.random.choice([0, 1, 5, 60]))
            await asyncio.sleep(self.random.choice([0.001, 0.02, 0.3]))

    def write(self, lane: str, count: int) -> None:
        sent = self.sent[lane]
        made = [f"{lane} {number} {'x' * 40}" for number in range(len(sent), len(sent) + count)]
        sent += made
        self.lab.origin("a").write(made, lane)

    async def weather(self) -> None:
        """Break destinations, slow them down, and mend them."""
        while True:
            far = self.lab.destination(self.random.choice([*BUFFERS]))
            far.mend()
            match self.random.randrange(6):
                case 0:
                    far.fail(RetryableError("down"), times=self.random.choice([1, 5, None]))
                case 1:
                    far.slow(self.random.choice([0.001, 0.05, 1.5]))
                case 2:
                    far.hang()
            await asyncio.sleep(self.random.choice([0.05, 0.5, 3.0]))

    async def disk(self) -> None:
        """Have the disk fail now and then."""
        while True:
            await asyncio.sleep(self.random.choice([0.5, 2.0]))
            self.lab.disk.error = self.random.choice(["", "", "no space left on device"])

    async def life(self) -> Kept | None:
        """Run until the process crashes, or stops as it should; return what a crash left."""
        for sink in BUFFERS:
            order = self.random.choice(["stream", "resource"])
            self.lab.settings(
                sink,
                batch=BatchSettings(max_events=self.random.choice([3, 50]), max_wait_ms=0),
                order=order,
                in_flight=1 if order == "stream" else self.random.choice([1, 3]),
                write_timeout_s=self.random.choice([1.0, None]),
            )
        await self.lab.start(self.lab.plan(main="a > x y", other="a > z"))
        others = [asyncio.create_task(one()) for one in (self.load, self.weather, self.disk)]
        await asyncio.sleep(self.random.uniform(0, 6))
        stops = self.random.random() < 0.25
        if stops:
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            self.lab.disk.error = ""
            before = self.abandoned()
            assert await self.lab.stop() == (1 if self.abandoned() > before else 0)
        if not stops or self.random.random() < 0.5:
            return await self.lab.crash()
        return self.lab.shut()

    def abandoned(self) -> int:
        return sum(self.lab.counts(sink).get("abandoned", 0) for sink in BUFFERS)

    def check(self, kept: Kept) -> None:
        """Nothing that was settled may come again, and nothing that was not may be missing."""
        for lane, sent in self.sent.items():
            committed = int(kept.positions.get(("sources.a", lane), 0))
            for sink in BUFFERS:
                here = set(self.lab.lines(sink)) | set(kept.lines.get(f"sinks.{sink}", ()))
                assert here.issuperset(sent[:committed]), (sink, lane)
                self.window[sink].update(sent[committed:])
        for sink in BUFFERS:
            self.window[sink].update(kept.lines.get(f"sinks.{sink}", ()))


@pytest.mark.parametrize("seed", range(6))
async def test_crashes_at_any_moment(tmp_path: Path, seed: int) -> None:
    lab = DurableLab(tmp_path / "state")
    storm = Storm(lab, seed)
    for _ in range(ROUNDS):
        before = {sink: Counter(lab.lines(sink)) for sink in BUFFERS}
        kept = await storm.life()
        assert kept
        for sink in BUFFERS:  # What was certain before this life began was not told again in it.
            again = Counter(lab.lines(sink)) - before[sink]
            assert {line for line in again if before[sink][line]} <= storm.window[sink]
        storm.window = {sink: set() for sink in BUFFERS}
        storm.check(kept)
        lab.boot()
    for sink in BUFFERS:
        lab.destination(sink).mend()
        lab.settings(sink, in_flight=1, write_timeout_s=None)
    lab.drain_timeout_s = 1000
    await lab.start(lab.plan(main="a > x y", other="a > z"))
    await asyncio.sleep(5)
    assert await lab.stop() == 0
    for sink in BUFFERS:
        for lane, sent in storm.sent.items():
            first = dict.fromkeys(one for one in lab.lines(sink) if one.startswith(lane))
            assert [*first] == sent, "none is missing, and none came before its turn"
        assert lab.spooled(sink) == 0
        row = lab.services.ledger.total(f"sinks.{sink}")
        assert row.in_flight == 0
        assert row.read + row.carried_in + row.replayed == sum(row.outcomes.values())
    await lab.close()

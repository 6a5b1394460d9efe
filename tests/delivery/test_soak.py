"""Random faults, sizes and reloads at once: in the end everything is accounted for."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from penstock.api import BatchSettings, BufferSettings, RetryableError
from penstock.testing import MemoryDestination
from tests.delivery.lab import Lab
from tests.delivery.transforms import text

LANES = ("a.red", "a.green", "b.red", "b.green", "b.blue")
ORDERS = {"x": "resource", "y": "stream", "z": "none"}
WORDS = ("line", "line", "line", " joined", " joined", "drop", "bad", "worse")


class Weather:
    """Breaks a destination and mends it, in every way it can be broken."""

    def __init__(self, seed: random.Random, far: MemoryDestination, order: str) -> None:
        self._random = seed
        self._far = far
        self._order = order

    async def run(self) -> None:
        while True:
            self.change()
            await asyncio.sleep(self._random.uniform(0, 3))

    def change(self) -> None:
        """Choose other faults; events that are bad are always refused."""
        far, choose = self._far, self._random.random
        far.mend()
        far.refuse(lambda event: "bad" in text(event), "bad")
        far.reject(lambda event: "worse" in text(event))
        if choose() < 0.3:
            far.fail(self._error(), times=self._random.choice([1, 3, None]))
        if choose() < 0.3 and self._order == "none":  # A sink that postpones keeps no order.
            far.postpone(lambda event: len(text(event)) % 3 == 0, times=self._random.randrange(4))
        if choose() < 0.3:
            far.slow(self._random.choice([0.001, 0.1, 2.0]))
        if choose() < 0.1:
            far.hang()

    def _error(self) -> Exception:
        return self._random.choice(
            [
                RetryableError("down"),
                RetryableError("throttled", retry_after=1.5),
                ConnectionResetError("reset"),
                TimeoutError(),
            ]
        )


class Soak:
    """Two sources, a filter and a join, three sinks, and the weather over each."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self.lab = lab
        self.random = random.Random(seed)
        self.sent: dict[str, list[str]] = {lane: [] for lane in LANES}
        self.change_settings()

    def change_settings(self) -> None:
        """Choose how batches are cut and how much may wait."""
        for sink, order in ORDERS.items():
            self.lab.settings(
                sink,
                order=order,
                in_flight=1 if order == "stream" else self.random.randint(1, 4),
                write_timeout_s=self.random.choice([1.0, 30.0]),
                batch=BatchSettings(
                    max_events=self.random.randint(1, 40),
                    max_wait_ms=self.random.choice([0, 10, 1000]),
                ),
                buffer=BufferSettings(max_memory_bytes=self.random.randint(65_536, 200_000)),
            )
        for source in "ab":
            self.lab.source_settings[source] = {"batch_events": self.random.randint(1, 30)}

    def write(self) -> None:
        lane = self.random.choice(LANES)
        count = self.random.randint(1, 30)
        lines = [
            f"{self.random.choice(WORDS)} {lane} {len(self.sent[lane]) + number}"
            for number in range(count)
        ]
        self.sent[lane] += lines
        self.lab.origin(lane[0]).write(lines, lane)

    async def run(self, reloads: bool) -> int:
        plan = self.lab.plan(main="a b > grep > join > x y z")
        await self.lab.start(plan)
        weather = [
            asyncio.create_task(Weather(self.random, self.lab.destination(sink), order).run())
            for sink, order in ORDERS.items()
        ]
        for step in range(150):
            self.write()
            await asyncio.sleep(self.random.choice([0, 0.01, 0.3]))
            if reloads and step % 25 == 0:
                self.change_settings()
                self.lab.hang_up(self.lab.plan(main="a b > grep > join > x y z"))
        for one in weather:
            one.cancel()
        await asyncio.gather(*weather, return_exceptions=True)
        for sink in ORDERS:
            self.lab.destination(sink).mend()
            self.lab.destination(sink).refuse(lambda event: "bad" in text(event), "bad")
            self.lab.destination(sink).reject(lambda event: "worse" in text(event))
        self.lab.origin("a").end()
        self.lab.origin("b").end()
        return await self.lab.ended(timeout=1000)

    def check(self, sink: str) -> None:
        """Every line that was kept arrived once, in its order, or is a dead letter."""
        arrived = [line for one in self.lab.lines(sink) for line in one.split("\n")]
        refused = [line for line in arrived if "bad" in line or "worse" in line]
        assert not refused
        for lane in LANES:
            mine = [line for line in arrived if f" {lane} " in line]
            if ORDERS[sink] == "none":
                assert Counter(mine) <= Counter(self.kept(lane))
            else:
                kept = iter(self.kept(lane))
                assert all(line in kept for line in mine)  # In this order, and none twice.
        lost = sum(len(self.kept(lane)) for lane in LANES) - len(arrived)
        counts = self.lab.counts(sink)
        assert set(counts) == {"delivered", "dead_lettered", "filtered", "merged"}
        assert counts["delivered"] == len(self.lab.lines(sink))
        assert lost >= counts["dead_lettered"]

    def kept(self, lane: str) -> list[str]:
        return [line for line in self.sent[lane] if "drop" not in line]


@pytest.mark.parametrize("seed", range(8))
async def test_everything_is_accounted_for(lab: Lab, seed: int) -> None:
    soak = Soak(lab, seed)
    assert await soak.run(reloads=False) == 0
    for sink in ORDERS:
        soak.check(sink)
        joined = "\n".join([*lab.lines(sink), *lab.letters(sink)]).split("\n")
        assert Counter(joined) == Counter(line for lane in LANES for line in soak.kept(lane))
    for lane, lines in soak.sent.items():
        assert lab.position(lane[0], lane) == (len(lines) or None)


@pytest.mark.parametrize("seed", range(8))
async def test_everything_is_accounted_for_while_it_is_reloaded(lab: Lab, seed: int) -> None:
    lab.drain_timeout_s = 3600
    soak = Soak(lab, seed)
    assert await soak.run(reloads=True) == 0
    for sink in ORDERS:
        soak.check(sink)
    for lane, lines in soak.sent.items():
        assert lab.position(lane[0], lane) == (len(lines) or None)

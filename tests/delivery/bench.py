"""A buffer on the bench, and senders that do as an outlet does."""

from __future__ import annotations

import asyncio

from penstock.api import Batch, BufferSettings, Log, Resource
from penstock.bus.buffer import LANE_SHARE, Buffer
from penstock.delivery.positions import MemoryPositions
from penstock.delivery.receipts import BatchReceipt, Lane
from penstock.state.unit import LaneKey

BOUND = 80_000
SHARE = BOUND // LANE_SHARE
EVERYTHING = 1_000_000


class Bench:
    """A buffer, and senders that do as an outlet does."""

    def __init__(self, when_full: str = "block") -> None:
        settings = BufferSettings(max_memory_bytes=BOUND, when_full=when_full)  # type: ignore[arg-type]
        self.puts = 0
        self.dropped: list[tuple[str, str]] = []
        self.buffer = Buffer(settings, self._put, self._drop)
        self.receipts: dict[str, BatchReceipt] = {}
        self.entered: list[str] = []
        self._positions = MemoryPositions()
        self._lanes: dict[LaneKey, Lane] = {}

    def batch(
        self, name: str, lane: str = "a", size: int = 1000, events: int = 1, origin: str = ""
    ) -> Batch:
        key = ("sources.test", lane)
        known = self._lanes.setdefault(key, Lane(key, self._positions))
        self.receipts[name] = known.open(None)
        logs = tuple(Log(number, f"{name}.{number}") for number in range(events))
        return Batch(Resource(origin or lane), logs, size, (self.receipts[name],))

    def put(self, name: str, lane: str = "a", size: int = 1000, origin: str = "") -> None:
        """Put a batch in, as an outlet does that found room."""
        self.buffer.put(self.batch(name, lane, size, origin=origin))
        self.receipts[name].release()

    async def send(self, name: str, lane: str = "a", size: int = 1000) -> None:
        key, waited = ("sources.test", lane), False
        while not self.buffer.has_room(key, size, waited=waited):
            await self.buffer.room(key, size)
            waited = True
        self.put(name, lane, size)
        self.entered.append(name)

    def sending(self, name: str, lane: str = "a", size: int = 1000) -> asyncio.Task[None]:
        return asyncio.create_task(self.send(name, lane, size))

    def take(self, events: int = EVERYTHING, size: int = EVERYTHING, busy: str = "") -> list[str]:
        return [name_of(one) for one in self.buffer.take(set(busy), events, size)]

    def settled(self) -> set[str]:
        return {name for name, receipt in self.receipts.items() if receipt.is_settled}

    def _put(self) -> None:
        self.puts += 1

    def _drop(self, batch: Batch, policy: str) -> None:
        self.dropped.append((name_of(batch), policy))


def name_of(batch: Batch) -> str:
    event = batch.events[0]
    assert type(event) is Log
    return event.body.partition(".")[0]

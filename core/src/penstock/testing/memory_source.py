"""A source in memory: it reads what a test wrote, and reads it again from any position."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, ClassVar
from weakref import WeakValueDictionary

from msgspec import Meta

from penstock.api.component import Source
from penstock.api.delivery import Outlet
from penstock.api.event import Batch, Event, Resource, heap_size
from penstock.testing.events import log, resource


class MemoryOrigin:
    """What a ``MemorySource`` reads: lanes of events that only grow.

    It is found by name and outlives the sources that read it, so that a second source can stand
    for the first one after a restart. It lives as long as somebody refers to it.
    """

    _all: ClassVar[WeakValueDictionary[str, MemoryOrigin]] = WeakValueDictionary()

    def __init__(self) -> None:
        self.lanes: dict[str, list[Event]] = {}
        self.resources: dict[str, Resource] = {}
        self.ended = False
        self.failure: BaseException | None = None
        self.open_failure: Exception | None = None
        self._growth: set[asyncio.Event] = set()

    @classmethod
    def named(cls, name: str) -> MemoryOrigin:
        """Return the origin of this name, made on first use."""
        return cls._all.setdefault(name, cls())

    def write(self, events: Iterable[Event | str], lane: str = "web") -> None:
        """Append events, or lines, to a lane."""
        made = [log(event) if isinstance(event, str) else event for event in events]
        self.resources.setdefault(lane, resource(f"memory:{lane}", {"container.name": lane}))
        self.lanes.setdefault(lane, []).extend(made)
        self._wake()

    def end(self) -> None:
        """End the input: the source returns once it has sent all of it."""
        self.ended = True
        self._wake()

    def fail(self, failure: BaseException) -> None:
        """Have the source raise this, once, instead of reading on."""
        self.failure = failure
        self._wake()

    def take_failure(self) -> None:
        """Raise what ``fail`` was given, if anything."""
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    def watch(self) -> asyncio.Event:
        """Return an event that is set at every change."""
        change = asyncio.Event()
        self._growth.add(change)
        return change

    def unwatch(self, change: asyncio.Event) -> None:
        """Stop watching."""
        self._growth.discard(change)

    def _wake(self) -> None:
        for change in self._growth:
            change.set()


class MemorySource(Source):
    """Reads a ``MemoryOrigin``, each lane on its own; a position is a count of events."""

    name = "memory"
    requires_api = "1.0"

    class Config(Source.Config, frozen=True, kw_only=True):
        origin: Annotated[str, Meta(description="Name of the `MemoryOrigin` to read.")] = "default"
        batch_events: Annotated[int, Meta(ge=1, description="Events in one batch.")] = 100

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.origin = MemoryOrigin.named(config.origin)
        self._sent: dict[str, int] = {}

    async def open(self) -> None:
        if self.origin.open_failure is not None:
            raise self.origin.open_failure

    async def run(self, out: Outlet) -> None:
        readers: dict[str, asyncio.Task[None]] = {}
        change = self.origin.watch()
        try:
            while not self._is_over(readers):
                change.clear()
                self.origin.take_failure()
                for lane in self.origin.lanes.keys() - readers.keys():
                    readers[lane] = asyncio.create_task(self._read(out, lane))
                    readers[lane].add_done_callback(lambda _: change.set())
                await change.wait()
        finally:
            self.origin.unwatch(change)
            for reader in readers.values():
                reader.cancel()
            await asyncio.gather(*readers.values(), return_exceptions=True)

    def _is_over(self, readers: dict[str, asyncio.Task[None]]) -> bool:
        for reader in readers.values():
            if reader.done():
                reader.result()
        read = {lane for lane, reader in readers.items() if reader.done()}
        return self.origin.ended and read == self.origin.lanes.keys()

    async def _read(self, out: Outlet, lane: str) -> None:
        committed = out.position(lane)
        self._sent.setdefault(lane, committed if isinstance(committed, int) else 0)
        change = self.origin.watch()
        try:
            while True:
                change.clear()
                while await self._send_next(out, lane):
                    pass
                if self.origin.ended:
                    return
                await change.wait()
        finally:
            self.origin.unwatch(change)

    async def _send_next(self, out: Outlet, lane: str) -> bool:
        start = self._sent[lane]
        events = tuple(self.origin.lanes[lane][start : start + self.config.batch_events])
        if events:
            made = Batch(self.origin.resources[lane], events, heap_size(events))
            await out.send(made, lane=lane, position=start + len(events))
            self._sent[lane] = start + len(events)
        return bool(events)

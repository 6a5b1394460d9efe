"""Gathers what is read into batches, and hands them on in a task apart.

What reads never waits for what is sent, unless so much waits already that only waiting is left.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from msgspec import Struct

from penstock.api import Batch, Counter, Event, Log, Outlet, Resource, TitledEvent
from penstock_source_firehose.dropsonde import Made
from penstock_source_firehose.losses import NOTICES, Loss, Losses
from penstock_source_firehose.origins import Origin
from penstock_source_firehose.settings import KINDS

GATHER_S = 0.02
"""So long events may wait for others of their origin."""

LONGEST_S = 0.1
MANY = 100
ENOUGH = 4
"""From so many origins on with fewer events each, they may wait for longer: a batch costs as much
as twenty events do."""

MOST_BYTES = 1_048_576
"""More than that is not gathered."""

MOST_WAITING_BYTES = 2_097_152
"""When so much waits to be sent, nothing more is read."""

LAST_WORDS_S = 0.5
"""So long what was read may take to be sent at the end."""

LANE = "firehose"
"""The lane of what is said of the stream itself; its position is the time of the last event."""

COMMIT_EVERY_S = 1.0


class Retired(Struct, frozen=True):
    """A lane that nothing was heard of for long."""

    origin: str


Item = Batch | Loss | Retired


class Sending:
    """Where events go: ``add`` while reading, ``run`` hands them on."""

    def __init__(
        self, out: Outlet, resource: Resource, wanted: frozenset[type[Event]], last: int
    ) -> None:
        self.losses = Losses(self._put_loss)
        self.losses.last = last
        self.is_full = False
        self._out = out
        self._resource = resource
        self._leaves_out = bool(set(KINDS.values()) - wanted - {TitledEvent})
        self._wanted = wanted
        self._gathered: list[Origin] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._waiting: deque[Item] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._keeps = Keeps()
        self._committed_at = 0.0
        self._committed = last

    # --- what reads ----------------------------------------------------------------------

    def add(self, made: Made) -> None:
        """Take an event."""
        origin, event, size = made
        if type(event) is Counter and event.name in NOTICES:
            self.losses.look(event, origin)
        if self._leaves_out and type(event) not in self._wanted:
            return
        if not origin.events:
            self._gathered.append(origin)
            if self._timer is None:
                loop = asyncio.get_running_loop()
                self._since = loop.time()
                self._timer = loop.call_later(GATHER_S, self._due)
        origin.events.append(event)
        origin.size += size
        self._bytes += size
        if self._bytes >= MOST_BYTES:
            self.flush()

    def refuse(self, data: bytes, why: str) -> None:
        """Keep what is no envelope as a dead letter."""
        self._out.refused(self._resource, unreadable(data, self._keeps.room(len(data))), why)

    def cut(self, reason: str) -> None:
        """Note that a stream ended in a way that may have cost events."""
        self.flush()
        self.losses.cut(reason)

    def retire(self, origin: Origin) -> None:
        """Forget the lane of an origin that nothing was heard of for long."""
        self._put(Retired(origin.resource.origin))

    async def room(self) -> None:
        """Wait until something may be read again."""
        while self.is_full:
            self._room.clear()
            await self._room.wait()

    def _due(self) -> None:
        """Make batches, or let many origins gather on that have only a few events each."""
        loop, origins = asyncio.get_running_loop(), self._gathered
        events = sum(len(origin.events) for origin in origins)
        is_thin = len(origins) >= MANY and events < ENOUGH * len(origins)
        if is_thin and loop.time() - self._since < LONGEST_S:
            self._timer = loop.call_later(GATHER_S, self._due)
        else:
            self.flush()

    def flush(self) -> None:
        """Make batches of what was gathered."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        gathered, self._gathered = self._gathered, []
        self._bytes = 0
        last, now = self.losses.last, time.time_ns()
        if gathered and self.losses.cuts:
            self.losses.came(min(gathered[0].events[0].time_unix_nano, now))
        for origin in gathered:
            events, origin.events = origin.events, []
            last = max(last, min(events[-1].time_unix_nano, now))
            self._waiting_bytes += origin.size
            self._put(Batch(origin.resource, events, origin.size))
            origin.size = 0
        self.losses.last = last
        self.is_full = self._waiting_bytes >= MOST_WAITING_BYTES

    # --- what sends ----------------------------------------------------------------------

    async def run(self) -> None:
        """Hand on what comes, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._send_all()

    async def finish(self, *, final: bool) -> int:
        """Hand on what is left, if it is taken soon; return how many events are not.

        At a ``final`` one nothing comes any more behind what was cut.
        """
        self.flush()
        if final:
            self.losses.end()
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self._send_all()
        except TimeoutError:
            pass
        self._commit()
        return sum(len(item.events) for item in self._waiting if isinstance(item, Batch))

    async def _send_all(self) -> None:
        waiting = self._waiting
        while waiting:
            item = waiting[0]
            if isinstance(item, Batch):
                await self._out.send(item, lane=item.resource.origin)
                self._waiting_bytes -= item.size
                if self.is_full and self._waiting_bytes < MOST_WAITING_BYTES:
                    self.is_full = False
                    self._room.set()
            elif isinstance(item, Loss):
                await self._say(item)
            else:
                self._out.retire(item.origin, origin=item.origin)
            waiting.popleft()
        if time.monotonic() - self._committed_at >= COMMIT_EVERY_S:
            self._commit()

    async def _say(self, loss: Loss) -> None:
        await self._out.lost(
            self._resource,
            loss.reason,
            lane=LANE,
            start=loss.start,
            end=loss.end,
            count=loss.count,
        )

    def _commit(self) -> None:
        """Have it remembered how far was read: a later start says what it may have missed."""
        last = self.losses.last
        if last > self._committed and not self._waiting:
            self._committed = last
            self._committed_at = time.monotonic()
            self._out.reached(LANE, last)

    def _put_loss(self, loss: Loss) -> None:
        self._put(loss)

    def _put(self, item: Item) -> None:
        self._waiting.append(item)
        self._wake.set()


KEPT_BYTES = 65_536
"""So much of what is no envelope is kept."""
KEPT_A_SECOND = 1_048_576
"""So much of all that comes in a second: nobody waits for it to be on disk."""
KEPT_AT_LEAST = 256


class Keeps:
    """Says how much of what is no envelope may be kept."""

    def __init__(self) -> None:
        self._second = 0
        self._kept = 0

    def room(self, size: int) -> int:
        """Return how many of so many bytes to keep."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._kept = second, 0
        most = KEPT_BYTES if self._kept < KEPT_A_SECOND else KEPT_AT_LEAST
        self._kept += min(size, most)
        return most


def unreadable(data: bytes, room: int = KEPT_BYTES) -> Log:
    """Return an event that shows what could not be decoded."""
    from base64 import b64encode

    attributes: dict[str, str | int] = {"penstock.encoding": "base64"}
    if len(data) > room:
        attributes["penstock.cut_bytes"] = len(data) - room
    body = b64encode(data[:room]).decode("ascii")
    return Log(time.time_ns(), body, attributes=attributes)

"""An outlet in memory: what a source sends stays here, until the test settles it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from penstock.api.delivery import Receipt
from penstock.api.event import Batch, Event, Gap, Log, Resource, heap_size
from penstock.delivery.receipts import Lane
from penstock.state.unit import LaneKey


class Sent(Struct, frozen=True, eq=False):
    """One batch as it was handed over; ``batch.trail`` holds its receipt."""

    batch: Batch
    lane: str
    position: object
    receipt: Receipt

    @property
    def lines(self) -> list[str]:
        """The text of the batch's logs."""
        return [event.body for event in self.batch.events if type(event) is Log]


class Loss(Struct, frozen=True, eq=False):
    """One gap, the resource and the lane that it was said of."""

    resource: Resource
    gap: Gap
    lane: str


class LanePositions:
    """The positions of one source, by lane, as plain builtins."""

    def __init__(self, positions: Mapping[str, object]) -> None:
        self.by_lane = {lane: to_builtins(position) for lane, position in positions.items()}

    def load(self, lane: LaneKey) -> object | None:
        return self.by_lane.get(lane[1])

    def lanes(self, source: str) -> Sequence[str]:
        return list(self.by_lane)

    def commit(self, lane: LaneKey, position: object) -> None:
        self.by_lane[lane[1]] = to_builtins(position)

    def forget(self, lane: LaneKey) -> None:
        self.by_lane.pop(lane[1], None)


class RecordingOutlet:
    """An ``Outlet`` that keeps what it gets, with the receipts and positions of the real one.

    ``positions`` are what was committed before the start, per lane, as plain builtins. At most
    ``capacity`` batches may be unsettled: then ``send`` waits until the test settles some or calls
    ``open``; 0 takes nothing, None everything. ``settle`` settles each batch as it comes.
    """

    def __init__(
        self,
        positions: Mapping[str, object] | None = None,
        *,
        capacity: int | None = None,
        settle: bool = False,
        table: str = "sources.test",
    ) -> None:
        self.sent: list[Sent] = []
        self.duplicate_counts: dict[str, int] = {}
        self.refusals: list[tuple[Event, str]] = []
        """What it was told that could not be understood, and why."""
        self.risks: dict[str, float | None] = {}
        self.retired: list[str] = []
        self.waiting = 0
        self.most_held = 0
        self._capacity = capacity
        self._settle_at_once = settle
        self._table = table
        self._positions = LanePositions(positions or {})
        self._door = asyncio.Lock()
        self._lanes: dict[str, Lane] = {}
        self._held: deque[Sent] = deque()
        self._changes: list[asyncio.Future[None]] = []

    # What a source sees.

    def position(self, lane: str) -> object | None:
        return self._positions.load((self._table, lane))

    def lanes(self) -> Sequence[str]:
        return [lane for lane in self._positions.by_lane if lane not in self.retired]

    async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
        to_builtins(position)  # Raises here, where the source is to blame.
        await self._room()
        receipt = self._lane(lane).open(position)
        sent = Sent(replace(batch, trail=(receipt,)), lane, position, receipt)
        self.sent.append(sent)
        self._held.append(sent)
        self.most_held = max(self.most_held, len(self._held))
        if self._settle_at_once:
            self.settle_all()
        self._changed()
        return receipt

    async def lost(
        self,
        resource: Resource,
        reason: str,
        *,
        lane: str = "",
        start: int = 0,
        end: int = 0,
        count: int | None = None,
        stream: str = "",
    ) -> None:
        gap = Gap(
            end or start,
            reason,
            from_unix_nano=start,
            to_unix_nano=end,
            count=count,
            stream=stream,
        )
        await self.send(Batch(resource, (gap,), heap_size((gap,))), lane=lane)

    def refused(self, resource: Resource, event: Event, why: str) -> None:
        self.refusals.append((event, why))
        self._changed()

    def at_risk(self, resource: Resource, seconds_to_loss: float | None) -> None:
        self.risks[resource.origin] = seconds_to_loss

    def duplicates(self, resource: Resource, count: int) -> None:
        known = self.duplicate_counts.get(resource.origin, 0)
        self.duplicate_counts[resource.origin] = known + count
        self._changed()

    def reached(self, lane: str, position: object) -> None:
        to_builtins(position)  # Raises here, where the source is to blame.
        self._lane(lane).open(position).release()
        self._changed()

    def retire(self, lane: str, *, origin: str = "") -> None:
        self.retired.append(lane)
        self._lane(lane).retire(lambda: None)
        del self._lanes[lane]
        self._changed()

    # What a test asks.

    def events(self, lane: str | None = None) -> list[Event]:
        """Return all events in the order in which they came, of one lane or of all."""
        return [event for sent in self._of(lane) for event in sent.batch.events]

    def lines(self, stream: str | None = None, *, lane: str | None = None) -> list[str]:
        """Return the text of all logs in order, of one stream or of all."""
        logs = (event for event in self.events(lane) if type(event) is Log)
        return [log.body for log in logs if stream is None or log.stream == stream]

    @property
    def gaps(self) -> list[Loss]:
        """All gap events, with what they were said of."""
        return [
            Loss(sent.batch.resource, event, sent.lane)
            for sent in self.sent
            for event in sent.batch.events
            if type(event) is Gap
        ]

    @property
    def committed(self) -> dict[str, object]:
        """The committed position of every lane that has one, as plain builtins.

        Given as ``positions`` to the next outlet, it plays a restart.
        """
        return dict(self._positions.by_lane)

    @property
    def unsettled(self) -> int:
        """How many batches nobody has settled yet."""
        return len(self._held)

    # What a test does.

    def settle(self, count: int = 1) -> None:
        """Settle the oldest unsettled batches, as if every sink had delivered them."""
        for _ in range(min(count, len(self._held))):
            self._held.popleft().receipt.release()
        self._changed()

    def settle_all(self) -> None:
        """Settle every batch that came so far."""
        self.settle(len(self._held))

    def open(self) -> None:
        """Let everything through from now on, unsettled or not."""
        self._capacity = None
        self._changed()

    def shut(self) -> None:
        """Let nothing through until ``open``."""
        self._capacity = 0

    async def until(self, condition: Callable[[], object], *, timeout: float = 30.0) -> None:
        """Wait until a condition on this outlet holds; ``TimeoutError`` after ``timeout``."""
        async with asyncio.timeout(timeout):
            await self._wait(condition)

    async def until_lines(self, count: int, *, timeout: float = 30.0) -> list[str]:
        """Wait for so many lines and return all that came."""
        await self.until(lambda: len(self.lines()) >= count, timeout=timeout)
        return self.lines()

    async def _room(self) -> None:
        self.waiting += 1
        self._changed()
        try:
            async with self._door:
                await self._wait(self._has_room)
        finally:
            self.waiting -= 1

    async def _wait(self, condition: Callable[[], object]) -> None:
        while not condition():
            change = asyncio.get_running_loop().create_future()
            self._changes.append(change)
            await change

    def _has_room(self) -> bool:
        return self._capacity is None or len(self._held) < self._capacity

    def _changed(self) -> None:
        changes, self._changes = self._changes, []
        for change in changes:
            if not change.done():
                change.set_result(None)

    def _lane(self, lane: str) -> Lane:
        if lane not in self._lanes:
            self._lanes[lane] = Lane((self._table, lane), self._positions)
        return self._lanes[lane]

    def _of(self, lane: str | None) -> Iterator[Sent]:
        return (sent for sent in self.sent if lane is None or sent.lane == lane)

"""How delivery is told: receipts, reports and outcomes, and the outlet that a source writes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from penstock.api.event import EMPTY, Batch, Event, Resource


class Outcome(StrEnum):
    """What can become of an event: a closed set, each counted with a reason."""

    DELIVERED = "delivered"
    SPOOLED = "spooled"
    FILTERED = "filtered"
    MERGED = "merged"
    DEAD_LETTERED = "dead_lettered"
    DROPPED = "dropped"
    ABANDONED = "abandoned"


class Report(Struct, frozen=True):
    """What ``Sink.write`` says of a partial success: everything not named here was delivered.

    ``rejected`` maps an event to the destination's reason for refusing it; ``retry`` are events to
    send again, after ``retry_after`` seconds if the destination named a time.
    """

    rejected: Mapping[Event, str] = EMPTY
    retry: Sequence[Event] = ()
    retry_after: float | None = None


class Receipt(Protocol):
    """A batch's receipt: settled once every sink has settled all of it.

    ``retain``, ``release``, ``abandon`` and ``bind`` are core's; ``lane`` is ``(source table,
    lane)``.
    """

    @property
    def lane(self) -> tuple[str, str]: ...

    @property
    def abandoned(self) -> bool: ...

    def retain(self) -> None: ...

    def release(self) -> None: ...

    def abandon(self) -> None: ...

    def bind(self, later: Receipt) -> None: ...

    async def settled(self) -> None:
        """Return when every sink has settled the batch."""


class Outlet(Protocol):
    """All that a source sees of the engine."""

    def position(self, lane: str) -> object | None:
        """Return the last committed position of a lane as plain builtins, None if there is none.

        A position may be anything that msgspec encodes; ``msgspec.convert`` brings the type back.
        """

    def lanes(self) -> Sequence[str]:
        """Return the lanes that have a position: a source finds out which of them are gone."""

    async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
        """Hand over a batch; waits while the bus is full.

        Within a lane, batches keep their order, and ``position`` is committed once this batch and
        all before it in the lane are settled. None commits nothing of its own. A batch without
        events goes nowhere: it only commits its position.
        """

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
        """Say that events cannot be had any more: a gap event goes through the pipelines.

        ``start`` and ``end`` are Unix nanoseconds: the last event before and the first one after.
        """

    def refused(self, resource: Resource, event: Event, why: str) -> None:
        """Keep what could not be understood as a dead letter; ``event`` shows what came."""

    def duplicates(self, resource: Resource, count: int) -> None:
        """Count events that were read again and recognised: they are no part of what was read."""

    def at_risk(self, resource: Resource, seconds_to_loss: float | None) -> None:
        """Say in how many seconds unread events will be lost at the present rate.

        None: nothing is at risk. What was said last of an origin counts until it is retired.
        """

    def reached(self, lane: str, position: object) -> None:
        """Have a position committed for which there is no batch, once all before it is settled."""

    def retire(self, lane: str, *, origin: str = "") -> None:
        """Forget a lane, whose origin is gone, once all of it is settled.

        ``origin`` names it where nothing was sent through the lane since the start.
        """

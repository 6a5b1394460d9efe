"""Sends one journal's events, with the position behind them and the gaps between them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from penstock.api import Batch, Outlet, Resource
from penstock_source_journald.intake import Group
from penstock_source_journald.position import Position

COMMIT_EVERY_S = 60.0
"""While nothing is sent that would say so, the position is committed this often."""


class Sending:
    """Where one journal's events go, and how far that is.

    ``position`` is behind all that was sent or left out; what is settled is core's to know.
    """

    def __init__(self, out: Outlet, lane: str, resource: Resource, position: Position) -> None:
        self.resource = resource
        """The journal itself, for what is said of none of its entries."""
        self.position = position
        self.pause_s = 0.0
        """How long the last send had to wait."""
        self._out = out
        self._lane = lane
        self._committed = position
        self._committed_at = time.monotonic()

    async def send(
        self,
        groups: Sequence[Group],
        cursor: str,
        still_open: Mapping[str, str],
        sent: Sequence[str] = (),
    ) -> None:
        """Send the groups of all entries up to a cursor; some of them were sent already."""
        before = self.position
        end = Position(cursor=cursor, open=still_open)
        ahead = tuple(sent)
        began = time.monotonic()
        for group in groups:
            ahead = (*ahead, group.digest)
            position = end if group is groups[-1] else _between(before, end, ahead)
            batch = Batch(group.resource, group.events, group.size)
            await self._out.send(batch, lane=self._lane, position=position)
            self._commit(position)
        self.position = end
        self.pause_s = time.monotonic() - began

    @property
    def is_overdue(self) -> bool:
        """Whether nothing was committed for long."""
        return time.monotonic() - self._committed_at >= COMMIT_EVERY_S

    async def commit(self) -> None:
        """Commit the position if that was not done for long: nothing was there to be sent."""
        if self.is_overdue and self.position != self._committed:
            await self.begin()

    async def begin(self) -> None:
        """Commit the position without an event."""
        await self._out.send(Batch(self.resource, (), 0), lane=self._lane, position=self.position)
        self._commit(self.position)

    async def lost(self, reason: str, start: int, end: int) -> None:
        """Say that entries between two times cannot be had any more."""
        await self._out.lost(self.resource, reason, lane=self._lane, start=start, end=end)

    def at_risk(self, seconds: float | None) -> None:
        """Say when unread entries will be gone."""
        self._out.at_risk(self.resource, seconds)

    def _commit(self, position: Position) -> None:
        self.position = self._committed = position
        self._committed_at = time.monotonic()


def _between(before: Position, end: Position, ahead: tuple[str, ...]) -> Position:
    """Return the position after some of the groups: what is open is as before for the others."""
    lines = {key: at for key, at in end.open.items() if key.partition(":")[0] in ahead}
    others = {key: at for key, at in before.open.items() if key.partition(":")[0] not in ahead}
    return Position(cursor=before.cursor, open=lines | others, until=end.cursor, ahead=ahead)

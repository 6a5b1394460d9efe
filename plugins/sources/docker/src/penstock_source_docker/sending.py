"""Sends one container's events, with the position behind them and the gaps between them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec.structs import replace

from penstock.api import Batch, Log, Outlet, Resource
from penstock_source_docker.position import Position


class Sending:
    """Where one container's events go, and how far that is.

    ``position`` is that of the last batch *sent*: what is settled is core's to know.
    """

    def __init__(self, out: Outlet, lane: str, resource: Resource, position: Position) -> None:
        self.resource = resource
        self.position = position
        self.last_time = position.last_time
        """The time of the last event, committed or not."""
        self._out = out
        self._lane = lane
        self._gap: tuple[int, str] | None = None
        self._is_at_risk = False

    async def send(self, events: Sequence[Log], size: int, position: Position | None) -> float:
        """Send events; return for how many seconds that was not possible.

        Without a position nothing is committed, and what was sent may come again.
        """
        if self._gap:
            await self.say_gap(end=events[0].time_unix_nano)
        before = time.monotonic()
        await self._out.send(Batch(self.resource, events, size), lane=self._lane, position=position)
        self.last_time = events[-1].time_unix_nano
        if position is not None:
            self.position = position
        return time.monotonic() - before

    def begin(self) -> None:
        """Have the position committed although nothing was sent yet."""
        self._out.reached(self._lane, self.position)

    def mark(self, *, finished: bool) -> None:
        """Note whether the container has ended and all of its log was sent."""
        if self.position.finished is not finished:
            self.position = replace(self.position, finished=finished)
            self._out.reached(self._lane, self.position)

    def lose(self, reason: str) -> None:
        """Note that lines behind the last one are gone; it is said once what follows is known."""
        if not self._gap:
            self._gap = (self.last_time, reason)

    async def say_gap(self, end: int = 0) -> None:
        """Say what was lost, if anything was."""
        if self._gap:
            start, reason = self._gap
            self._gap = None
            await self._out.lost(self.resource, reason, lane=self._lane, start=start, end=end)

    def recognised(self, lines: int) -> None:
        """Count lines that came a second time."""
        if lines:
            self._out.duplicates(self.resource, lines)

    def at_risk(self, seconds: float | None) -> None:
        """Say how soon lines will be lost; that none will be is said once."""
        if seconds is not None or self._is_at_risk:
            self._out.at_risk(self.resource, seconds)
        self._is_at_risk = seconds is not None

    def retire(self) -> None:
        """Forget the position once all is settled: the container is gone."""
        self._out.retire(self._lane, origin=self.resource.origin)

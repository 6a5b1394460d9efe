"""A clock that only moves when told to."""

from __future__ import annotations

import asyncio
import heapq


class ManualClock:
    """Monotonic and wall time under the test's control.

    It may be given wherever a ``Callable[[], float]`` of monotonic seconds is asked for. ``sleep``
    moves the clock itself and returns at once; with ``automatic=False`` it waits for ``advance``.
    """

    def __init__(
        self,
        monotonic: float = 1000.0,
        wall_unix_nano: int = 1_700_000_000_000_000_000,
        *,
        automatic: bool = True,
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall_unix_nano
        self._automatic = automatic
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self._monotonic

    def monotonic(self) -> float:
        """Return monotonic seconds, like ``time.monotonic``."""
        return self._monotonic

    def time(self) -> float:
        """Return Unix seconds, like ``time.time``."""
        return self._wall / 1e9

    def time_ns(self) -> int:
        """Return Unix nanoseconds, like ``time.time_ns``."""
        return self._wall

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass; every length is kept in ``slept``."""
        self.slept.append(seconds)
        if self._automatic:
            self.advance(seconds)
            await asyncio.sleep(0)
            return
        due = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, len(self.slept), due))
        await due

    def advance(self, seconds: float) -> None:
        """Move both times forward and wake the sleepers whose time has come."""
        if seconds < 0:
            raise ValueError("monotonic time does not go back; set the wall with step_wall()")
        self._monotonic += seconds
        self._wall += round(seconds * 1e9)
        while self._sleepers and self._sleepers[0][0] <= self._monotonic:
            _, _, due = heapq.heappop(self._sleepers)
            if not due.done():
                due.set_result(None)

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an administrator would."""
        self._wall += round(seconds * 1e9)

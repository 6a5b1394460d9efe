"""Synthetic containers at a steady rate, or as fast as they can."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from penstock.api import Outlet, Source
from penstock_source_demo.container import Container, Position, service_and_name

TICK_S = 0.01
"""The least wait between two rounds: lines of a high rate go in batches."""

FULL_SPEED_STEP_NS = 1000
"""The time from line to line of a container where the rate is unlimited."""

KEEP_NS = 3600 * 1_000_000_000
"""What a made-up container's log holds while nobody reads it; older lines are a gap."""


class Demo(Source):
    """Made-up containers whose logs can be read again from any position.

    They go on printing while Penstock is away, as real ones do. Where ``count`` ends them, they
    are gone afterwards: a later run begins anew.
    """

    name = "demo"
    requires_api = "1.0"
    stability = "beta"

    class Config(Source.Config, frozen=True, kw_only=True):
        """How much the containers print."""

        rate: Annotated[
            float,
            Meta(
                ge=0,
                le=1_000_000,
                description="Events a second, of all containers together; 0 = as fast as it can.",
            ),
        ] = 10
        count: Annotated[
            int, Meta(ge=0, description="Events of all containers together; 0 = for ever.")
        ] = 0
        containers: Annotated[int, Meta(ge=1, le=1000, description="How many containers.")] = 3
        seed: Annotated[
            int, Meta(description="Another seed gives other lines; the same gives the same.")
        ] = 0

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._containers: list[Container] = []

    async def run(self, out: Outlet) -> None:
        """Send lines until there are enough; called again, go on where the last call came to."""
        clock = _clock()
        if not self._containers:
            await self._begin(out, clock())
        if self.config.rate:
            await self._paced(out, clock)
        else:
            await self._at_full_speed(out)
        for container in self._containers:
            out.retire(container.name)

    async def _begin(self, out: Outlet, now: int) -> None:
        containers = [self._container(index, out, now) for index in range(self.config.containers)]
        if self.config.rate and not self.config.count:
            for container in containers:
                await _rotate(container, out, now)
        self._containers = containers

    async def _paced(self, out: Outlet, clock: Callable[[], int]) -> None:
        containers = self._containers
        while due := [at for one in containers if (at := one.due_at) is not None]:
            await asyncio.sleep(max((min(due) - clock()) / 1e9, TICK_S))
            now = clock()
            for container in containers:
                while await _send(container, out, now):
                    pass

    async def _at_full_speed(self, out: Outlet) -> None:
        containers = self._containers
        while containers := [one for one in containers if one.due_at is not None]:
            for container in containers:
                await _send(container, out)
            # An outlet with room never waits: the sinks need their turn too.
            await asyncio.sleep(0)

    def _container(self, index: int, out: Outlet, now: int) -> Container:
        config = self.config
        step = round(config.containers * 1e9 / config.rate) if config.rate else FULL_SPEED_STEP_NS
        start = now + step * index // config.containers
        position = Position(start, 0, step)
        if (known := out.position(service_and_name(index)[1])) is not None:
            position = _resumed(msgspec.convert(known, Position), step, now)
        share = config.count // config.containers + (index < config.count % config.containers)
        return Container(index, config.seed, position, share if config.count else None)


def _resumed(position: Position, step: int, now: int) -> Position:
    """Go on from a position: in its own time, or from now on if the rate is another."""
    if position.step == step:
        return position
    return Position(now - position.number * step, position.number, step)


async def _rotate(container: Container, out: Outlet, now: int) -> None:
    """Say what is lost of a log that nobody read for too long."""
    due = container.due_at
    if due is None or now - due <= KEEP_NS:
        return
    lost = (now - KEEP_NS - due) // container.position.step
    start, end = container.skip(lost)
    await out.lost(
        container.resource,
        "rotated away while nobody read",
        lane=container.name,
        start=start,
        end=end,
        count=lost,
    )


async def _send(container: Container, out: Outlet, now: int | None = None) -> bool:
    taken = container.take(now)
    if taken is None:
        return False
    batch, position = taken
    await out.send(batch, lane=container.name, position=position)
    container.go_on(position)
    return True


def _clock() -> Callable[[], int]:
    """Return a clock of Unix nanoseconds that never goes back."""
    offset = time.time_ns() - time.monotonic_ns()
    return lambda: time.monotonic_ns() + offset

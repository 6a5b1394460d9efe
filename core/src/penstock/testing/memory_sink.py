"""A sink in memory, whose destination records what arrives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from penstock.api.component import Sink
from penstock.api.delivery import Report
from penstock.api.event import KINDS, Batch
from penstock.testing.memory_destination import MemoryDestination


class MemorySink(Sink):
    """Delivers to a ``MemoryDestination``; how core treats it can be set, for tests of core."""

    name = "memory"
    requires_api = "1.0"

    class Config(Sink.Config, frozen=True, kw_only=True):
        destination: Annotated[
            str, Meta(description="Name of the `MemoryDestination` to deliver to.")
        ] = "default"
        kinds: Annotated[tuple[str, ...], Meta(description="Kinds of event to accept.")] = ("log",)
        order: Annotated[
            Literal["stream", "resource", "none"], Meta(description="What keeps its order.")
        ] = "resource"
        in_flight: Annotated[int, Meta(ge=1, description="Writes that core keeps open.")] = 1
        write_timeout_s: Annotated[
            float | None, Meta(description="Seconds that a write may take.")
        ] = 60.0

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.destination = MemoryDestination.named(config.destination)
        self.accepts = frozenset(kind for kind, word in KINDS.items() if word in config.kinds)
        self.order = config.order
        self.in_flight = config.in_flight
        self.write_timeout_s = config.write_timeout_s

    async def open(self) -> None:
        if self.destination.open_failure is not None:
            raise self.destination.open_failure

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        return await self.destination.take(batches)

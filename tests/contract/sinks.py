"""The contract for a sink class that a test makes up, and how it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any

import pytest

from penstock.api import Sink
from penstock.testing import MemoryDestination, MemorySink, SinkContract, configured
from penstock.testing.obligation import ObligationError

numbers = count(1)


class SinkUnderTest(SinkContract):
    """The contract for a sink class, without pytest around it."""

    most_awaits = 6

    def __init__(self, sink: type[MemorySink], *, patience_s: float = 3.0, **settings: Any) -> None:
        self.sink = sink
        self.patience_s = patience_s
        self.settings = {"destination": f"unit {next(numbers)}", **settings}
        self.destination = MemoryDestination.named(self.settings["destination"])

    def make_sink(self) -> Sink:
        return configured(self.sink, self.settings)

    async def collected(self) -> Sequence[str]:
        return self.destination.lines()

    async def break_destination(self) -> None:
        self.destination.fail()

    async def hang_destination(self) -> None:
        self.destination.hang()

    async def refuse(self, text: str) -> None:
        self.destination.refuse(lambda event: getattr(event, "body", "") == text)

    async def mend_destination(self) -> None:
        self.destination.mend()


def impatient(sink: type[MemorySink]) -> SinkUnderTest:
    """The same, where something is waited for that never comes."""
    return SinkUnderTest(sink, patience_s=0.4)


async def fails(contract: SinkContract, test: str) -> ObligationError:
    """Run one test of a contract and return how it fails."""
    with pytest.raises(ObligationError) as caught:
        await run(getattr(contract, test))
    assert caught.value.do
    return caught.value


async def run(test: Callable[[], Awaitable[None] | None]) -> None:
    outcome = test()
    if outcome is not None:
        await outcome

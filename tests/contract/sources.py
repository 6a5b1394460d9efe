"""The contract for a source class that a test makes up, and how it fails."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

from penstock.api import Batch, Outlet, Receipt, RetryableError
from penstock.testing import MemoryOrigin, MemorySource, SourceContract, configured
from penstock.testing.obligation import ObligationError

numbers = count(1)


class SourceUnderTest(SourceContract):
    """The contract for a source class, without pytest around it."""

    may_hold_bytes = 300_000
    most_awaits = 4

    def __init__(self, source: type[MemorySource], patience_s: float = 3.0) -> None:
        self.source = source
        self.patience_s = patience_s
        self.name = f"unit {next(numbers)}"
        self.origin = MemoryOrigin.named(self.name)

    def make_source(self) -> MemorySource:
        return configured(self.source, {"origin": self.name, "batch_events": 5})

    async def produce(self, lines: Sequence[str]) -> None:
        self.origin.write(lines)

    async def break_origin(self) -> None:
        self.origin.open_failure = RetryableError("away")
        self.origin.fail(RetryableError("away"))

    async def mend_origin(self) -> None:
        self.origin.open_failure = self.origin.failure = None


async def fails(
    source: type[MemorySource], test: str, *, patience_s: float = 3.0
) -> ObligationError:
    """Run one test of the contract and return how it fails."""
    contract = SourceUnderTest(source, patience_s)
    with pytest.raises(ObligationError) as caught:
        await getattr(contract, test)()
    assert caught.value.do
    return caught.value


async def fails_soon(source: type[MemorySource], test: str) -> ObligationError:
    """The same, where something is waited for that never comes."""
    return await fails(source, test, patience_s=0.4)


class Between:
    """An outlet between the real one and a source that is to go wrong."""

    def __init__(self, out: Outlet) -> None:
        self.out = out

    def __getattr__(self, name: str) -> object:
        return getattr(self.out, name)

    async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
        return await self.out.send(batch, lane=lane, position=position)


class Wrapped(MemorySource):
    """A memory source whose sends go through ``between``."""

    between: type[Between] = Between

    async def run(self, out: Outlet) -> None:
        await super().run(self.between(out))  # type: ignore[arg-type]

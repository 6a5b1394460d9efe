"""The kit's own sink keeps the contract."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

from penstock.api import RetryableError
from penstock.testing import MemoryDestination, MemorySink, SinkContract, configured

numbers = count(1)


class TestMemorySink(SinkContract):
    @pytest.fixture(autouse=True)
    def _destination(self) -> None:
        self.name = f"contract {next(numbers)}"
        self.destination = MemoryDestination.named(self.name)

    def make_sink(self) -> MemorySink:
        kinds = ["log", "counter", "gap"]
        return configured(MemorySink, {"destination": self.name, "kinds": kinds})

    async def collected(self) -> Sequence[str]:
        return self.destination.lines()

    async def break_destination(self) -> None:
        self.destination.fail()

    async def hang_destination(self) -> None:
        self.destination.hang()

    async def throttle_destination(self, retry_after_s: int) -> None:
        self.destination.fail(RetryableError("too many", retry_after=retry_after_s))

    async def refuse(self, text: str) -> None:
        self.destination.refuse(lambda event: getattr(event, "body", "") == text)

    async def mend_destination(self) -> None:
        self.destination.mend()


class TestMemorySinkThatRejectsWholeWrites(TestMemorySink):
    """The same, but one write at a time overtakes others, and a refusal fails the whole write."""

    def make_sink(self) -> MemorySink:
        settings = {"destination": self.name, "order": "none", "in_flight": 3}
        return configured(MemorySink, settings)

    async def refuse(self, text: str) -> None:
        self.destination.reject(lambda event: getattr(event, "body", "") == text)

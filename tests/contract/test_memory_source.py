"""The kit's own source keeps the contract."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

from penstock.api import RetryableError
from penstock.testing import MemoryOrigin, MemorySource, SourceContract, configured

numbers = count(1)


class TestMemorySource(SourceContract):
    @pytest.fixture(autouse=True)
    def _origin(self) -> None:
        self.name = f"contract {next(numbers)}"
        self.origin = MemoryOrigin.named(self.name)

    def make_source(self) -> MemorySource:
        return configured(MemorySource, {"origin": self.name, "batch_events": 7})

    async def produce(self, lines: Sequence[str]) -> None:
        self.origin.write(lines)

    async def produce_bytes(self, lines: Sequence[bytes]) -> None:
        self.origin.write([line.decode("utf-8", "replace") for line in lines])

    async def break_origin(self) -> None:
        self.origin.open_failure = RetryableError("the origin is away")
        self.origin.fail(self.origin.open_failure)

    async def mend_origin(self) -> None:
        self.origin.open_failure = self.origin.failure = None

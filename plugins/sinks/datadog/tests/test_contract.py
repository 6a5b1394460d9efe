"""The conformance kit's contract, against strict intakes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from penstock.testing import SinkContract, configured
from penstock.testing.http_server import HttpServer, Reply
from penstock_sink_datadog.sink import DatadogSink


class TestDatadog(SinkContract):
    patience_s = 20.0

    @pytest.fixture(autouse=True)
    async def _server(self, intake: Any) -> AsyncIterator[None]:
        self.intake = intake
        self.server = HttpServer(intake)
        await self.server.start()
        yield
        await self.server.stop()

    def make_sink(self) -> DatadogSink:
        url = self.server.url
        settings = {"logs_url": url, "metrics_url": url, "api_key": "k3y-canary-0123456789abcdef"}
        return configured(DatadogSink, settings)

    async def collected(self) -> Sequence[str]:
        return self.intake.texts

    async def break_destination(self) -> None:
        await self.server.stop()

    async def hang_destination(self) -> None:
        self.server.hang()

    async def throttle_destination(self, retry_after_s: int) -> None:
        reply = Reply(status=429, headers={"Retry-After": str(retry_after_s)})
        self.server.handler = lambda _: reply

    async def mend_destination(self) -> None:
        self.server.handler = self.intake
        await self.server.mend()

    async def refuse(self, text: str) -> None:
        self.intake.refused.add(text)

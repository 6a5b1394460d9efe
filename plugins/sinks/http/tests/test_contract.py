"""The conformance kit's contract, for each format, against a strict server of its kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from penstock.testing import SinkContract, configured
from penstock.testing.http_server import HttpServer, Reply
from penstock_sink_http.sink import HttpSink


class PostingContract(SinkContract):
    """What the contracts of all formats share."""

    patience_s = 20.0

    form: ClassVar[str]
    intake: Any
    server: HttpServer

    @pytest.fixture(autouse=True)
    async def _server(self, intakes: Mapping[str, Any]) -> AsyncIterator[None]:
        self.intake = intakes[self.form]()
        self.server = HttpServer(self.intake)
        await self.server.start()
        yield
        await self.server.stop()

    def make_sink(self) -> HttpSink:
        auth = {"bearer": "k3y-canary-0123456789abcdef"}
        return configured(HttpSink, {"url": self.server.url, "auth": auth, **self.intake.settings})

    async def collected(self) -> Sequence[str]:
        return list(self.intake.texts)

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


class TestNdjson(PostingContract):
    form = "ndjson"


class TestJson(PostingContract):
    form = "json"


class TestText(PostingContract):
    form = "text"


class TestElasticsearch(PostingContract):
    form = "elasticsearch"


class TestLoki(PostingContract):
    form = "loki"


class TestOtlp(PostingContract):
    form = "otlp"


class TestSplunkHec(PostingContract):
    form = "splunk_hec"

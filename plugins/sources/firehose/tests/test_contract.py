"""The conformance kit's contract, against the strict doubles of both protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from tests.loggregator import RlpGateway, Servers, TrafficController, Uaa, envelopes, v2

from penstock.testing import SourceContract, configured
from penstock_source_firehose.source import Firehose


class Streamed(SourceContract):
    """What is produced waits for a reader; after that it cannot be had again."""

    patience_s = 10.0
    most_awaits = 8

    def make_server(self) -> Any:
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        raise NotImplementedError

    def encode(self, text: str | bytes) -> Any:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        with Servers() as self.servers:
            self.server = self.servers.start(self.make_server())
            self.turn = asyncio.Lock()
            self.begun: list[Future[None]] = []
            yield
            for emitting in self.begun:
                emitting.cancel()

    def make_source(self) -> Firehose:
        return configured(Firehose, {"subscription_id": "kit", **self.settings()})

    async def produce(self, lines: Sequence[str]) -> None:
        self.begun.append(self.servers.begin(self._emit(lines)))

    async def produce_bytes(self, lines: Sequence[bytes]) -> None:
        self.begun.append(self.servers.begin(self._emit(lines)))

    async def _emit(self, lines: Sequence[str | bytes]) -> None:
        async with self.turn:
            while not self.server.live:
                await asyncio.sleep(0.005)
            self.server.emit(*map(self.encode, lines))

    async def break_origin(self) -> None:
        self.servers.wait(self.server.stop())

    async def mend_origin(self) -> None:
        self.servers.wait(self.server.start())


class TestTrafficController(Streamed):
    """Version 1: a WebSocket."""

    def make_server(self) -> TrafficController:
        return TrafficController()

    def settings(self) -> dict[str, Any]:
        return {"url": self.server.url, "token": "bearer not-looked-at"}

    def encode(self, text: str | bytes) -> bytes:
        return envelopes.log(text)


class TestRlpGateway(Streamed):
    """Version 2: server-sent events."""

    def make_server(self) -> RlpGateway:
        self.uaa = self.servers.start(Uaa())
        return RlpGateway(uaa=self.uaa)

    def settings(self) -> dict[str, Any]:
        name, secret = self.uaa.client
        uaa = {"url": self.uaa.url, "client_id": name, "client_secret": secret}
        return {"url": self.server.url, "protocol": "v2", "uaa": uaa}

    def encode(self, text: str | bytes) -> Any:
        return v2.log(text)

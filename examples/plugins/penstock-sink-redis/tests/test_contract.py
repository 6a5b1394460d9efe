"""The conformance kit's contract, against a real server."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence

import pytest
from penstock.testing import SinkContract, configured

from penstock_sink_redis.sink import RedisSink
from redis_server import RedisServer

PASSWORD = "correct horse battery"


class TestRedisSink(SinkContract):
    """Each text has a stream of its own here, so that Redis can refuse one and take the others."""

    @pytest.fixture(autouse=True)
    async def _server(self, start_redis: Callable[..., Awaitable[RedisServer]]) -> None:
        self.server = await start_redis(requirepass=PASSWORD)

    def make_sink(self) -> RedisSink:
        table = {"url": self.server.url, "password": PASSWORD, "stream": "about:{message|kind}"}
        return configured(RedisSink, table)

    async def collected(self) -> Sequence[str]:
        events = [json.loads(entry[b"event"]) for entry in self.server.journal()]
        return [event["message"] for event in events if event["kind"] == "log"]

    async def break_destination(self) -> None:
        await self.server.stop()

    async def hang_destination(self) -> None:
        self.server.hang()

    async def mend_destination(self) -> None:
        await self.server.mend()

    async def refuse(self, text: str) -> None:
        async with self.server.client() as client:
            await client.set(f"about:{text}", "no stream")

"""One stream of each protocol by itself: silence, its end, and how long until the next one."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.loggregator import RlpGateway, TrafficController
from tests.loggregator.waiting import until

from penstock.api import Resource, TlsSettings
from penstock.testing import RecordingOutlet, configured
from penstock.testing.source_run import SourceRun
from penstock_source_firehose import gateway, traffic_controller
from penstock_source_firehose.client import Client
from penstock_source_firehose.connection import FIRST_S, MOST_S, Backoff
from penstock_source_firehose.discovery import Found
from penstock_source_firehose.dropsonde import Dropsonde
from penstock_source_firehose.envelopes import Envelopes
from penstock_source_firehose.feed import Stream
from penstock_source_firehose.origins import Origins
from penstock_source_firehose.sending import Sending
from penstock_source_firehose.settings import KINDS
from penstock_source_firehose.source import Firehose

ALL = frozenset(KINDS.values())
HUGE = b"\x82\x7f" + struct.pack(">Q", 100_000_000)
"""The head of a message of 100 MB."""


def v1(url: str) -> traffic_controller.TrafficController:
    config = configured(Firehose, {"url": url, "subscription_id": "a"}).config
    return traffic_controller.TrafficController(config, Dropsonde(Origins(), ALL, 1000))


def v2(url: str) -> gateway.Gateway:
    table = {"url": url, "subscription_id": "a", "protocol": "v2"}
    return gateway.Gateway(configured(Firehose, table).config, Envelopes(Origins(), 1000))


@asynccontextmanager
async def connected(feed: Any, url: str) -> AsyncIterator[Stream]:
    client = Client(TlsSettings())
    stream = await feed.connect(client, Found(url), "")
    try:
        yield stream
    finally:
        await stream.close()
        await client.close()


async def end_of(stream: Stream) -> str:
    return await stream.read(Sending(RecordingOutlet(), Resource("test", {}), ALL, 0))


@pytest.mark.parametrize(
    ("server", "make", "lacks"),
    [(TrafficController(), v1, "ping"), (RlpGateway(), v2, "heartbeat")],
    ids=["v1", "v2"],
)
async def test_a_stream_that_is_silent_has_ended(server: Any, make: Any, lacks: str) -> None:
    async with server:
        server.silent = True
        feed = make(server.url)
        feed.silent_s = 0.2
        async with connected(feed, server.url) as stream:
            why = await end_of(stream)
    assert f"nothing came for 0 s, not even a {lacks}" in why


async def test_pings_alone_keep_a_stream() -> None:
    async with TrafficController(pace=0.01) as house:
        feed = v1(house.url)
        feed.silent_s = 1.5
        async with connected(feed, house.url) as stream:
            reading = asyncio.create_task(end_of(stream))
            await until(lambda: house.connections[0].pings >= 12)
            assert not reading.done()
            house.close(1001, "going away")
            assert "closed with 1001 'going away'" in await reading


async def test_heartbeats_alone_keep_a_stream() -> None:
    async with RlpGateway(heartbeat_s=0.15) as house:
        feed = v2(house.url)
        feed.silent_s = 1.5
        async with connected(feed, house.url) as stream:
            reading = asyncio.create_task(end_of(stream))
            await until(lambda: house.streams[0].heartbeats >= 12)
            assert not reading.done()
            house.close_streams()
            assert await reading == "", "an end that is announced costs nothing"


async def test_a_message_that_is_too_long_ends_the_stream() -> None:
    async with TrafficController() as house:
        async with connected(v1(house.url), house.url) as stream:
            reading = asyncio.create_task(end_of(stream))
            house.raw(HUGE)
            assert "a message of more than 67108864 bytes came" in await reading
        await until(lambda: house.connections[0].closed)
        assert house.connections[0].closed.code == 1009  # type: ignore[union-attr]


async def test_the_next_stream_is_due_before_the_end_of_a_known_life() -> None:
    assert gateway.LIFE_S == 14 * 60
    assert gateway.LIFE_S * gateway.BEFORE_END < 14 * 60 - gateway.ANSWER_S, "time to connect"
    async with RlpGateway(stream_timeout_s=1000) as house:
        feed = v2(house.url)
        feed.life_s = 0.2
        async with connected(feed, house.url) as stream:
            reading = asyncio.create_task(end_of(stream))
            await stream.leaving.wait()
            assert house.live
            assert not reading.done(), "it is read to its end"
            house.close_streams()
            assert await reading == ""
    assert feed.life_s != 0.2, "it has seen how long a stream lives"


def test_each_wait_is_longer_up_to_a_ceiling() -> None:
    backoff = Backoff()
    waits = [backoff.next() for _ in range(12)]
    ceilings = [0.0, *(min(FIRST_S * 2**number, MOST_S) for number in range(11))]
    for wait, ceiling in zip(waits, ceilings, strict=True):
        assert ceiling / 2 <= wait <= ceiling
    backoff.reset()
    assert backoff.next() == 0.0


async def test_a_house_that_hangs_up_at_once_is_not_stormed() -> None:
    async with TrafficController() as house:
        source = configured(Firehose, {"url": house.url, "subscription_id": "a"})
        began = time.monotonic()
        async with SourceRun(source, RecordingOutlet(settle=True)):
            for number in range(1, 5):
                await until(lambda number=number: len(house.connections) == number)  # type: ignore[misc]
                house.drop()
        assert time.monotonic() - began >= 0.25 + 0.5 + 1.0, "the least that three waits take"

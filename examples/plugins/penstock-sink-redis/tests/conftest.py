"""A Redis server for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from redis_server import PROGRAM, RedisServer

Start = Callable[..., Awaitable[RedisServer]]


@pytest.fixture
async def start_redis(tmp_path: Path) -> AsyncIterator[Start]:
    """``await start_redis(**options)`` starts a server, which is stopped after the test."""
    if PROGRAM is None:
        pytest.skip("no redis-server on this machine")
    async with AsyncExitStack() as stack:

        async def start(**options: str) -> RedisServer:
            server = RedisServer(tmp_path, **options)
            stack.push_async_callback(server.stop)
            await server.start()
            return server

        yield start


@pytest.fixture
async def redis(start_redis: Start) -> RedisServer:
    """A server as it comes, without a password."""
    return await start_redis()

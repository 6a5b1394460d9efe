"""What a connection's end means for the writes behind it, and a peer that is in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest

from penstock.api import Batch, RetryableError
from penstock.testing import batch
from penstock_sink_syslog.network import Network
from penstock_sink_syslog.sink import SyslogSink

if TYPE_CHECKING:
    from conftest import StreamReceiver

MakeSink = Callable[..., Coroutine[Any, Any, SyslogSink]]


def numbered_line(number: int) -> Batch:
    return batch([f"line {number:06}"])


async def begun(sink: SyslogSink, *batches: Batch) -> list[asyncio.Task[None]]:
    """Start a write of each batch, as core does, and let them be sent."""
    tasks = [asyncio.create_task(sink.write([one])) for one in batches]
    await asyncio.sleep(0.02)
    return tasks


async def outcomes(tasks: list[asyncio.Task[None]]) -> list[type[BaseException] | None]:
    async with asyncio.timeout(5):
        results = await asyncio.gather(*tasks, return_exceptions=True)
    return [type(one) if isinstance(one, BaseException) else None for one in results]


@pytest.mark.parametrize("turns", [0, 1, 100])
async def test_what_core_starts_before_it_hears_of_a_failure_does_not_overtake(
    sink: MakeSink, receiver, turns: int
) -> None:
    server = await receiver()
    one = await sink(server.port)
    first, second = numbered_line(0), numbered_line(1)
    tasks = [asyncio.create_task(one.write([first]))]
    await server.until(1)
    late: list[asyncio.Task[None]] = []

    async def overtake() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await one.write([second])

    # Core's task may start a write in the very turn in which the connection ends, or later.
    connection = one._sender._connection  # type: ignore[union-attr]
    connection.ended.add_done_callback(lambda _: late.append(asyncio.create_task(overtake())))
    await server.stop(reset=True)
    await server.start()
    failed = await outcomes(tasks)
    failed += await outcomes(late)
    assert failed == [RetryableError, RetryableError]
    tasks = await begun(one, first, second)
    assert await server.until(3) == ["line 000000", "line 000000", "line 000001"]
    await one.drain()
    assert await outcomes(tasks) == [None, None]


async def test_where_core_has_done_with_what_failed_the_next_is_refused_once(
    sink: MakeSink, receiver
) -> None:
    server = await receiver()
    one = await sink(server.port)
    tasks = await begun(one, numbered_line(0))
    await server.until(1)
    await server.stop(reset=True)
    await server.start()
    await outcomes(tasks)
    other = numbered_line(1)
    assert await outcomes(await begun(one, other)) == [RetryableError]
    tasks = await begun(one, other)
    await one.drain()
    assert await outcomes(tasks) == [None]
    assert server.texts() == ["line 000000", "line 000001"]


@pytest.fixture
async def hung(receiver) -> StreamReceiver:
    """A receiver that accepts and hangs."""
    server = await receiver()
    server.hang()
    return server


async def proving(sink: MakeSink, port: int) -> tuple[SyslogSink, list[asyncio.Task[None]]]:
    """Start a write that the peer's kernel acknowledges; wait until the sink asks for proof."""
    one = await sink(port, Network(quiet_s=0.1))
    tasks = await begun(one, batch(["x" * 1000] * 30))
    async with asyncio.timeout(5):
        while not one._sender._connection._is_half_closed:  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
    assert not tasks[0].done()
    return one, tasks


async def test_a_peer_in_doubt_proves_by_its_own_end_that_it_read_all(
    sink: MakeSink, hung: StreamReceiver
) -> None:
    one, tasks = await proving(sink, hung.port)
    tasks += await begun(one, numbered_line(0), numbered_line(1))
    hung.go_on()
    assert (await hung.until(32))[30:] == ["line 000000", "line 000001"]
    assert hung.connections == 2
    await one.drain()
    assert await outcomes(tasks) == [None] * 3
    assert len(hung.messages()) == 32


async def test_a_write_at_the_moment_of_doubt_is_sent(sink: MakeSink, hung: StreamReceiver) -> None:
    one = await sink(hung.port, Network(quiet_s=0.1))
    tasks = await begun(one, numbered_line(0))
    await asyncio.sleep(0.15)  # Quiet long enough, and not looked at since.
    tasks += await begun(one, numbered_line(1))
    hung.go_on()
    assert await hung.until(2) == ["line 000000", "line 000001"]
    assert hung.connections == 1
    await one.drain()
    assert await outcomes(tasks) == [None] * 2


async def test_a_peer_in_doubt_that_dies_has_delivered_nothing(
    sink: MakeSink, hung: StreamReceiver
) -> None:
    one, tasks = await proving(sink, hung.port)
    tasks += await begun(one, numbered_line(0))
    await hung.stop(reset=True)
    assert await outcomes(tasks) == [RetryableError] * 2


async def test_a_drain_while_a_peer_is_in_doubt_waits_for_both_connections(
    sink: MakeSink, hung: StreamReceiver
) -> None:
    one, tasks = await proving(sink, hung.port)
    tasks += await begun(one, numbered_line(0))
    drain = asyncio.create_task(one.drain())
    await asyncio.sleep(0.05)
    assert not drain.done()
    hung.go_on()
    assert await outcomes([*tasks, drain]) == [None] * 3
    assert len(hung.messages()) == 31

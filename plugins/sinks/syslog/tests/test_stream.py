"""One connection over TCP: what a returned write means, and what an unclean end does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.api import Batch, RetryableError
from penstock.testing import batch
from penstock_sink_syslog.kernel import reaches_itself
from penstock_sink_syslog.network import Network
from penstock_sink_syslog.sink import SyslogSink

MakeSink = Callable[..., Coroutine[Any, Any, SyslogSink]]


def numbered(first: int, count: int) -> Batch:
    return batch([f"line {number:06}" for number in range(first, first + count)])


async def started(sink: SyslogSink, *batches: Batch) -> list[asyncio.Task[None]]:
    """Start a write of each batch, as core does, and let them be sent."""
    tasks = [asyncio.create_task(sink.write([one])) for one in batches]
    await asyncio.sleep(0.02)
    return tasks


async def errors(tasks: list[asyncio.Task[None]]) -> list[BaseException | None]:
    async with asyncio.timeout(5):
        results = await asyncio.gather(*tasks, return_exceptions=True)
    return [one if isinstance(one, BaseException) else None for one in results]


async def test_writes_stay_open_until_the_peer_has_read_to_the_end(
    sink: MakeSink, receiver
) -> None:
    server = await receiver()
    one = await sink(server.port)
    tasks = await started(one, numbered(0, 3), numbered(3, 3))
    assert len(await server.until(6)) == 6
    assert not any(task.done() for task in tasks)
    await one.drain()
    assert await errors(tasks) == [None, None]
    assert server.texts() == [f"line {number:06}" for number in range(6)]


async def test_drain_waits_for_a_reader(sink: MakeSink, receiver) -> None:
    server = await receiver()
    server.hang()
    one = await sink(server.port)
    tasks = await started(one, numbered(0, 10))
    drain = asyncio.create_task(one.drain())
    await asyncio.sleep(0.1)
    assert not drain.done()
    assert not tasks[0].done()
    server.go_on()
    assert await errors([*tasks, drain]) == [None, None]


async def test_a_receiver_that_never_reads_and_dies_has_delivered_nothing(
    sink: MakeSink, receiver
) -> None:
    server = await receiver()
    server.hang()
    one = await sink(server.port)
    tasks = await started(one, *(numbered(at, 100) for at in range(0, 1000, 100)))
    await server.stop(reset=True)
    assert all(isinstance(error, RetryableError) for error in await errors(tasks))


async def test_a_clean_close_in_mid_stream_fails_what_has_not_returned(
    sink: MakeSink, receiver
) -> None:
    server = await receiver()
    one = await sink(server.port)
    tasks = await started(one, numbered(0, 5))
    await server.until(5)
    await server.stop()
    (error,) = await errors(tasks)
    assert isinstance(error, RetryableError)


async def test_writes_that_wait_for_a_connection_fail_with_it_and_in_order_later(
    sink: MakeSink, receiver
) -> None:
    server = await receiver()
    await server.stop()
    one = await sink(server.port)
    batches = [numbered(at, 2) for at in range(0, 10, 2)]
    assert {type(error) for error in await errors(await started(one, *batches))} == {RetryableError}
    await server.start()
    tasks = await started(one, *batches)
    await one.drain()
    assert await errors(tasks) == [None] * 5
    assert server.texts() == [f"line {number:06}" for number in range(10)]


async def test_the_error_names_every_address_that_was_tried(sink: MakeSink, receiver) -> None:
    server = await receiver()
    await server.stop()

    async def resolve(host: str, port: int) -> list[tuple[int, Any]]:
        return [(socket.AF_INET, (f"127.0.0.{last}", port)) for last in (1, 2)]

    one = await sink(server.port, Network(resolve=resolve))
    with pytest.raises(RetryableError, match=r"127\.0\.0\.1: .*refused.*127\.0\.0\.2: .*refused"):
        await one.write([numbered(0, 1)])


async def test_the_second_address_serves_where_the_first_does_not(sink: MakeSink, receiver) -> None:
    server = await receiver()

    async def resolve(host: str, port: int) -> list[tuple[int, Any]]:
        return [(socket.AF_INET, (f"127.0.0.{last}", port)) for last in (9, 1)]

    one = await sink(server.port, Network(resolve=resolve))
    await started(one, numbered(0, 1))
    assert await server.until(1) == ["line 000000"]


async def test_the_host_is_looked_up_again_at_each_connect(sink: MakeSink, receiver) -> None:
    old, new = await receiver(), await receiver()
    ports = [old.port, new.port]

    async def resolve(host: str, port: int) -> list[tuple[int, Any]]:
        return [(socket.AF_INET, ("127.0.0.1", ports[0]))]

    one = await sink(old.port, Network(resolve=resolve))
    line = numbered(0, 1)
    tasks = await started(one, line)
    await old.until(1)
    ports.pop(0)
    await old.stop()
    await errors(tasks)
    await started(one, line)
    assert await new.until(1) == ["line 000000"]


async def test_a_resolver_that_fails_or_hangs_is_an_outage(sink: MakeSink) -> None:
    async def fails(host: str, port: int) -> list[tuple[int, Any]]:
        raise socket.gaierror(-2, "Name or service not known")

    async def hangs(host: str, port: int) -> list[tuple[int, Any]]:
        await asyncio.sleep(60)
        return []

    one = await sink(1, Network(resolve=fails), address="tcp://nowhere.invalid:514")
    with pytest.raises(RetryableError, match="Name or service not known"):
        await one.write([numbered(0, 1)])
    other = await sink(1, Network(resolve=hangs, lookup_timeout_s=0.05))
    with pytest.raises(RetryableError, match="looking up"):
        await other.write([numbered(0, 1)])


async def test_a_host_that_does_not_answer_is_given_up(sink: MakeSink) -> None:
    with socket.socket() as deaf:
        # A full backlog drops further connection attempts.
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
            fillers.append(filler)
        one = await sink(deaf.getsockname()[1], Network(connect_timeout_s=0.1))
        with pytest.raises(RetryableError, match="no answer within"):
            await one.write([numbered(0, 1)])
        for filler in fillers:
            filler.close()


async def test_quiet_ends_the_window(sink: MakeSink, receiver) -> None:
    server = await receiver()
    one = await sink(server.port, Network(quiet_s=0.1))
    tasks = await started(one, numbered(0, 3))
    assert await errors(tasks) == [None]


async def test_resend_bytes_of_zero_returns_at_once(sink: MakeSink, receiver) -> None:
    server = await receiver()
    server.hang()
    one = await sink(server.port, resend_bytes=0)
    assert await errors(await started(one, numbered(0, 3), numbered(3, 3))) == [None, None]


async def test_a_fixed_window(sink: MakeSink, receiver) -> None:
    server = await receiver()
    one = await sink(server.port, resend_bytes=10_000)
    tasks = await started(one, *(numbered(at, 1) for at in range(400)))
    await server.until(400)
    open_writes = sum(not task.done() for task in tasks)
    sizes = [len(message) + 3 for message in server.messages()]
    assert sum(sizes[-open_writes:]) >= 10_000
    assert sum(sizes[-open_writes + 1 :]) < 10_000
    await one.drain()
    assert await errors(tasks) == [None] * 400


async def test_a_reader_that_stops_holds_writes_up_and_memory_is_bounded(
    sink: MakeSink, receiver
) -> None:
    server = await receiver()
    server.hang()
    one = await sink(server.port)
    big = batch(["x" * 4000] * 250)
    tasks = await started(one, *[big] * 30)
    await asyncio.sleep(0.3)
    connection = one._sender._connection  # type: ignore[union-attr]
    assert connection._transport.get_write_buffer_size() < 2_000_000
    assert not any(task.done() for task in tasks)
    server.go_on()
    await one.drain()
    assert await errors(tasks) == [None] * 30
    assert len(server.messages()) == 30 * 250


async def test_what_the_peer_says_is_drained(sink: MakeSink, receiver) -> None:
    server = await receiver()
    one = await sink(server.port)
    tasks = await started(one, numbered(0, 1))
    await server.until(1)
    server.say(b"hello?\n" * 100_000)
    tasks += await started(one, numbered(1, 1))
    assert len(await server.until(2)) == 2
    await one.drain()
    assert await errors(tasks) == [None, None]


async def test_a_write_that_cannot_be_formatted_hurts_nobody_else(sink: MakeSink, receiver) -> None:
    server = await receiver()
    one = await sink(server.port)
    bad = Batch(numbered(0, 1).resource, [object()], 1)  # type: ignore[list-item]
    tasks = await started(one, numbered(0, 1), bad, numbered(1, 1))
    assert await server.until(2) == ["line 000000", "line 000001"]
    await one.drain()
    assert [type(error).__name__ for error in await errors(tasks)] == [
        "NoneType",
        "AttributeError",
        "NoneType",
    ]


async def test_a_write_cancelled_before_it_was_sent_is_not_sent(sink: MakeSink, receiver) -> None:
    server = await receiver()
    await server.stop()

    async def resolve(host: str, port: int) -> list[tuple[int, Any]]:
        await asyncio.sleep(0.1)
        return [(socket.AF_INET, ("127.0.0.1", port))]

    one = await sink(server.port, Network(resolve=resolve))
    await server.start()
    tasks = await started(one, numbered(0, 1), numbered(1, 1))
    tasks[0].cancel()
    assert await server.until(1) == ["line 000001"]
    await one.drain()


async def test_nothing_is_written_after_close(sink: MakeSink, receiver) -> None:
    server = await receiver()
    one = await sink(server.port)
    tasks = await started(one, numbered(0, 1))
    await server.until(1)
    await one.close()
    assert isinstance((await errors(tasks))[0], RetryableError)
    with pytest.raises(RetryableError, match="closed"):
        await one.write([numbered(1, 1)])
    assert server.texts() == ["line 000000"]


async def test_check_connects_and_sends_nothing(sink: MakeSink, receiver) -> None:
    server = await receiver()
    one = await sink(server.port)
    await one.check()
    await server.until_connections(1)
    assert bytes(server.chunks[0]) == b""
    await server.stop()
    with pytest.raises(RetryableError, match="refused"):
        await one.check()


async def test_after_a_drain_it_writes_again(sink: MakeSink, receiver) -> None:
    server = await receiver()
    one = await sink(server.port)
    for number in range(3):
        tasks = await started(one, numbered(number, 1))
        await one.drain()
        assert await errors(tasks) == [None]
    assert server.connections == 3
    assert server.texts() == ["line 000000", "line 000001", "line 000002"]


async def test_a_reset_after_so_many_bytes(sink: MakeSink, receiver) -> None:
    server = await receiver()
    server.reset_after = 20_000
    one = await sink(server.port)
    batches = [numbered(at, 50) for at in range(0, 2000, 50)]
    failed = await errors(await started(one, *batches))
    returned = [error is None for error in failed]
    assert returned == sorted(returned, reverse=True)
    server.reset_after = None
    again = batches[sum(returned) :]
    tasks = await started(one, *again)
    await one.drain()
    assert await errors(tasks) == [None] * len(again)
    expected = [f"line {number:06}" for number in range(2000)]
    assert list(dict.fromkeys(server.texts())) == expected


async def test_newline_framing(sink: MakeSink, receiver) -> None:
    server = await receiver(split="newline")
    one = await sink(server.port, framing="newline")
    tasks = await started(one, batch(["one", "two\nlines", "<34>1 three"]))
    await one.drain()
    assert await errors(tasks) == [None]
    assert server.texts() == ["one", "two#012lines", "<34>1 three"]


def test_a_connection_to_itself_is_none() -> None:
    with socket.socket() as alone:
        # What a port without a listener may give to who tries again and again.
        alone.bind(("127.0.0.1", 0))
        alone.connect(alone.getsockname())
        assert reaches_itself(alone)
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = socket.create_connection(server.getsockname())
        assert not reaches_itself(other)
        other.close()

"""Syslog over TCP through faults: every line arrives, in order once repeats are left out.

Sent = delivered + accounted for; what comes again has the id that it had, and stays within the
resend window.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.parts.octet_receiver import OctetReceiver
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.syslog_line import account, numbered, sending, until
from tests.system.parts.syslog_ng import SyslogNg
from tests.system.parts.syslog_server import SyslogServer


@pytest.fixture
def receive(tmp_path: Path) -> Iterator[Callable[..., OctetReceiver]]:
    """``receive(**options)`` starts an ``OctetReceiver``."""
    made: list[OctetReceiver] = []

    def start(**options: float) -> OctetReceiver:
        one = OctetReceiver(tmp_path, **options)  # type: ignore[arg-type]
        made.append(one)
        one.start()
        return one

    yield start
    for one in made:
        one.process.end()


async def crash(server: OctetReceiver, hang_s: float) -> None:
    """Hang a receiver, kill it, and start it again."""
    server.process.pause()
    await asyncio.sleep(hang_s)
    server.process.kill()
    await asyncio.sleep(0.5)
    server.start()


# A receive buffer of a fixed size takes in twice the window that it announces.
@pytest.mark.parametrize(("hang_s", "buffer"), [(0.0, 0), (3.0, 0), (3.0, 1_000_000)])
async def test_a_receiver_that_hangs_and_dies_loses_nothing(
    receive: Callable[..., OctetReceiver], hang_s: float, buffer: int
) -> None:
    lines = numbered(150_000)
    server = receive(buffer=buffer)
    async with sending(server.address, lines):
        await until(lambda: server.size() > 12_000_000, "a third has arrived")
        await crash(server, hang_s)
    account(lines, server.messages(), outages=1)


@pytest.mark.parametrize("hang_s", [0.0, 3.0])
async def test_a_receiver_that_reads_in_bursts_hangs_and_dies_loses_nothing(
    receive: Callable[..., OctetReceiver], hang_s: float
) -> None:
    # As on a busy machine. Its kernel then takes in more than the window of writes has room for.
    lines = numbered(300_000)
    server = receive()
    async with sending(server.address, lines):
        await asyncio.to_thread(read_in_bursts, server, 45_000_000)
        await crash(server, hang_s)
    account(lines, server.messages(), outages=1)


def read_in_bursts(server: OctetReceiver, size: int) -> None:
    """Have a receiver stop and go on until it has so many bytes; leave it stopped."""
    chance = random.Random(7)
    while True:
        time.sleep(chance.random() / 50)
        server.process.pause()
        if server.size() >= size:
            return
        time.sleep(chance.random() / 10)
        server.process.resume()


async def test_a_receiver_that_accepts_and_never_reads_has_delivered_nothing(
    receive: Callable[..., OctetReceiver],
) -> None:
    lines = numbered(30_000)
    server = receive()
    server.process.pause()
    async with sending(server.address, lines) as line:
        await asyncio.sleep(2.0)
        assert line.sink.taken == []
        server.process.kill()
        server.start()
    assert account(lines, server.messages(), outages=1) == 0


async def test_nor_has_one_that_seems_to_have_read_the_little_that_there_was(
    receive: Callable[..., OctetReceiver],
) -> None:
    lines = numbered(20)
    server = receive()
    server.process.pause()
    async with sending(server.address, lines) as line:
        await asyncio.sleep(7.0)  # Longer than a connection has to be quiet.
        assert line.sink.taken == []
        server.process.kill()
        server.start()
    assert account(lines, server.messages(), outages=1) == 0


@pytest.mark.parametrize("pause_s", [2.0, 7.0])
async def test_a_pause_loses_and_repeats_nothing(
    receive: Callable[..., OctetReceiver], pause_s: float
) -> None:
    lines = numbered(100_000)
    server = receive()
    async with sending(server.address, lines):
        await until(lambda: server.size() > 4_000_000, "some have arrived")
        server.process.pause()
        await asyncio.sleep(pause_s)
        server.process.resume()
    assert account(lines, server.messages(), outages=0) == 0


@pytest.mark.parametrize("reset_after", [1, 100_000, 9_000_000])
async def test_resets_in_mid_stream(
    receive: Callable[..., OctetReceiver], reset_after: int
) -> None:
    lines = numbered(150_000)
    server = receive(resets=3, reset_after=reset_after)
    async with sending(server.address, lines):
        pass
    assert server.connections >= 4
    account(lines, server.messages(), outages=3)


async def test_a_slow_reader_gets_everything_once(receive: Callable[..., OctetReceiver]) -> None:
    lines = numbered(50_000)
    server = receive(pause=0.01)
    async with sending(server.address, lines):
        pass
    assert account(lines, server.messages(), outages=0) == 0


@pytest.mark.parametrize(("part", "outage_s"), [("rsyslog", 10.0), ("syslog_ng", 1.0)])
async def test_a_server_that_is_stopped_and_started_again(
    request: pytest.FixtureRequest, part: str, outage_s: float
) -> None:
    lines = numbered(60_000)
    server: Rsyslog | SyslogNg = request.getfixturevalue(part)()
    async with sending(server.tcp, lines):
        await until(lambda: server.received.count() > 5_000, "some have arrived")
        await asyncio.to_thread(SyslogServer.stop, server)
        await asyncio.sleep(outage_s)
        await asyncio.to_thread(SyslogServer.start, server)
    await until(lambda: lines.texts[-1] in server.lines(), "the last has arrived")
    account(lines, with_ids(server), outages=1)


def with_ids(server: SyslogServer) -> list[str]:
    """Return what a server wrote, from the structured data on."""
    return [f"{message.structured_data} {message.message}" for message in server.messages()]

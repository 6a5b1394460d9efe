"""Streams that end, houses that move, processes that are killed: what was sent arrives once."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.loggregator import Servers, TrafficController, envelopes
from tests.system.parts.message import free_port
from tests.system.parts.nozzle import Accounts, to_syslog
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import PROGRAM, Penstock, Runner
from tests.system.parts.waiting import eventually

RATE = 5000
NUMBER = re.compile(r"line (\d+)")


def texts(count: int) -> list[str]:
    return [f"line {number} {'x' * 100}" for number in range(count)]


def numbers(lines: list[str]) -> list[int]:
    return [int(found[1]) for line in lines if (found := NUMBER.match(line))]


def connected(house: TrafficController, count: int = 1) -> None:
    eventually(lambda: len(house.live) == count, f"{count} connections")


def test_connections_share_the_load_and_each_event_comes_once(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController())
    router = penstock(to_syslog(house.url, receiver.tcp, source="connections = 3"))
    connected(house, 3)
    sent = texts(6000)
    servers.wait(house.replay(map(envelopes.log, sent)))
    receiver.wait_for(len(sent))
    assert router.stop() == 0, router.tail()
    assert Counter(receiver.lines()) == Counter(sent)
    assert all(1700 < len(one.sent) < 2300 for one in house.connections), "a third each"


@pytest.mark.parametrize(
    ("kinds", "part", "arrive"),
    [('["log"]', "logs", ["a log"]), ('["counter"]', "metrics", ["counter@47450"])],
)
def test_only_the_kinds_that_are_wanted_are_asked_for_and_arrive(
    servers: Servers,
    rsyslog: Callable[..., Rsyslog],
    penstock: Runner,
    kinds: str,
    part: str,
    arrive: list[str],
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController())
    router = penstock(to_syslog(house.url, receiver.tcp, source=f"kinds = {kinds}"))
    connected(house)
    assert house.connections[0].target == f"/firehose/nozzle?filter-type={part}"
    metrics = [envelopes.value("v", 1.0, "s"), envelopes.http("/"), envelopes.container()]
    servers.call(house.emit, *metrics, envelopes.log("a log"), envelopes.counter("c", 1, 1))
    receiver.wait_for(1)
    assert router.stop() == 0, router.tail()
    got = [one.raw for one in receiver.messages()]
    assert len(got) == len(arrive)
    assert all(word in one for word, one in zip(arrive, got, strict=True)), got


def test_one_of_three_connections_ends_and_the_others_read_on(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController())
    router = penstock(to_syslog(house.url, receiver.tcp, source="connections = 3"))
    connected(house, 3)
    sent = texts(3000)
    done = servers.begin(house.replay(map(envelopes.log, sent), rate=RATE))
    receiver.wait_for(300)
    servers.call(house.connections[0].close, 1000)
    done.result(60)
    connected(house, 3)
    assert len(house.connections) == 4
    servers.call(house.emit, envelopes.log("after"))
    receiver.wait_for_line("after")
    kept = len([payload for payload in house.sent if b"line" in payload])
    eventually(lambda: len(numbers(receiver.lines())) == kept, "all that was sent")
    assert router.stop() == 0, router.tail()
    assert len(set(numbers(receiver.lines()))) == kept, "none twice"


@pytest.mark.parametrize("how", ["dies", "answers 503"])
def test_a_house_that_is_away_is_tried_again_until_it_is_back(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner, how: str
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController())
    accounts = Accounts(penstock, penstock.folder / "state")
    router = penstock(to_syslog(house.url, receiver.tcp), state_dir=accounts.folder)
    connected(house)
    servers.call(house.emit, envelopes.log("before"))
    receiver.wait_for_line("before")
    if how == "dies":
        servers.wait(house.stop())
        router.wait_for_log("Connect call failed")
        health = penstock.command("health", "--state-dir", accounts.folder)
        assert health.returncode == 1, "and it says so"
        assert "sources.cf" in health.stdout + health.stderr
        servers.wait(house.start())
    else:
        servers.call(house.refuse, 503, 3)
        servers.call(house.drop)
    eventually(lambda: len(house.connections) == 2, "it connects again", 45)
    connected(house)
    servers.call(house.emit, envelopes.log("after"))
    receiver.wait_for_line("after")
    assert router.stop() == 0, router.tail()
    if how != "dies":
        assert [one.status for one in house.requests] == [101, 503, 503, 503, 101]


def test_kill_9_loses_only_what_was_not_on_disk_yet(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController())
    accounts = Accounts(penstock, penstock.folder / "state")
    text = to_syslog(house.url, receiver.tcp)
    receiver.stop()
    lost = {}
    for round_ in range(3):
        router = penstock(text, state_dir=accounts.folder)
        connected(house)
        sent = [f"line {round_}{number:05} {'x' * 100}" for number in range(100_000)]
        done = servers.begin(house.replay(map(envelopes.log, sent), rate=RATE))
        before = sum(accounts.taken_in().values())
        eventually(partial(read_more, accounts, before + 3000), "some of it was read")
        router.kill()
        eventually(lambda: not house.live, "the house knows")
        done.cancel()
        given = [int(found[1]) for one in house.connections[-1].sent if (found := _number(one))]
        lost[round_] = given
    receiver.start()
    router = penstock(text, state_dir=accounts.folder)
    connected(house)
    servers.call(house.emit, envelopes.log("the last"))
    receiver.wait_for_line("the last")
    assert router.stop() == 0, router.tail()
    lines = receiver.lines()
    arrived = numbers(lines)
    assert len(set(arrived)) == len(arrived), "none twice"
    for round_, given in lost.items():
        mine = [number for number in arrived if number // 100_000 == round_]
        assert mine == given[: len(mine)], "all up to the kill, without a hole"
        assert len(given) - len(mine) < RATE, "less than a second's worth"
        print(f"kill -9 at {RATE}/s: {len(given)} given, {len(given) - len(mine)} lost")
    gaps = [line for line in lines if line.startswith("penstock: ")]
    assert gaps
    assert all("not connected" in line for line in gaps), "each start says what it may have missed"


def read_more(accounts: Accounts, count: int) -> bool:
    return sum(accounts.taken_in().values()) > count


def _number(payload: bytes) -> re.Match[bytes] | None:
    return re.search(rb"line (\d+)", payload)


@contextmanager
def own_hosts(folder: Path, address: str) -> Iterator[tuple[list[str], Path]]:
    """A file of host names that only a process started behind this command sees."""
    if os.geteuid() != 0:
        pytest.skip("host names of its own need root")
    hosts = folder / "hosts"
    hosts.write_text(f"{address} doppler.test\n")
    script = 'mount --bind "$1" /etc/hosts; shift; exec "$@"'
    yield ["unshare", "--mount", "sh", "-ec", script, "sh", str(hosts)], hosts


def test_a_name_that_moves_is_followed(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner, tmp_path: Path
) -> None:
    receiver = rsyslog()
    first, second = TrafficController(), TrafficController()
    first.host, second.host = "127.0.0.2", "127.0.0.3"
    first.port = second.port = free_port()
    servers.start(first)
    servers.start(second)
    path = penstock.write(to_syslog(f"ws://doppler.test:{first.port}", receiver.tcp))
    with own_hosts(tmp_path, first.host) as (before, hosts):
        env = {**os.environ, "PENSTOCK_STATE_DIR": str(tmp_path / "state")}
        argv: list[str | Path] = [*before, PROGRAM, "run", str(path)]
        router = Penstock("penstock-moved", argv, tmp_path, env=env)
        penstock.started.append(router)
        router.start()
        connected(first)
        servers.call(first.emit, envelopes.log("from the first"))
        receiver.wait_for_line("from the first")
        hosts.write_text(f"{second.host} doppler.test\n")
        servers.wait(first.stop())
        connected(second)
        servers.call(second.emit, envelopes.log("from the second"))
        receiver.wait_for_line("from the second")
        assert router.stop() == 0, router.tail()

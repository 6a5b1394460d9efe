"""Sinks that are slow, hang or are full: the stream is read on, and nothing goes unsaid."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.loggregator import Servers, TrafficController, envelopes
from tests.system.parts.nozzle import Accounts, to_syslog
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Penstock, Runner
from tests.system.parts.waiting import eventually

PACE = 0.1
"""A ping 1.5 s after each pong, the end 3 s after one without, and after 0.5 s of a full socket."""
ROUNDS = 10
MIB = {"memory": "max_memory_bytes = 1048576", "disk": "max_disk_bytes = 1048576"}
SMALL = "buffer = { type = 'overflow', max_memory_bytes = 1048576 }"


def connected(house: TrafficController, count: int = 1) -> None:
    eventually(lambda: len(house.live) == count, f"{count} connections")


def begin(penstock: Runner, accounts: Accounts, text: str, house: TrafficController) -> Penstock:
    router = penstock(text, state_dir=accounts.folder)
    connected(house)
    return router


def test_a_receiver_that_hangs_five_seconds_costs_nothing_and_no_pong_is_late(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController(pace=PACE))
    accounts = Accounts(penstock, penstock.folder / "state")
    text = to_syslog(house.url, receiver.tcp, sink=SMALL)
    router = begin(penstock, accounts, text, house)
    texts = [f"line {number} {'x' * 400}" for number in range(40_000)]
    done = servers.begin(house.replay(map(envelopes.log, texts), rate=6000))
    receiver.wait_for(1000)
    receiver.pause()
    (client,) = house.connections
    pongs = client.pongs
    time.sleep(5)
    assert receiver.received.count() < 30_000, "it hung"
    assert client.pongs >= pongs + 2, "pings were answered meanwhile"
    receiver.resume()
    done.result(60)
    receiver.wait_for(len(texts))
    assert router.stop() == 0, router.tail()
    assert Counter(receiver.lines()) == Counter(texts), "each exactly once"
    assert [one.ended for one in house.connections] == ["client"], "it was never cut off"


@pytest.mark.parametrize(
    ("kind", "policy"),
    [("memory", "drop_newest"), ("disk", "drop_oldest")],
)
def test_full_buffers_drop_by_policy_and_kind_and_the_stream_is_not_cut_off(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner, kind: str, policy: str
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController(pace=PACE))
    accounts = Accounts(penstock, penstock.folder / "state")
    source = f"buffer = {{ type = '{kind}', {MIB[kind]}, when_full = '{policy}' }}"
    sink = f"buffer = {{ type = 'memory', {MIB['memory']} }}"
    text = to_syslog(house.url, receiver.tcp, source=source, sink=sink)
    receiver.pause()
    router = begin(penstock, accounts, text, house)
    for number in range(ROUNDS):
        some = [envelopes.log(f"{number} {at} {'x' * 500}") for at in range(1000)]
        some += [envelopes.counter("c", 1, at) for at in range(500)]
        some += [envelopes.value("v", at, "s") for at in range(500)]
        servers.wait(house.replay(some, rate=20_000))
    servers.call(house.emit, envelopes.log("the newest"))
    sent = ROUNDS * 2000 + 1
    eventually(lambda: sum(accounts.taken_in().values()) == sent, "all of it was read")
    (client,) = house.live
    assert client.pongs
    dropped = accounts.dropped()
    assert all(dropped[kind] > 100 for kind in ("log", "counter", "gauge")), dropped
    each = ROUNDS * 500
    assert accounts.taken_in() == {"log": 2 * each + 1, "counter": each, "gauge": each}
    assert [one.ended for one in house.connections] == [""], "it was never cut off"
    receiver.resume()
    left = sent - sum(dropped.values())
    accounts.wait_for_delivered(left)
    assert accounts.dropped() == dropped
    receiver.wait_for(left)
    assert router.stop() == 0, router.tail()
    assert receiver.received.count() == left, "the books tell the truth"
    newest = "the newest" if policy == "drop_oldest" else f"{ROUNDS - 1} "
    has_newest = any(line.startswith(newest) for line in receiver.lines())
    assert has_newest == (policy == "drop_oldest")
    assert f"events that cannot be read again were lost: {policy}" in router.stderr.read_text()
    print(f"{sent} sent, {dropped} dropped")


@pytest.mark.parametrize("how", ["end", "reset", "1000", "1008", "half"])
def test_an_end_that_may_have_cost_something_becomes_a_gap(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner, how: str
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController())
    accounts = Accounts(penstock, penstock.folder / "state")
    router = begin(penstock, accounts, to_syslog(house.url, receiver.tcp), house)
    servers.call(house.emit, envelopes.log("before"))
    receiver.wait_for_line("before")
    ends: dict[str, Callable[[], None]] = {
        "end": house.drop,
        "reset": lambda: house.drop(reset=True),
        "1000": lambda: house.close(1000),
        "1008": lambda: house.close(1008, "keep-alive"),
        "half": lambda: house.half_frame(envelopes.log("half")),
    }
    servers.call(ends[how])
    eventually(lambda: len(house.connections) == 2, "it connects again")
    connected(house)
    servers.call(house.emit, envelopes.log("after"))
    lines = [one.message for one in receiver.wait_for(3)]
    assert lines[0] == "before"
    assert "after" in lines
    (gap,) = (line for line in lines if line.startswith("penstock: "))
    assert "too slow" in gap, gap
    if how.startswith("1"):
        assert how in gap
    assert accounts.gaps() == 1
    assert router.stop() == 0, router.tail()


def test_a_reader_that_the_house_cut_off_says_so(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController(pace=PACE, kernel=4096))
    accounts = Accounts(penstock, penstock.folder / "state")
    router = begin(penstock, accounts, to_syslog(house.url, receiver.tcp), house)
    router.pause()
    texts = [f"line {number} {'x' * 5000}" for number in range(4000)]
    servers.wait(house.replay(map(envelopes.log, texts), rate=20_000))
    (client,) = house.connections
    eventually(lambda: client.ended == "slow", "it was cut off")
    router.resume()
    eventually(lambda: len(house.connections) == 2, "it connects again")
    connected(house)
    servers.call(house.emit, envelopes.log("after"))
    receiver.wait_for_line("after")
    eventually(lambda: accounts.gaps() == 1, "the gap")
    arrived = receiver.lines()
    assert [line for line in arrived if line.startswith("line ")] == texts[: len(client.sent)]
    assert len(client.sent) < len(texts)
    assert router.stop() == 0, router.tail()


def test_what_loggregator_says_that_it_dropped_is_a_gap_with_its_count(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController())
    accounts = Accounts(penstock, penstock.folder / "state")
    router = begin(penstock, accounts, to_syslog(house.url, receiver.tcp), house)
    old = "TruncatingBuffer.DroppedMessages"
    notices = [
        envelopes.counter(old, 100, 100, origin="doppler"),
        envelopes.counter(old, 7, 7, origin="an-application"),
        envelopes.counter(
            "dropped", 1000, 3000, origin="loggregator.doppler", tags={"direction": "egress"}
        ),
        envelopes.counter("DroppedCounter.droppedMessageCount", 23, 23, origin="MetronAgent"),
        envelopes.counter("dropped", 55, 55, origin="gorouter"),
    ]
    servers.call(house.emit, *notices)
    lines = [one.message for one in receiver.wait_for(len(notices) + 3)]
    gaps = [line for line in lines if line.startswith("penstock: ")]
    assert len(gaps) == 3
    assert all(any(count in line for line in gaps) for count in ("100", "1000", "23")), gaps
    assert accounts.gaps() == 3
    assert router.stop() == 0, router.tail()
    assert receiver.received.count() == len(notices) + 3

"""The second protocol: streams that end every so often, and all that a gateway may send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.loggregator import RlpGateway, Servers, captured, v2
from tests.loggregator.conversion import lines
from tests.system.parts.nozzle import Accounts, line_of, to_syslog
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Runner
from tests.system.parts.waiting import eventually

V2 = 'protocol = "v2"'


def connected(house: RlpGateway, count: int = 1) -> None:
    eventually(lambda: len(house.live) >= count, f"{count} streams")


def test_a_captured_answer_arrives_as_it_is(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog(max_message_bytes=65536)
    house = servers.start(RlpGateway())
    named = "app_name = '{cloudfoundry.app.id|service.name}'"
    router = penstock(to_syslog(house.url, receiver.tcp, source=V2, sink=named))
    connected(house)
    servers.call(house.replay_sse, captured.sse())
    servers.call(house.emit, titled := v2.event("deployed", "version 2"))
    envelopes = [one for batch in captured.batches() for one in batch] + [titled]
    expected = Counter(line for one in envelopes for line in lines(one))
    got = Counter(map(line_of, receiver.wait_for(expected.total())))
    assert (got - expected, expected - got) == (Counter(), Counter()), "each exactly once"
    assert router.stop() == 0, router.tail()


@pytest.mark.parametrize("connections", [1, 2])
def test_streams_that_end_every_second_lose_nothing(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner, connections: int
) -> None:
    receiver = rsyslog()
    house = servers.start(RlpGateway(pace=0.05, stream_timeout_s=14))
    accounts = Accounts(penstock, penstock.folder / "state")
    source = f"{V2}\nconnections = {connections}"
    text = to_syslog(house.url, receiver.tcp, source=source)
    router = penstock(text, state_dir=accounts.folder)
    connected(house, connections)
    texts = [f"line {number}" for number in range(7000)]
    servers.wait(house.replay(map(v2.log, texts), rate=2000))
    sent = Counter(_text(one) for one in house.sent)
    eventually(lambda: _lines(receiver) == sent, "all that was sent, each once")
    closings = sum(one.ended == "timeout" for one in house.streams)
    assert closings >= 4 * connections
    assert len(house.sent) + house.unheard == len(texts)
    print(f"{closings} closings, {house.unheard} of {len(texts)} while there was no stream")
    assert house.unheard < len(texts) // 20, "all but what came at the first closing"
    assert accounts.gaps() <= connections, "which it says"
    assert router.stop() == 0, router.tail()


def _text(envelope: v2.Envelope) -> str:
    (line,) = lines(envelope)
    return line.text


def _lines(receiver: Rsyslog) -> Counter[str]:
    return Counter(line for line in receiver.lines() if line.startswith("line "))


def test_heartbeats_alone_keep_a_stream(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(RlpGateway(pace=0.01))
    house.stream_timeout_s = 840.0
    router = penstock(to_syslog(house.url, receiver.tcp, source=V2))
    connected(house)
    eventually(lambda: house.streams[0].heartbeats >= 5, "heartbeats")
    servers.call(house.emit, v2.log("after"))
    receiver.wait_for_line("after")
    assert len(house.streams) == 1
    assert router.stop() == 0, router.tail()
    assert receiver.lines() == ["after"], "a heartbeat is no event"


@pytest.mark.parametrize("how", ["end", "reset", "half"])
def test_a_stream_that_breaks_is_a_gap_and_is_opened_again(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner, how: str
) -> None:
    receiver = rsyslog()
    house = servers.start(RlpGateway())
    accounts = Accounts(penstock, penstock.folder / "state")
    text = to_syslog(house.url, receiver.tcp, source=V2)
    router = penstock(text, state_dir=accounts.folder)
    connected(house)
    servers.call(house.emit, v2.log("before"))
    receiver.wait_for_line("before")
    ends: dict[str, Callable[[], None]] = {
        "end": house.drop,
        "reset": lambda: house.drop(reset=True),
        "half": lambda: house.half_line(v2.log("x" * 100)),
    }
    servers.call(house.refuse, 503)
    servers.call(ends[how])
    eventually(lambda: len(house.streams) == 2, "a second stream")
    servers.call(house.emit, v2.log("after"))
    receiver.wait_for_line("after")
    eventually(lambda: accounts.gaps() == 1, "the gap")
    assert [one.status for one in house.requests] == [200, 503, 200]
    assert router.stop() == 0, router.tail()


def test_what_is_no_batch_is_a_dead_letter_and_what_the_proxy_dropped_a_gap(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(RlpGateway())
    accounts = Accounts(penstock, penstock.folder / "state")
    text = to_syslog(house.url, receiver.tcp, source=V2)
    router = penstock(text, state_dir=accounts.folder)
    connected(house)
    servers.call(house.raw, b'data: {"batch": nonsense\n\n')
    broken = v2.counter("c", 1, 1)
    broken["counter"]["total"] = "many"
    tags = {"origin": "loggregator.rlp", "direction": "egress"}
    dropped = v2.counter("dropped", 321, 321, source_id="reverse_log_proxy", tags=tags)
    servers.call(house.emit, v2.log("one"), broken, dropped, v2.log("two"))
    receiver.wait_for_line("two")
    receiver.wait_for(4)
    gaps = [line for line in receiver.lines() if line.startswith("penstock: ")]
    assert len(gaps) == 1
    assert "321" in gaps[0]
    eventually(lambda: len(accounts.letters()) == 2, "two dead letters", interval=0.3)
    assert len(house.streams) == 1, "the stream went on"
    assert router.stop() == 0, router.tail()


def test_two_processes_of_one_shard_share_and_selectors_follow_kinds(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(RlpGateway())
    source = f'{V2}\nkinds = ["counter"]\ndeterministic_name = "%s"'
    routers = [
        penstock(to_syslog(house.url, receiver.tcp, source=source % name)) for name in ("a", "b")
    ]
    connected(house, 2)
    sent = [v2.counter(f"c{number % 20}", 1, number) for number in range(1000)]
    servers.wait(house.replay([*sent, v2.log("a log")]))
    receiver.wait_for(len(sent))
    first, second = house.streams
    assert first.query["shard_id"] == second.query["shard_id"] == ["nozzle"]
    assert {one.kind for one in first.selectors} == {"counter"}
    names = [{one["counter"]["name"] for one in stream.sent} for stream in house.streams]
    assert all(names)
    assert not names[0] & names[1], "a name stays with its reader"
    for router in routers:
        assert router.stop() == 0, router.tail()
    assert receiver.received.count() == len(sent)

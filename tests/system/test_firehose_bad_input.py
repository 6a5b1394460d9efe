"""What no Traffic Controller should send: told of, kept where it can be, and the stream goes on."""

from __future__ import annotations

import base64
from collections.abc import Callable

from tests.loggregator import Servers, TrafficController, dropsonde, envelopes
from tests.system.parts.nozzle import Accounts, to_syslog
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Runner
from tests.system.parts.waiting import eventually

FORGED = 'x"] - \n<0>1 2026-11-21T00:00:00Z h a p m - forged'


def test_what_cannot_be_decoded_is_a_dead_letter(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController())
    accounts = Accounts(penstock, penstock.folder / "state")
    router = penstock(to_syslog(house.url, receiver.tcp), state_dir=accounts.folder)
    eventually(lambda: house.live, "a connection")
    good = [envelopes.log(f"good {number}") for number in range(50)]
    cut = envelopes.log("cut")[:-3]
    without = dropsonde.encode({"origin": "o", "eventType": "LogMessage"})
    bad = [b"\xff\xff\xff", cut, b"", without]
    servers.call(house.emit, *good[:25], *bad, *good[25:])
    servers.call(house.send_text, "a text")
    servers.call(house.emit, envelopes.log("the last"))
    receiver.wait_for_line("the last")
    eventually(lambda: len(accounts.letters()) == 5, "five dead letters", interval=0.3)
    letters = accounts.letters()
    assert len(house.connections) == 1, "the stream went on"
    assert house.connections[0].open
    assert accounts.taken_in()["log"] == 51 + len(bad) + 1, "counted"
    shown = [
        penstock.command("dlq", "show", str(one["id"]), "--state-dir", accounts.folder).stdout
        for one in letters
    ]
    for payload in (*bad[:2], without, b"a text"):
        kept = base64.b64encode(payload).decode()
        assert any(kept in text for text in shown), "as it came"
    assert router.stop() == 0, router.tail()
    assert receiver.received.count() == 51


def test_a_message_of_ten_megabytes_is_cut_and_the_stream_goes_on(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog(max_message_bytes=65536)
    house = servers.start(TrafficController())
    accounts = Accounts(penstock, penstock.folder / "state")
    source, sink = "max_line_bytes = 20000", "max_message_bytes = 65536"
    text = to_syslog(house.url, receiver.tcp, source=source, sink=sink)
    router = penstock(text, state_dir=accounts.folder)
    eventually(lambda: house.live, "a connection")
    huge = envelopes.log("x" * 10_000_000)
    tagged = envelopes.log("tagged", tags={f"tag{n}": "y" * 10_000 for n in range(1000)})
    servers.wait(house.replay([huge, tagged, envelopes.log("after")]))
    receiver.wait_for_line("after")
    (first, second, _) = receiver.wait_for(3)
    kept = len(first.message) - len(first.message.lstrip("x"))
    assert kept > 19_000
    assert f"[{10_000_000 - kept} bytes cut]" in first.message
    assert second.message == "tagged"
    assert [one.open for one in house.connections] == [True]
    assert accounts.gaps() == 0
    assert router.stop() == 0, router.tail()


def test_nothing_in_an_envelope_forges_a_message(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController())
    router = penstock(to_syslog(house.url, receiver.tcp))
    eventually(lambda: house.live, "a connection")
    tags = {FORGED: FORGED, "app_name": FORGED, "": "empty", "ü": "\x00"}
    servers.call(
        house.emit,
        envelopes.log(FORGED, app=FORGED, source_type=FORGED, tags=tags),
        envelopes.counter(FORGED, 1, 2, tags=tags),
        envelopes.value(FORGED, float("nan"), FORGED, tags=tags),
        envelopes.error(FORGED, source=FORGED),
        envelopes.log(b"\xff\xfe not utf-8"),
        envelopes.http(FORGED, tags=tags),
        envelopes.log("the last"),
    )
    receiver.wait_for_line("the last")
    assert router.stop() == 0, router.tail()
    messages = receiver.messages()
    assert len(messages) == 7, "one for each"
    assert {one.severity for one in messages} == {6}, "none has a priority of its own"
    assert all(len(one.app_name) <= 48 for one in messages)


def test_times_that_cannot_be_are_no_reason_to_lose_an_event(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController())
    router = penstock(to_syslog(house.url, receiver.tcp))
    eventually(lambda: house.live, "a connection")
    times = [0, -1, 1, 2**63 - 1, -(2**63)]
    servers.call(house.emit, *(envelopes.log(f"at {time}", timestamp=time) for time in times))
    receiver.wait_for(len(times))
    got = receiver.messages()
    # rsyslog knows no year beyond 2099 and takes the whole for the text.
    assert all(any(one.raw.endswith(f" at {time}") for one in got) for time in times)
    assert len(got) == len(times)
    assert router.stop() == 0, router.tail()

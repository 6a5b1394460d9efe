"""RFC 3164, with and without a host."""

from __future__ import annotations

import re
import time

import pytest

from penstock.api import Gap, Log
from penstock.testing import batch, configured, hostile_batches, log, resource
from penstock_sink_syslog.sink import SyslogSink

LOCAL = time.mktime((2026, 1, 2, 3, 4, 5, 0, 0, -1))
TIME = int(LOCAL) * 1_000_000_000 + 999_999_999

MESSAGE = re.compile(
    r"<(?P<pri>[0-9]{1,3})>(?P<time>[A-Z][a-z]{2} [ 1-3][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?: (?P<host>[A-Za-z0-9._-]{1,255}))? (?P<tag>[A-Za-z0-9._-]{1,32})(?:\[(?P<pid>[^] ]+)\])?"
    r": (?P<text>.*)",
    re.DOTALL,
)


def lines(*events: object, of: object = None, **settings: object) -> list[str]:
    table = {"address": "tcp://127.0.0.1:9", "format": "rfc3164", "framing": "newline", **settings}
    sink = configured(SyslogSink, table)
    given = batch(events, of or resource())  # type: ignore[arg-type]
    return sink._framer.lines([given]).decode().split("\n")[:-1]


def test_a_whole_message_has_local_time_and_a_padded_day() -> None:
    web = resource(attributes={"host.name": "node-7", "service.name": "web", "process.pid": 77})
    assert lines(Log(TIME, "hello", stream="stderr"), of=web) == [
        "<11>Jan  2 03:04:05 node-7 web[77]: hello"
    ]


def test_seconds_change_with_the_events() -> None:
    got = lines(Log(TIME, "a"), Log(TIME + 1, "b"), Log(TIME, "c"))
    assert [line[4:19] for line in got] == ["Jan  2 03:04:05", "Jan  2 03:04:06", "Jan  2 03:04:05"]


def test_no_host_on_a_unix_socket_and_this_format_is_the_default_there() -> None:
    sink = configured(SyslogSink, {"address": "unix:///dev/log"})
    web = resource(attributes={"host.name": "node-7", "service.name": "web"})
    (message,) = sink._framer.datagrams([batch([Log(TIME, "hello")], web)])
    assert message == b"<14>Jan  2 03:04:05 web: hello"


def test_without_a_host_there_is_none_rather_than_a_dash() -> None:
    # rsyslog takes "-" for the tag, and the tag for text.
    assert lines(Log(TIME, "x")) == ["<14>Jan  2 03:04:05 -: x"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my_app-web.1", "my_app-web.1"),
        ("a/b:c[1] d", "a_b_c_1__d"),
        ("x" * 40, "x" * 32),
        ("wéb", "w_b"),
    ],
)
def test_the_tag_is_one_word_of_32_characters(name: str, expected: str) -> None:
    (line,) = lines(Log(TIME, "x"), of=resource(attributes={"service.name": name}))
    match = MESSAGE.fullmatch(line)
    assert match
    assert match["tag"] == expected


def test_the_pid_cannot_end_its_bracket() -> None:
    (line,) = lines(Log(TIME, "x"), proc_id="7]: forged [")
    assert line == "<14>Jan  2 03:04:05 -[7_:_forged__]: x"


def test_fields_of_the_event() -> None:
    event = log("x", attributes={"pid": 9}, time_unix_nano=TIME)
    assert lines(event, log("y", time_unix_nano=TIME), proc_id="{attributes.pid}") == [
        "<14>Jan  2 03:04:05 -[9]: x",
        "<14>Jan  2 03:04:05 -: y",
    ]


def test_a_gap_is_a_warning() -> None:
    assert lines(Gap(TIME, "rotated")) == ["<12>Jan  2 03:04:05 -: penstock: lines lost: rotated"]


@pytest.mark.parametrize("what", hostile_batches())
def test_hostile_input_stays_in_its_field(what: str) -> None:
    given = hostile_batches()[what]
    (line,) = lines(*given.events, of=given.resource)
    match = MESSAGE.fullmatch(line)
    assert match, line[:200]
    assert "\0" not in line
    assert len(line.encode()) <= 8192

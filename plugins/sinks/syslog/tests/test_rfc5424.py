"""RFC 5424, message by message: what is bounded, what is escaped, what cannot be forged."""

from __future__ import annotations

import re

import pytest

from penstock.api import Batch, Event, Gap, Log, Resource, event_id
from penstock.testing import batch, configured, hostile_batches, log, resource
from penstock_sink_syslog.sink import SyslogSink

TIME = 1_767_323_045_678_901_234  # 2026-01-02T03:04:05.678901234Z

# The ABNF of RFC 5424, section 6, as a regular expression.
PARAM = r'[!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*"'
MESSAGE = re.compile(
    r"<(?P<pri>[0-9]{1,3})>1 "
    r"(?P<time>-|[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z) "
    r"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
    rf"(?P<sd>-|(?:\[[!#-<>-\\^-~]{{1,32}}(?: {PARAM})*\])+)(?: (?P<text>.*))?",
    re.DOTALL,
)


def messages(given: Batch, **settings: object) -> list[str]:
    """What a sink would send of a batch."""
    sink = configured(SyslogSink, {"address": "udp://127.0.0.1:9", **settings})
    return [message.decode() for message in sink._framer.datagrams([given])]


def parsed(message: str) -> dict[str, str]:
    match = MESSAGE.fullmatch(message)
    assert match, f"no RFC 5424: {message[:200]!r}"
    return match.groupdict()


def one(event: Event, of: Resource | None = None, **settings: object) -> str:
    (message,) = messages(batch([event], of or resource()), **settings)
    return message


def test_a_whole_message() -> None:
    web = resource(
        attributes={"host.name": "node-7", "service.name": "web", "process.pid": 77},
    )
    assert one(Log(TIME, "hello", stream="stdout"), web) == (
        "<14>1 2026-01-02T03:04:05.678901Z node-7 web 77 - - hello"
    )


def test_what_is_not_known_is_a_dash() -> None:
    assert one(Log(TIME, "x")) == "<14>1 2026-01-02T03:04:05.678901Z - - - - - x"


def test_a_blank_line_is_a_message() -> None:
    assert one(Log(TIME, "")).endswith("Z - - - - - ")


@pytest.mark.parametrize(
    ("severity", "expected"),
    [(1, 7), (5, 7), (8, 7), (9, 6), (10, 5), (13, 4), (17, 3), (18, 2), (21, 2), (24, 0), (99, 6)],
)
def test_severity_of_the_event(severity: int, expected: int) -> None:
    assert one(log("x", severity=severity, stream="stderr")).startswith(f"<{8 + expected}>1 ")


def test_severity_of_the_stream_where_the_event_has_none() -> None:
    assert one(log("x", "stdout"), facility="local7").startswith("<190>1 ")
    assert one(log("x", "stderr"), facility="local7").startswith("<187>1 ")
    assert one(log("x", ""), facility="kern").startswith("<6>1 ")


def test_times_within_a_second_and_across_it_and_back() -> None:
    nanos = [TIME, TIME + 321_098_765, TIME + 321_098_766, TIME - 7_000_000_000, TIME]
    times = [parsed(m)["time"][11:] for m in messages(batch([Log(t, "x") for t in nanos]))]
    assert times == [
        "03:04:05.678901Z",
        "03:04:05.999999Z",
        "03:04:06.000000Z",
        "03:03:58.678901Z",
        "03:04:05.678901Z",
    ]


@pytest.mark.parametrize("time", [-1, 0, 2**63, -(2**63), 10**30])
def test_impossible_times_are_held_within_the_calendar(time: int) -> None:
    assert parsed(one(Log(time, "x")))["text"] == "x"


def test_fields_are_bounded() -> None:
    long = resource(attributes={"host.name": "h" * 300, "service.name": "a" * 300})
    fields = parsed(one(log("x"), long, proc_id="p" * 300, msg_id="m" * 300))
    assert [len(fields[name]) for name in ("host", "app", "proc", "id")] == [255, 48, 128, 32]


def test_a_name_cannot_forge_a_field() -> None:
    forged = resource(attributes={"service.name": 'web 1 ID [a@1 b="c"] forged\n<0>1 é'})
    fields = parsed(one(log("x"), forged))
    assert fields["app"] == 'web_1_ID_[a@1_b="c"]_forged_<0>1__'
    assert (fields["proc"], fields["sd"], fields["text"]) == ("-", "-", "x")


@pytest.mark.parametrize("what", hostile_batches())
def test_hostile_input_stays_in_its_field(what: str) -> None:
    given = hostile_batches()[what]
    data = {"x@1": {"name": "{container.name}", "label": "{container.label.web}"}}
    for message in messages(given, structured_data=data, event_id=True, msg_id="{stream}"):
        assert len(message.encode()) <= 8192
        assert not set(message) & {"\0", "\n"}
        fields = parsed(message)
        assert int(fields["pri"]) <= 191


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("node-7.example.com", "node-7.example.com"),
        ("fe80::1", "fe80::1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("web:1[x] é", "web_1_x___"),
        ("", "-"),
    ],
)
def test_hosts_that_every_receiver_takes(name: str, expected: str) -> None:
    assert parsed(one(log("x"), resource(attributes={"host.name": name})))["host"] == expected


def test_structured_data_of_templates() -> None:
    data = {"a@1": {"env": "{tags.env}", "none": "{tags.none}"}, "b@1": {"none": "{tags.none}"}}
    tagged = resource(tags={"env": 'p"r\\o]d\n'})
    assert parsed(one(log("x"), tagged, structured_data=data))["sd"] == (
        r'[a@1 env="p\"r\\o\]d#012"]'
    )
    assert parsed(one(log("x"), structured_data=data))["sd"] == "-"


def test_the_event_id_joins_the_operators_element() -> None:
    event = log("x", attributes={"a": "1"})
    of = resource("docker:ab", tags={"env": "prod"})
    data = {"penstock@32473": {"env": "{tags.env}"}}
    expected = f'[penstock@32473 env="prod" event_id="{event_id("docker:ab", event)}"]'
    assert parsed(one(event, of, structured_data=data, event_id=True))["sd"] == expected


def test_structured_data_that_does_not_fit_is_left_out_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = {"big@1": {"k": "{tags.big}"}, "small@1": {"k": "v"}}
    tagged = resource(tags={"big": "é" * 5000})
    message = one(log("text"), tagged, structured_data=data, max_message_bytes=600)
    assert parsed(message)["sd"] == '[small@1 k="v"]'
    assert parsed(message)["text"] == "text"
    assert "structured data left out" in caplog.text


def test_templates_of_the_event() -> None:
    settings = {
        "app_name": "{attributes.logger}",
        "msg_id": "{stream}",
        "message": "{severity}:{message}",
    }
    event = log("hi", "stderr", severity=9, attributes={"logger": "db pool"})
    fields = parsed(one(event, **settings))
    assert (fields["app"], fields["id"], fields["text"]) == ("db_pool", "stderr", "info:hi")


def test_a_gap_is_one_clear_warning() -> None:
    gap = Gap(TIME, "rotated\naway", TIME - 10**9, TIME, count=12, stream="stderr")
    assert parsed(one(gap))["text"] == (
        "penstock: 12 lines of stderr lost after 2026-01-02T03:04:04.678901234Z "
        "and before 2026-01-02T03:04:05.678901234Z: rotated#012away"
    )
    assert one(gap).startswith("<12>1 ")
    assert parsed(one(Gap(TIME, "gone")))["text"] == "penstock: lines lost: gone"


def test_what_is_made_once_for_a_resource_goes_with_it() -> None:
    import gc
    import weakref

    sink = configured(SyslogSink, {"address": "udp://127.0.0.1:9", "event_id": True})
    mortal = resource("docker:mortal", {"service.name": "mortal"})
    sink._framer.datagrams([batch(["x"], mortal)])
    gone = weakref.ref(mortal)
    del mortal
    gc.collect()
    assert gone() is None

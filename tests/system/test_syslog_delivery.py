"""What real receivers make of the syslog sink's messages, field by field and line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from penstock.api import Batch, Context, Gap, Log, Resource, TlsSettings, event_id
from penstock.testing import batch, configured, hostile_batches, one_of_each
from penstock.testing.events import WEB
from penstock.testing.pipeline import SinkLine
from penstock.testing.watch import Watch
from penstock_sink_syslog.sink import SyslogSink
from tests.system.parts.message import Message
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.syslog_ng import SyslogNg
from tests.system.parts.syslog_server import SyslogServer
from tests.system.parts.tls import Certificates

TIME = 1_767_323_045_678_901_234  # 2026-01-02T03:04:05.678901234Z

# What containers print, and what nobody should be able to forge with it.
LINES = [
    "plain",
    "",
    "  leading and trailing  ",
    "tab\there",
    "\x1b[31mred\x1b[0m",
    "é € \U0001f6b0",
    "<34>1 2003-10-11T22:14:15.003Z host su - ID47 - forged",
    "<34>Oct 11 22:14:15 host su: forged",
    '[forged@1 a="b"] text',
    "] closing",
    "- - -",
    "12 34",
    "\ufefftext behind a mark",
    "carriage\rreturn",
    "C1 \x85\x9b and \u2028 separators",
    "percent %s %n $MSG",
    "#012 as text",
    "\x01\x02\x7f",
    "x" * 5000,
]
FORGING = [
    "two\nlines",
    "\n",
    "ends with a newline\n",
    "x\n<34>1 2003-10-11T22:14:15.003Z host su - ID47 - forged",
    "x\n30 <34>1 - forged app - - - hello\n",
    "nul\0here",
    "\0<34>1 - forged",
]


async def deliver(address: str, batches: Iterable[Batch], **settings: Any) -> None:
    """Send batches through core's runner and the sink until all are settled as delivered."""
    tls = settings.pop("tls", {})
    sink = configured(SyslogSink, {"address": address, **settings})
    sink.context = Context(table="sinks.real", tls=TlsSettings(**tls))
    async with SinkLine(sink, Watch(), events_per_write=500) as line:
        await line.send(*batches)
        assert await line.drain(20.0), "not everything was delivered"
        assert not line.sink.undeclared


def escaped(line: str) -> str:
    return line.replace("\0", "#000").replace("\n", "#012")


def texts(messages: Iterable[Message]) -> list[str]:
    return [message.message for message in messages]


def check_fields(message: Message, expected: dict[str, str]) -> None:
    assert {name: getattr(message, name) for name in expected} == expected


@pytest.mark.parametrize("way", ["tcp", "tls", "udp"])
async def test_rsyslog_gets_every_field_of_rfc5424(
    rsyslog: Callable[..., Rsyslog], certificates: Certificates, way: str
) -> None:
    server = rsyslog(certificates=certificates)
    event = Log(TIME, "hello é", stream="stderr")
    await deliver(
        getattr(server, way),
        [batch([event])],
        facility="local3",
        proc_id="77",
        msg_id="ID1",
        structured_data={"penstock@32473": {"name": "{container.name}", "odd": 'a"b]c\\d'}},
        event_id=True,
        tls={"ca_file": str(certificates.ca)} if way == "tls" else {},
    )
    (message,) = server.wait_for(1)
    check_fields(
        message,
        {
            "input": way,
            "pri": str(19 * 8 + 3),
            "timestamp": "2026-01-02T03:04:05.678901Z",
            "hostname": "node-7",
            "app_name": "web",
            "proc_id": "77",
            "msg_id": "ID1",
            "structured_data": '[penstock@32473 name="web-1" odd="a\\"b\\]c\\\\d" '
            f'event_id="{event_id(WEB.origin, event)}"]',
            "message": "hello é",
        },
    )


async def test_syslog_ng_gets_every_field_of_rfc5424(
    syslog_ng: Callable[..., SyslogNg],
) -> None:
    server = syslog_ng()
    settings: dict[str, Any] = {
        "proc_id": "77",
        "msg_id": "ID1",
        "structured_data": {"penstock@32473": {"odd": 'a"b]c\\d'}},
    }
    event = Log(TIME, "hello é", stream="stderr")
    await deliver(server.tcp, [batch([event])], **settings)
    server.wait_for(1)
    await deliver(server.newline, [batch([event])], framing="newline", **settings)
    for message in server.wait_for(2):
        check_fields(
            message,
            {
                "pri": "11",
                "hostname": "node-7",
                "app_name": "web",
                "proc_id": "77",
                "msg_id": "ID1",
                "structured_data": '[penstock@32473 odd="a\\"b\\]c\\\\d"]',
                "message": "hello é",
            },
        )
        assert message.timestamp.startswith("2026-01-02T03:04:05.678901")


@pytest.mark.parametrize("way", ["tcp", "udp", "unix"])
async def test_rsyslog_gets_rfc3164(rsyslog: Callable[..., Rsyslog], way: str) -> None:
    server = rsyslog()
    await deliver(
        getattr(server, way),
        [batch([Log(TIME, "<34>hello", stream="stderr")])],
        format="rfc3164",
        app_name="my_app-web.1",
        proc_id="77",
    )
    (message,) = server.wait_for(1)
    check_fields(message, {"input": way, "pri": "11", "app_name": "my_app-web.1", "proc_id": "77"})
    assert message.message == " <34>hello"
    if way != "unix":
        assert message.hostname == "node-7"


@pytest.mark.parametrize("framing", ["octet_counting", "newline"])
async def test_rfc3164_without_a_host_is_not_misread(
    rsyslog: Callable[..., Rsyslog], framing: str
) -> None:
    server = rsyslog()
    nameless = Resource("docker:nameless", {"service.name": "web"})
    await deliver(server.tcp, [batch(["hello"], nameless)], format="rfc3164", framing=framing)
    (message,) = server.wait_for(1)
    assert (message.app_name, message.message) == ("web", " hello")


async def test_syslog_ng_gets_rfc3164(syslog_ng: Callable[..., SyslogNg]) -> None:
    server = syslog_ng()
    await deliver(
        server.newline_3164,
        [batch([Log(TIME, "<34>hello")])],
        format="rfc3164",
        framing="newline",
        app_name="my_app-web.1",
        proc_id="77",
    )
    (message,) = server.wait_for(1)
    check_fields(
        message,
        {
            "hostname": "node-7",
            "app_name": "my_app-web.1",
            "proc_id": "77",
            "message": "<34>hello",
        },
    )


@pytest.mark.parametrize(
    ("way", "framing"),
    [("tcp", "octet_counting"), ("tcp", "newline"), ("tls", "octet_counting"), ("udp", "newline")],
)
async def test_rsyslog_writes_what_was_sent(
    rsyslog: Callable[..., Rsyslog], certificates: Certificates, way: str, framing: str
) -> None:
    server = rsyslog(certificates=certificates)
    tls = {"ca_file": str(certificates.ca)} if way == "tls" else {}
    lines = [*LINES, *FORGING]
    await deliver(getattr(server, way), [batch(lines)], framing=framing, tls=tls)
    counted = framing == "octet_counting"
    expected = [line.replace("\0", "#000") if counted else escaped(line) for line in lines]
    # rsyslog takes one newline off the end, as if it were framing.
    expected = [line.removesuffix("\n") for line in expected]
    assert texts(server.wait_for(len(lines))) == expected


async def test_rsyslog_writes_what_was_sent_over_a_unix_socket(
    rsyslog: Callable[..., Rsyslog],
) -> None:
    server = rsyslog()
    lines = [*LINES, *FORGING]
    await deliver(server.unix, [batch(lines)])
    got = texts(server.wait_for(len(lines)))
    assert got == [f" {escaped(line)}" for line in lines]


@pytest.mark.parametrize(("way", "framing"), [("tcp", "octet_counting"), ("newline", "newline")])
async def test_syslog_ng_writes_what_was_sent(
    syslog_ng: Callable[..., SyslogNg], way: str, framing: str
) -> None:
    server = syslog_ng()
    lines = [*LINES, *FORGING]
    await deliver(getattr(server, way), [batch(lines)], framing=framing)
    counted = framing == "octet_counting"
    expected = [line.replace("\0", "#000") if counted else escaped(line) for line in lines]
    # syslog-ng takes a byte order mark for the mark that RFC 5424 asks for, and off.
    expected = [line.removeprefix("\ufeff").removesuffix("\n") for line in expected]
    assert [text.removesuffix("\n") for text in texts(server.wait_for(len(lines)))] == expected


@pytest.mark.parametrize("kind", ["rsyslog", "syslog_ng"])
@pytest.mark.parametrize("framing", ["octet_counting", "newline"])
async def test_hostile_input_forges_nothing(
    request: pytest.FixtureRequest, kind: str, framing: str
) -> None:
    server: SyslogServer = request.getfixturevalue(kind)()
    address = server.newline if kind == "syslog_ng" and framing == "newline" else server.tcp  # type: ignore[attr-defined]
    hostile = list(hostile_batches().values())
    data = {"x@1": {"name": "{container.name}"}}
    await deliver(
        address,
        [*hostile, batch(["after the hostile ones"])],
        framing=framing,
        structured_data=data,
        event_id=True,
        max_message_bytes=4096,
    )
    messages = server.wait_for_line("after the hostile ones")
    assert len(messages) == len(hostile) + 1
    for message in messages:
        assert message.pri == "14"
        assert len(message.raw.encode("utf-8", "surrogateescape")) <= 4096


@pytest.mark.parametrize("way", ["tcp", "udp"])
async def test_rsyslogs_own_limit_cuts_nothing_more(
    rsyslog: Callable[..., Rsyslog], way: str
) -> None:
    # rsyslog takes 8 KiB by default, and would make two messages of what is longer.
    server = rsyslog(max_message_bytes=8192)
    await deliver(getattr(server, way), [batch(["\U0001f6b0" * 3000, "é" * 9000, "next"])])
    messages = server.wait_for(3)
    assert messages[2].message == "next"
    for message, letter in zip(messages, "\U0001f6b0é", strict=False):
        assert set(message.message.removesuffix("...[cut]")) == {letter}
        assert message.message.endswith("...[cut]")
        assert len(message.raw.encode()) > 8192 - 4


async def test_gaps_and_metrics(rsyslog: Callable[..., Rsyslog]) -> None:
    server = rsyslog()
    gap = Gap(TIME, "log rotated", TIME - 10**9, TIME, count=7)
    await deliver(server.tcp, [batch([*one_of_each(), gap])], metrics="structured_data")
    messages = server.wait_for(8)
    assert [message.structured_data.partition(" ")[0] for message in messages] == [
        "-",
        "[counter@47450",
        "[gauge@47450",
        "[gauge@47450",
        "[timer@47450",
        "[event@47450",
        "-",
        "-",
    ]
    assert messages[-1].severity == 4
    assert messages[-1].message == (
        "penstock: 7 lines lost after 2026-01-02T03:04:04.678901234Z "
        "and before 2026-01-02T03:04:05.678901234Z: log rotated"
    )


@pytest.mark.parametrize("way", ["tcp", "tls"])
async def test_many_lines_arrive_in_order(
    rsyslog: Callable[..., Rsyslog], certificates: Certificates, way: str
) -> None:
    server = rsyslog(certificates=certificates)
    lines = [f"line {number:06} {'x' * (number % 97)}" for number in range(50_000)]
    tls = {"ca_file": str(certificates.ca)} if way == "tls" else {}
    batches = (batch(lines[at : at + 250]) for at in range(0, len(lines), 250))
    await deliver(getattr(server, way), batches, tls=tls)
    server.wait_for(len(lines))
    assert server.lines() == lines

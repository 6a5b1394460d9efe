"""What a real receiver makes of metrics in Loggregator's form: its own parser takes them apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.api import Counter, Event, Gauge, GaugeValue, Resource, Timer, TitledEvent
from penstock.testing import batch, configured, one_of_each
from penstock.testing.pipeline import SinkLine
from penstock.testing.watch import Watch
from penstock_sink_syslog.sink import SyslogSink
from tests.system.parts.message import free_port
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.waiting import eventually

TIME = 1_767_323_045_678_901_234  # 2026-01-02T03:04:05.678901234Z
BIG = 2**64 - 1
APP = Resource(
    "1111/0",
    {"cloudfoundry.app.id": "1111", "cloudfoundry.app.instance.id": "0", "host.name": "org.s.app"},
    {"env": "prod"},
)
ENVELOPE = {"origin": "rep", "job": "diego-cell", "index": "5f0e", "source_type": "APP/PROC/WEB"}
HOSTILE = 'a"b]c\\d\n<34>1 - forged\x00é'


class Parsed:
    """An input of rsyslog's whose messages go through its parser of structured data."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.file = folder / "parsed.json"
        self.file.touch()
        self.config = f"""
module(load="mmpstrucdata")
template(name="parsed" type="list") {{ property(name="$!all-json") constant(value="\\n") }}
ruleset(name="parsed") {{
  action(type="mmpstrucdata" sd_name.lowercase="off")
  action(type="omfile" file="{self.file}" template="parsed")
}}
input(type="imtcp" address="127.0.0.1" port="{self.port}" ruleset="parsed")
"""

    def wait_for(self, count: int) -> list[dict[str, dict[str, str]]]:
        """Return the elements of each message, once there are so many."""
        lines = self.file.read_bytes
        eventually(lambda: lines().count(b"\n") >= count, f"{count} messages were parsed")
        found = [json.loads(line) for line in lines().splitlines()]
        return [one.get("rfc5424-sd", {}) for one in found]


async def deliver(address: str, events: list[Event], **settings: Any) -> None:
    """Send events through core's runner and the sink until all are settled as delivered."""
    table = {"address": address, "metrics": "structured_data", **settings}
    async with SinkLine(configured(SyslogSink, table), Watch()) as line:
        await line.send(batch(events, APP))
        assert await line.drain(20.0), "not everything was delivered"
        assert not line.sink.undeclared


async def test_rsyslogs_parser_reads_every_field(
    rsyslog: Callable[..., Rsyslog], tmp_path: Path
) -> None:
    parsed = Parsed(tmp_path)
    server = rsyslog(extra=parsed.config)
    events: list[Event] = [
        Counter(TIME, "requests", 3, BIG, 0, ENVELOPE),
        Gauge(TIME, {"memory": GaugeValue(10_485_760.0, "bytes")}, 0, ENVELOPE),
        Timer(TIME, "http", TIME - 5, TIME, 0, {**ENVELOPE, "uri": "https://x/y?z=1"}),
        TitledEvent(TIME, HOSTILE, HOSTILE, 0, {"source": HOSTILE}),
    ]
    await deliver(f"tcp://127.0.0.1:{parsed.port}", events)
    escaped = HOSTILE.replace("\n", "#012").replace("\x00", "#000")
    tags = {**ENVELOPE, "env": "prod"}
    assert parsed.wait_for(4) == [
        {
            "counter@47450": {"name": "requests", "total": str(BIG), "delta": "3"},
            "tags@47450": tags,
        },
        {
            "gauge@47450": {"name": "memory", "value": "1.048576e+07", "unit": "bytes"},
            "tags@47450": tags,
        },
        {
            "timer@47450": {"name": "http", "start": str(TIME - 5), "stop": str(TIME)},
            "tags@47450": {**tags, "uri": "https://x/y?z=1"},
        },
        {
            "event@47450": {"title": escaped, "body": escaped},
            "tags@47450": {"env": "prod", "source": escaped},
        },
    ]
    assert server.messages() == []


async def test_the_header_is_that_of_a_drain(rsyslog: Callable[..., Rsyslog]) -> None:
    server = rsyslog()
    await deliver(
        server.tcp,
        [Counter(TIME, "requests", 3, 17, 0, ENVELOPE), *one_of_each()],
        app_name="{cloudfoundry.app.id}",
        proc_id="[{attributes.source_type}/{cloudfoundry.app.instance.id}]",
    )
    first, *others = server.wait_for(8)
    assert (first.pri, first.hostname, first.app_name, first.proc_id, first.msg_id) == (
        "14",
        "org.s.app",
        "1111",
        "[APP/PROC/WEB/0]",
        "-",
    )
    assert first.message == ""
    assert first.timestamp == "2026-01-02T03:04:05.678901Z"
    assert [one.structured_data.partition(" ")[0] for one in others] == [
        "-",
        "[counter@47450",
        "[gauge@47450",
        "[gauge@47450",
        "[timer@47450",
        "[event@47450",
        "-",
    ]


async def test_a_receiver_that_splits_at_newlines_gets_one_message_each(
    rsyslog: Callable[..., Rsyslog],
) -> None:
    server = rsyslog()
    events: list[Event] = [
        TitledEvent(TIME, HOSTILE, HOSTILE, 0, {HOSTILE: HOSTILE}),
        Counter(TIME, "last", 1),
    ]
    await deliver(server.tcp, events, framing="newline")
    messages = server.wait_for(2)
    assert len(messages) == 2
    assert '[counter@47450 name="last" delta="1"]' in messages[1].structured_data

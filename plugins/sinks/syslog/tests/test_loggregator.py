"""Metrics in structured data, against what Loggregator's own agent wrote of such envelopes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from penstock.api import Batch, Counter, Event, Gauge, GaugeValue, Log, Resource, Timer, TitledEvent
from penstock.testing import batch, configured, hostile_batches, one_of_each, resource
from penstock_sink_syslog.loggregator import number
from penstock_sink_syslog.sink import SyslogSink

TIME = 1_767_323_045_678_901_234  # 2026-01-02T03:04:05.678901234Z
DRAIN = Path(__file__).parent / "data/loggregator-drain.raw"

NAME = r"[!#-<>-\\^-~]{1,32}"
VALUE = r'"(?:[^"\\\]]|\\["\\\]])*"'
ELEMENT = re.compile(rf"\[({NAME})((?: {NAME}={VALUE})*)\]")
PARAM = re.compile(rf" ({NAME})=({VALUE})")
MESSAGE = re.compile(
    r"<(\d+)>1 (\S+) (\S+) (\S+) (\S+) (\S+) " rf"(-|(?:\[{NAME}(?: {NAME}={VALUE})*\])+) (.*)",
    re.DOTALL,
)

Elements = dict[str, dict[str, str]]


class Line(NamedTuple):
    pri: str
    time: str
    host: str
    app: str
    proc: str
    msg_id: str
    data: str
    text: str

    @property
    def nanos(self) -> int:
        moment = datetime.fromisoformat(self.time)
        return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000

    @property
    def elements(self) -> Elements:
        """The elements by id, with their parameters in order; no id may come twice."""
        found = ELEMENT.findall(self.data)
        assert len(dict(found)) == len(found), f"an element twice: {self.data}"
        return {name: _params(params) for name, params in found}


def _params(text: str) -> dict[str, str]:
    pairs = PARAM.findall(text)
    assert len(dict(pairs)) == len(pairs), f"a parameter twice: {text}"
    return {name: re.sub(r'\\(["\\\]])', r"\1", value[1:-1]) for name, value in pairs}


def parsed(message: str) -> Line:
    match = MESSAGE.fullmatch(message)
    assert match, f"no RFC 5424: {message[:300]!r}"
    return Line(*match.groups())


def octet_counted(data: bytes) -> Iterator[str]:
    while data:
        length, _, data = data.partition(b" ")
        yield data[: int(length)].decode()
        data = data[int(length) :]


def sink(**settings: object) -> SyslogSink:
    table = {"address": "tcp://127.0.0.1:9", "metrics": "structured_data", **settings}
    return configured(SyslogSink, table)


def sent(given: Batch, **settings: object) -> list[Line]:
    """What a sink sends of a batch."""
    return [parsed(message) for message in octet_counted(sink(**settings)._framer.octets([given]))]


def one(event: Event, of: Resource | None = None, **settings: object) -> Line:
    (line,) = sent(batch([event], of or resource()), **settings)
    return line


# --- the captured drain ------------------------------------------------------------------

CAPTURED = [parsed(message) for message in octet_counted(DRAIN.read_bytes())]


def envelope(lines: list[Line]) -> Event:
    """Make the event again that the agent wrote as these messages."""
    first = lines[0]
    tags, time = first.elements["tags@47450"], first.nanos
    own = [next(iter(line.elements.items())) for line in lines]
    (kind, params), stream = own[0], "stderr" if first.pri == "11" else "stdout"
    if kind == "tags@47450":
        return Log(time, first.text.removesuffix("\n"), stream, attributes=tags)
    if kind == "gauge@47450":
        values = {one["name"]: GaugeValue(float(one["value"]), one["unit"]) for _, one in own}
        return Gauge(time, values, attributes=tags)
    if kind == "counter@47450":
        numbers = (int(params["delta"]), int(params["total"]))
        return Counter(time, params["name"], *numbers, attributes=tags)
    if kind == "timer@47450":
        return Timer(time, params["name"], int(params["start"]), int(params["stop"]), 0, tags)
    return TitledEvent(time, params["title"], params["body"], attributes=tags)


def envelopes() -> list[list[Line]]:
    """The captured messages, those of one gauge together."""
    key = {id(line): (line.time, line.elements["tags@47450"]["n"]) for line in CAPTURED}
    return [list(group) for _, group in itertools.groupby(CAPTURED, lambda line: key[id(line)])]


def test_the_capture_has_every_kind() -> None:
    kinds = {next(iter(line.elements)).partition("@")[0] for line in CAPTURED}
    assert kinds == {"tags", "counter", "gauge", "timer", "event"}
    assert {line.pri for line in CAPTURED} >= {"14"}
    assert any(len(group) == 5 for group in envelopes())


@pytest.mark.parametrize("lines", envelopes(), ids=lambda lines: lines[0].time)
def test_the_same_as_loggregator(lines: list[Line]) -> None:
    event = envelope(lines)
    first = lines[0]
    source = resource(
        f"{first.app}/0",
        {"host.name": first.host, "cloudfoundry.app.id": first.app, "process.pid": first.proc},
    )
    # Logs have the tags that the operator names; metrics have all of them by themselves.
    named = {name: f"{{attributes.{name}}}" for name in first.elements["tags@47450"]}
    got = sent(
        batch([event], source),
        app_name="{cloudfoundry.app.id}",
        structured_data={"tags@47450": named},
    )
    assert len(got) == len(lines)
    for ours, theirs in zip(got, lines, strict=True):
        assert (ours.pri, ours.nanos, ours.host, ours.app, ours.proc, ours.msg_id) == (
            theirs.pri,
            theirs.nanos,
            theirs.host,
            theirs.app,
            theirs.proc,
            theirs.msg_id,
        )
        # They write line breaks in a value as they are.
        assert ours.data == theirs.data.replace("\n", "#012")
        assert ours.text == theirs.text.removesuffix("\n")


# --- every kind, and what is hard about it ------------------------------------------------


def test_every_kind() -> None:
    tagged = resource(attributes={"host.name": "h"}, tags={"job": "j b", "bad name": "x"})
    got = sent(batch(one_of_each(), tagged))
    tags = '[tags@47450 bad_name="x" job="j b"]'
    assert [line.data for line in got[1:6]] == [
        f'[counter@47450 name="requests" total="17" delta="3"]{tags}',
        f'[gauge@47450 name="memory" value="12.5" unit="bytes"]{tags}',
        f'[gauge@47450 name="cpu" value="0.5" unit=""]{tags}',
        got[4].data,
        f'[event@47450 title="deployed" body="version 3"]{tags}',
    ]
    assert list(got[4].elements["timer@47450"]) == ["name", "start", "stop"]
    assert [line.text for line in got[1:6]] == [""] * 5
    assert all(line.pri == "14" for line in got[:6])
    assert got[0].data == got[6].data == "-"
    assert "12 lines lost" in got[6].text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3e6, "3e+06"),
        (0.1, "0.1"),
        (1234567.5, "1.2345675e+06"),
        (10_485_760.0, "1.048576e+07"),
        (123456.0, "123456"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (0.0, "0"),
        (-20.0, "-20"),
        (1e300, "1e+300"),
        (5e-324, "5e-324"),
        (7, "7"),
        (-1234567.0, "-1.234567e+06"),
        (-1e6, "-1e+06"),
        (999_999.5, "999999.5"),
        (12_345_678_901_234_567.0, "1.2345678901234568e+16"),
        (-1e21, "-1e+21"),
        (float("nan"), "NaN"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
    ],
)
def test_numbers_are_exact_and_as_go_writes_them(value: float, text: str) -> None:
    assert number(value) == text
    line = one(Gauge(TIME, {"a": GaugeValue(value)}))
    assert line.elements["gauge@47450"]["value"] == text
    assert value != value or float(text) == value


def test_a_counter_beyond_64_bits_signed_and_one_without_a_total() -> None:
    big = one(Counter(TIME, "c", 2**64 - 1, 2**64 - 1)).elements["counter@47450"]
    assert big == {"name": "c", "total": "18446744073709551615", "delta": "18446744073709551615"}
    unknown = one(Counter(TIME, "c", 3)).elements["counter@47450"]
    assert unknown == {"name": "c", "delta": "3"}
    zero = one(Counter(TIME, "c", 3, 0)).elements["counter@47450"]
    assert zero == {"name": "c", "total": "0", "delta": "3"}


def test_a_gauge_without_values_is_not_silently_gone() -> None:
    assert one(Gauge(TIME, {}), resource(tags={"a": "b"})).data == (
        '[gauge@47450 name=""][tags@47450 a="b"]'
    )


def test_attributes_are_tags_and_win_over_the_operators() -> None:
    attributes = {"b": "2", "a": True, "c": 1.5}
    line = one(Counter(TIME, "n", attributes=attributes), resource(tags={"b": "x", "z": "9"}))
    assert line.elements["tags@47450"] == {"a": "true", "b": "2", "c": "1.5", "z": "9"}


def test_tags_with_one_lawful_name_stay_apart() -> None:
    attributes = {"a b": "1", "a=b": "2", "a_b": "3", "": "4", "x" * 40: "5", "x" * 41: "6"}
    tags = one(Counter(TIME, "n", attributes=attributes)).elements["tags@47450"]
    assert sorted(tags.values()) == ["1", "2", "3", "4", "5", "6"]
    signs = {"%": "%s", "%s": "%%", "100%d": "%"}
    assert one(Counter(TIME, "n", attributes=signs)).elements["tags@47450"] == signs


def test_what_the_operator_adds_stands_behind_and_repeats_no_element() -> None:
    data = {"tags@47450": {"own": "x"}, "gauge@47450": {"own": "x"}, "env@1": {"env": "prod"}}
    line = one(Counter(TIME, "n", attributes={"a": "1"}), structured_data=data)
    assert line.data == ('[counter@47450 name="n" delta="0"][tags@47450 a="1"][env@1 env="prod"]')
    assert one(Log(TIME, "x"), structured_data=data).elements["tags@47450"] == {"own": "x"}


def test_messages_of_one_gauge_have_ids_of_their_own() -> None:
    gauge = Gauge(TIME, {"cpu": GaugeValue(1), "memory": GaugeValue(2)})
    ids = [
        line.elements["penstock@32473"]["event_id"] for line in sent(batch([gauge]), event_id=True)
    ]
    assert len(set(ids)) == 2
    assert [one.rpartition("/")[2] for one in ids] == ["cpu", "memory"]
    (counter,) = sent(batch([Counter(TIME, "n")]), event_id=True)
    assert counter.elements["penstock@32473"]["event_id"].endswith(f":{TIME}:0")


HOSTILE = ['"] x', "\\", "a\nb", "\0", "]", "é" * 700, "x" * 9000, "\ud800", "\x1b[31m", "", " "]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_names_and_values_forge_nothing(text: str) -> None:
    attributes = {text: text, "job": text}
    events: list[Event] = [
        Counter(TIME, text, 1, 2, attributes=attributes),
        Gauge(TIME, {text: GaugeValue(1.0, text), "b": GaugeValue(2.0, text)}, 0, attributes),
        Timer(TIME, text, 1, 2, attributes=attributes),
        TitledEvent(TIME, text, text, attributes=attributes),
    ]
    got = sent(batch(events, resource(tags={text: text})), event_id=True)
    assert [next(iter(line.elements)) for line in got] == [
        f"{kind}@47450" for kind in ("counter", "gauge", "gauge", "timer", "event")
    ]
    assert got[0].elements["counter@47450"]["total"] == "2"
    assert got[3].elements["timer@47450"]["stop"] == "2"
    assert all(line.text == "" and "penstock@32473" in line.elements for line in got)
    assert not any(set(line.data) & {"\n", "\0"} for line in got)


def test_the_house_input_of_strangers() -> None:
    for given in hostile_batches().values():
        for line in sent(given):
            assert int(line.pri) <= 191


def test_a_long_body_takes_the_room_there_is_and_is_cut_in_the_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fits = "word " * 600
    assert one(TitledEvent(TIME, "t", fits)).elements["event@47450"]["body"] == fits
    assert not caplog.records
    line = one(TitledEvent(TIME, "t", "é" * 5000, attributes={"job": "j"}))
    body = line.elements["event@47450"]["body"]
    assert 1500 < len(body) < 4000
    assert body.startswith("ééé")
    assert body.endswith("...[cut]")
    assert line.elements["tags@47450"] == {"job": "j"}
    assert "metrics cut to max_message_bytes" in caplog.text


def test_more_tags_than_fit_are_left_out_in_the_open(caplog: pytest.LogCaptureFixture) -> None:
    attributes = {f"tag{index:03}": "v" * 200 for index in range(100)}
    line = one(Counter(TIME, "n", 1, 2, attributes=attributes), max_message_bytes=2048)
    assert line.elements["counter@47450"] == {"name": "n", "total": "2", "delta": "1"}
    assert line.elements["tags@47450"]["tag000"].startswith("v" * 150)
    assert 1 < len(line.elements["tags@47450"]) < 100
    assert len(line.data) < 2048
    assert "metrics cut to max_message_bytes" in caplog.text


def test_newline_framing_holds_them_too() -> None:
    event = TitledEvent(TIME, "a\nb", "c\nd", attributes={"forwarded": "1\n2"})
    data = sink(framing="newline")._framer.lines([batch([event, "x\ny"])])
    assert data.count(b"\n") == 2


def test_maps_of_equal_address_are_not_mixed_up() -> None:
    """A map that is gone may leave its address to another."""
    own, of = sink(proc_id="{attributes.index}"), resource()

    def line(event: Event) -> Line:
        (message,) = octet_counted(own._framer.octets([batch([event], of)]))
        return parsed(message)

    for index in range(300):
        assert line(Log(TIME, "n", attributes={"index": str(index)})).proc == str(index)
    for index in range(300):
        got = line(Counter(TIME, "n", attributes={"index": str(index)}))
        assert (got.elements["tags@47450"], got.proc) == ({"index": str(index)}, str(index))


def test_what_is_remembered_by_attributes_is_each_events_own() -> None:
    shared = {"job": "router", "source_type": "RTR"}
    maps = [shared, {}, {"job": "diego", "source_type": "APP"}, dict(shared), shared]
    events: list[Event] = [Log(TIME, f"{n}", attributes=one) for n, one in enumerate(maps)]
    events += [Counter(TIME, f"{n}", attributes=one) for n, one in enumerate(maps)]
    settings = {
        "proc_id": "[{attributes.source_type}]",
        "structured_data": {"own@1": {"job": "{attributes.job}"}},
    }
    got = sent(batch(events, resource()), **settings)
    kinds = ["[RTR]", "-", "[APP]", "[RTR]", "[RTR]"]
    assert [line.proc for line in got] == kinds * 2
    assert [line.elements.get("own@1", {}).get("job") for line in got] == [
        one.get("job") for one in maps
    ] * 2
    assert [line.text for line in got[:5]] == list("01234")
    # What needs more than the attributes is not remembered by them.
    streams = [Log(TIME, "x", stream, attributes=shared) for stream in ("stdout", "stderr")]
    got = sent(batch(streams, resource()), **settings, msg_id="{stream}")
    assert [line.msg_id for line in got] == ["stdout", "stderr"]
    got = sent(batch(streams, resource()), **settings, event_id=True)
    assert len({line.elements["penstock@32473"]["event_id"] for line in got}) == 2


def test_what_is_remembered_is_bounded_and_goes_with_its_resource() -> None:
    import gc
    import weakref

    own = sink(proc_id="{attributes.n}")
    mortal = resource("cf/mortal")
    events: list[Event] = [Log(TIME, "x", attributes={"n": str(n)}) for n in range(1000)]
    events += [Counter(TIME, "x", attributes={"n": str(n)}) for n in range(1000)]
    lines = [parsed(one) for one in octet_counted(own._framer.octets([batch(events, mortal)]))]
    assert [line.proc for line in lines] == [str(n) for n in range(1000)] * 2
    gone = weakref.ref(mortal)
    del mortal
    gc.collect()
    assert gone() is None


def test_batches_of_logs_and_of_metrics_share_a_write(caplog: pytest.LogCaptureFixture) -> None:
    long = Log(TIME, "é" * 9000)
    batches = [
        batch(["a", "b"]),
        batch([Counter(TIME, "c", 1)]),
        batch([long]),
        batch([Log(TIME, "x\x00y"), TitledEvent(TIME, "t", "b\ud800")]),
    ]
    lines = [parsed(one) for one in octet_counted(sink()._framer.octets(batches))]
    assert [line.text for line in lines[:3]] == ["a", "b", ""]
    assert lines[3].text.endswith("...[cut]")
    assert [line.text for line in lines[4:]] == ["x#000y", ""]
    assert [record.messages for record in caplog.records] == [1]  # type: ignore[attr-defined]

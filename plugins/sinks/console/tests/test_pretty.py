"""How events look to people."""

from __future__ import annotations

import re
import time

import pytest

from penstock.api import Batch, Counter, Event, Gap, Gauge, GaugeValue, Log, Resource
from penstock.testing import batch, log, resource
from penstock_sink_console.describe import describe
from penstock_sink_console.pretty import PALETTE, Pretty


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def _named(name: str) -> Resource:
    return resource(f"docker:{name}", {"container.name": name, "service.name": "never shown"})


def _plain(*batches: Batch) -> list[str]:
    """Format batches without colours and cut off the time."""
    pretty = Pretty(colour=False)
    lines = b"".join(map(pretty, batches)).decode().splitlines()
    return [re.sub(r"^(\S+ )?\d\d:\d\d:\d\d\.\d{3} ", "", line) for line in lines]


def test_a_line_has_time_container_and_text() -> None:
    now = time.time_ns() // 10**9 * 10**9 + 123_456_789
    clock = time.strftime("%H:%M:%S", time.gmtime(now // 10**9))
    line = Pretty(colour=False)(batch([log("hello", time_unix_nano=now)], _named("web-1")))
    assert line.decode() == f"{clock}.123 web-1          | hello\n"


def test_another_day_is_named() -> None:
    line = Pretty(colour=False)(batch([Log(1_000_000_000, "x")], _named("a")))
    assert line.startswith(b"1970-01-01 00:00:01.000 a ")


@pytest.mark.parametrize("nanoseconds", [10**30, -(10**30)])
def test_an_impossible_time_is_no_obstacle(nanoseconds: int) -> None:
    assert b"| x\n" in Pretty(colour=False)(batch([Log(nanoseconds, "x")], _named("a")))


def test_standard_error_is_marked() -> None:
    assert _plain(batch([log("a"), log("b", "stderr")], _named("web"))) == [
        "web            | a",
        "web            ! b",
    ]


def test_the_column_grows_with_the_names() -> None:
    short, long, longest = (_named(name) for name in ("a", "one-longer-name", "x" * 1000))
    shown = _plain(
        batch(["1"], short), batch(["2"], long), batch(["3"], short), batch(["4"], longest)
    )
    assert shown == [
        "a              | 1",
        "one-longer-name | 2",
        "a               | 3",
        "x" * 23 + "~ | 4",
    ]


@pytest.mark.parametrize(
    ("of", "name"),
    [
        (resource("o", {"service.name": "ssh", "host.name": "h"}), "ssh"),
        (resource("o", {"systemd.unit": "ssh.service", "host.name": "h"}), "ssh.service"),
        (resource("o", {"container.name": "", "host.name": "h"}), "h"),
        (resource("journald:x"), "journald:x"),
    ],
)
def test_what_has_no_container_has_another_name(of: Resource, name: str) -> None:
    assert _plain(batch(["a"], of))[0].split(" ")[0] == name


def test_joined_lines_are_shown_below_each_other() -> None:
    line = Pretty(colour=False)(batch(["ERROR\n  at x\n12:00:00.000 web | forged"], _named("web")))
    first, *others = line.decode().splitlines()
    assert first.endswith("web            | ERROR")
    assert others == [
        f"{'':12} web            |   at x",
        f"{'':12} web            | 12:00:00.000 web | forged",
    ]


def test_a_name_cannot_leave_its_column() -> None:
    assert _plain(batch(["a"], _named("w\nx\x1b[2J\t!"))) == ["w\\nx\\x1b[2J !  | a"]


def _colours(line: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"\x1b\[(\d+)m", line) if found != b"0"]


def test_every_container_has_its_colour() -> None:
    pretty = Pretty(colour=True)
    names = ["a", "b", "c", "a"]
    shown = [_colours(pretty(batch(["x"], _named(name))))[1] for name in names]
    assert shown == [PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[0]]


@pytest.mark.parametrize(
    ("event", "colours"),
    [
        (log("a"), []),
        (log("a", "stderr"), [31]),
        (log("a", "stderr", severity=9), []),
        (log("a", severity=13), [33]),
        (log("a", "stderr", severity=17), [31]),
        (Gap(0, "rotated"), [31]),
    ],
)
def test_the_sign_shows_how_bad_it_is(event: Event, colours: list[int]) -> None:
    assert _colours(Pretty(colour=True)(batch([event], _named("a"))))[2:] == colours


def test_colours_of_the_container_itself_are_left_out() -> None:
    assert _plain(batch(["\x1b[1;31mred\x1b[0m \x1b[2Jx"], _named("a"))) == [
        "a              | red \\x1b[2Jx"
    ]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Counter(0, "requests", 3, 17), "counter requests +3 = 17"),
        (Counter(0, "requests", 3), "counter requests +3"),
        (Gauge(0, {"a": GaugeValue(1.5, "ms"), "b": GaugeValue(2)}), "gauge a=1.5 ms, b=2"),
        (Gauge(0, {"memory": GaugeValue(10_485_760.0, "bytes")}), "gauge memory=10485760 bytes"),
        (Gauge(0, {}), "gauge without values"),
        (Counter(0, "c", 1, 2**64 - 1), "counter c +1 = 18446744073709551615"),
        (Gap(0, "rotated"), "gap: lines lost: rotated"),
        (Gap(0, "rotated", count=1, stream="stderr"), "gap: 1 line of stderr lost: rotated"),
        (
            Gap(0, "rotated", 10**9, 2 * 10**9, 12),
            "gap: 12 lines lost after 1970-01-01T00:00:01.000000000Z "
            "before 1970-01-01T00:00:02.000000000Z: rotated",
        ),
    ],
)
def test_other_kinds_are_described(event: Event, text: str) -> None:
    assert describe(event) == text

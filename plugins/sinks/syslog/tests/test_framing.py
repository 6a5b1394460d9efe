"""From texts to bytes: counts in bytes, nothing that ends a message early, nothing too long."""

from __future__ import annotations

import random

import pytest

from penstock.api import Gap, Log
from penstock.testing import batch, configured, hostile_batches
from penstock_sink_syslog.framing import MARK, Framer
from penstock_sink_syslog.sink import SyslogSink

HEADER = len("<14>1 2023-11-14T22:13:20.000000Z node-7 web - - - ")


def framer(**settings: object) -> Framer:
    return configured(SyslogSink, {"address": "tcp://127.0.0.1:9", **settings})._framer


def text(message: str) -> str:
    return message.split(" ", 7)[7]


def counted(data: bytes) -> list[str]:
    messages = []
    while data:
        length, _, rest = data.partition(b" ")
        assert int(length) <= len(rest)
        messages.append(rest[: int(length)].decode())
        data = rest[int(length) :]
    return messages


def test_octet_counting_counts_bytes() -> None:
    lines = ["ascii", "é", "\U0001f6b0 wide", "", "a\nb", "12 <34>1 - - - - - -"]
    assert [text(m) for m in counted(framer().octets([batch(lines)]))] == lines


def test_octet_counting_escapes_only_nul() -> None:
    lines = ["a\0b", "tab\tesc\x1b", "multi\nline\r\n"]
    got = [text(m) for m in counted(framer().octets([batch(lines), batch(["next"])]))]
    assert got == ["a#000b", "tab\tesc\x1b", "multi\nline\r\n", "next"]


def test_newline_framing_escapes_what_ends_a_line() -> None:
    lines = ["plain", "a\nb", "c\0d", "tab\t", "<34>1 forged"]
    data = framer().lines([batch(lines), batch(["next"])])
    assert [text(m) for m in data.decode().split("\n")[:-1]] == [
        "plain",
        "a#012b",
        "c#000d",
        "tab\t",
        "<34>1 forged",
        "next",
    ]


def test_datagrams_escape_likewise() -> None:
    got = [text(m.decode()) for m in framer().datagrams([batch(["a\nb", "c\0d", "é"])])]
    assert got == ["a#012b", "c#000d", "é"]


@pytest.mark.parametrize("form", ["octets", "lines", "datagrams"])
def test_lone_surrogates_become_replacement_characters(form: str) -> None:
    made = getattr(framer(), form)([batch(["fine", "a\ud83db", "\udcff", "\ud83d\udeb0"])])
    data = b"".join(made) if isinstance(made, list) else made
    for expected in ("fine", "a\ufffdb", "\ufffd", "\U0001f6b0"):
        assert expected.encode() in data
    data.decode()


@pytest.mark.parametrize("limit", [512, 513, 1000])
@pytest.mark.parametrize("letter", ["x", "é", "€", "\U0001f6b0"])
def test_a_message_is_cut_at_the_limit_and_never_in_a_character(limit: int, letter: str) -> None:
    told: list[int] = []
    made = Framer(framer()._layout, limit, told.append)
    given = batch(["short", "-" * 3 + letter * 2000, letter * 5])
    short, long, other = made.datagrams([given])
    assert text(short.decode()) == "short"
    assert text(other.decode()) == letter * 5
    assert limit - len(letter.encode()) < len(long) <= limit
    kept = text(long.decode())
    assert kept.endswith(MARK)
    assert ("---" + letter * 2000).startswith(kept.removesuffix(MARK))
    assert told == [1]


def test_the_limit_counts_the_header_and_is_exact() -> None:
    fits = "x" * (512 - HEADER)
    made = framer(max_message_bytes=512).datagrams([batch([fits, fits + "x"])])
    assert [len(m) for m in made] == [512, 512]
    assert made[0].decode().endswith(fits)
    assert made[1].decode().endswith(MARK)


def test_escapes_count_too() -> None:
    (message,) = framer(max_message_bytes=600).datagrams([batch(["\n" * 590])])
    assert len(message) == 600


def test_cuts_are_said_with_their_number(caplog: pytest.LogCaptureFixture) -> None:
    framer(max_message_bytes=512).octets([batch(["x" * 600, "x" * 600, "short"])])
    (record,) = caplog.records
    assert record.getMessage() == "messages cut to max_message_bytes"
    assert record.messages == 2  # type: ignore[attr-defined]


def test_the_longest_header_fits_into_the_smallest_message() -> None:
    from penstock.testing import resource

    long = resource(attributes={"host.name": "h" * 999, "service.name": "a" * 999})
    made = framer(proc_id="p" * 999, msg_id="m" * 99, facility="local7", max_message_bytes=512)
    (message,) = made.datagrams([batch(["text " * 99], long)])
    assert len(message) == 512
    assert message.endswith(b" - " + MARK.encode())


def test_random_text_survives_octet_counting() -> None:
    seeded = random.Random(7)
    letters = 'ab \t\n<>[]"\\é€\U0001f6b0\x1b\r'
    lines = ["".join(seeded.choices(letters, k=seeded.randrange(60))) for _ in range(500)]
    assert [text(m) for m in counted(framer().octets([batch(lines)]))] == lines


def test_hostile_batches_together_are_one_message_each() -> None:
    given = list(hostile_batches().values())
    assert len(counted(framer().octets(given))) == len(given)
    assert framer().lines(given).count(b"\n") == len(given)


def test_counting_in_one_go_says_the_same_as_message_by_message() -> None:
    second = 1_700_000_000_000_000_000
    events = [
        Log(second + 999_999_999, "end of a second"),
        Log(second + 1_000_000_000, "é € \U0001f6b0"),
        Log(second + 1_000_001_000, "", stream="stderr"),
        Log(second, "back in time", severity_number=21),
        Log(-1, "before 1970", severity_number=99),
        Log(1 << 70, "after 9999", severity_number=1),
        Log(second, "as long as it may be".ljust(900, "x")),
    ]
    plain = framer(max_message_bytes=1024)
    # A template of its own has the longer way.
    told = framer(max_message_bytes=1024, message="{message|message}")
    for some in (events, [*events, Log(second, "x" * 2000)], [*events, Gap(second, "rotated")]):
        assert plain.octets([batch(some)]) == told.octets([batch(some)])
    assert plain.octets([]) == b""

"""Penstock's own log: one record a line, whatever strangers put into it."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from penstock.log import HumanFormatter, JsonFormatter, Quiet, setup_logging


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def root() -> Iterator[None]:
    """Put the loggers back as they were."""
    loggers = (logging.getLogger(), logging.getLogger("penstock"))
    before = [(one.handlers[:], one.level) for one in loggers]
    yield
    for one, (handlers, level) in zip(loggers, before, strict=True):
        one.handlers[:], one.level = handlers, level


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    log = logging.getLogger("penstock.sinks.central")
    return log.makeRecord(log.name, logging.WARNING, "", 0, message, args, None, extra=extra)


def test_json_is_one_object_a_line() -> None:
    line = JsonFormatter().format(record("write failed: %s", "a\nb", retry_in_s=0.5, of={1}))
    assert "\n" not in line
    parsed = json.loads(line)
    assert parsed.pop("timestamp")[-1] == "Z"
    assert parsed == {
        "severity": "warn",
        "logger": "penstock.sinks.central",
        "message": "write failed: a\nb",
        "retry_in_s": 0.5,
        "of": "{1}",
    }


def test_json_survives_what_is_no_unicode() -> None:
    line = JsonFormatter().format(record("from %s", "web\udc00", container="\ud83d"))
    assert line.isascii()
    assert json.loads(line)["container"] == "\ud83d"


def test_fields_cannot_pass_for_the_records_own() -> None:
    line = JsonFormatter().format(record("honest", severity="debug", logger="x", timestamp="y"))
    parsed = json.loads(line)
    assert (parsed["severity"], parsed["logger"]) == ("warn", "penstock.sinks.central")
    assert parsed["timestamp"] != "y"


def test_human_shows_component_and_fields() -> None:
    line = HumanFormatter().format(record("write failed", attempt=3))
    assert line.endswith(" warn  sinks.central: write failed attempt=3")


def test_human_lets_nothing_be_forged() -> None:
    hostile = "web\n00:00:00 error penstock: forged\x1b[2J\x9b31m\r\ud83d"
    line = HumanFormatter().format(record("from %s", hostile, name_=hostile))
    assert all(part.startswith("  ") for part in line.split("\n")[1:])
    assert not {"\x1b", "\x9b", "\r", "\ud83d"} & set(line)


@pytest.mark.parametrize("formatter", [JsonFormatter(), HumanFormatter()])
def test_exceptions_are_shown(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("the cause")
    except ValueError:
        one = record("failed")
        one.exc_info = sys.exc_info()
    assert "ValueError: the cause" in formatter.format(one)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("format_", "stream", "is_json"),
    [
        ("auto", io.StringIO(), True),
        ("auto", Terminal(), False),
        ("human", io.StringIO(), False),
        ("json", Terminal(), True),
    ],
)
def test_format_fits_standard_error(
    format_: str, stream: io.StringIO, is_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    setup_logging(format_)
    logging.getLogger("penstock.x").info("hello")
    assert stream.getvalue().startswith("{") is is_json
    assert "hello" in stream.getvalue()


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warn", "error", "fatal"]),
        ("warn", ["warn", "error", "fatal"]),
        ("fatal", ["fatal"]),
    ],
)
def test_levels_are_severities(
    level: str, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    setup_logging("json", level)
    log = logging.getLogger("penstock.x")
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(number, "hello")
    assert [json.loads(line)["severity"] for line in stream.getvalue().splitlines()] == shown


@pytest.mark.usefixtures("root")
def test_other_libraries_only_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    setup_logging("json", "debug")
    logging.getLogger("other").info("chatter")
    assert stream.getvalue() == ""


def test_quiet_lets_the_first_of_each_through() -> None:
    quiet = Quiet(interval=3600)
    assert [quiet.allows(key) for key in "aabab"] == [True, False, True, False, False]


def test_quiet_lets_one_through_each_interval() -> None:
    quiet = Quiet(interval=0)
    assert [quiet.allows("a") for _ in range(3)] == [True] * 3

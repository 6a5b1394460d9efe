"""Penstock's own log: standard error, human-readable on a terminal and JSON lines otherwise."""

from __future__ import annotations

import json
import logging
import sys
import time

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS = {
    "DEBUG": "debug",
    "INFO": "info",
    "WARNING": "warn",
    "ERROR": "error",
    "CRITICAL": "fatal",
}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: timestamp, severity, logger, message, then the ``extra`` fields."""

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        own: dict[str, object] = {
            "timestamp": f"{seconds}.{int(record.msecs):03d}Z",
            "severity": _LEVELS.get(record.levelname, record.levelname.lower()),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            own["exception"] = self.formatException(record.exc_info)
        # The standard library's, as it writes lone surrogates too: names come from strangers.
        return json.dumps(own | _fields(record) | own, default=str)


class HumanFormatter(logging.Formatter):
    """Time, severity, component and message, then ``key=value`` for the ``extra`` fields."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        level = _LEVELS.get(record.levelname, record.levelname.lower())
        extra = "".join(f" {key}={value}" for key, value in _fields(record).items())
        name = record.name.removeprefix("penstock.")
        text = f"{clock} {level:5} {name}: {record.getMessage()}{extra}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return _harmless(text)


def _harmless(text: str) -> str:
    """Escape what a terminal would act on, and indent further lines: none passes for a record."""
    return "\n  ".join("".join(map(_printable, line)) for line in text.split("\n"))


def _printable(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]


def setup_logging(format: str = "auto", level: str = "info") -> None:  # noqa: A002
    """Send the log of Penstock and its plugins to standard error.

    ``format`` is ``auto``, ``human`` or ``json``; ``level`` a severity name.
    """
    human = format == "human" or (format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(HumanFormatter() if human else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    names = {"warn": "WARNING", "fatal": "CRITICAL"}
    logging.getLogger("penstock").setLevel(names.get(level, level.upper()))


class Quiet:
    """Lets the first of many equal messages through, then one each ``interval`` seconds."""

    def __init__(self, interval: float = 30.0) -> None:
        self._interval = interval
        self._next: dict[str, float] = {}

    def allows(self, key: str) -> bool:
        """Say whether a message of this key may be logged now."""
        now = time.monotonic()
        if now < self._next.get(key, 0.0):
            return False
        if len(self._next) > 1000:
            self._next.clear()
        self._next[key] = now + self._interval
        return True

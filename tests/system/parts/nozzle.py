"""Penstock as a nozzle: its configuration, and what its books say while it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.loggregator.conversion import Line
from tests.system.parts.message import Message
from tests.system.parts.runner import Runner
from tests.system.parts.waiting import eventually

_ELEMENT = re.compile(r'\[([^ \]]+)((?: [^ =]+="(?:\\.|[^"\\])*")*)\]', re.DOTALL)
_PARAM = re.compile(r' ([^ =]+)="((?:\\.|[^"\\])*)"', re.DOTALL)
_LAST_SD = re.compile(r"^<(\d+)>1 \S+ \S+ (\S+) \S+ \S+ ", re.DOTALL)
Params = tuple[tuple[str, str], ...]


def to_syslog(
    url: str, address: str, *, source: str = "", sink: str = "", core: str = "", more: str = ""
) -> str:
    """From a Traffic Controller or gateway to a syslog server, metrics included.

    ``source``, ``sink`` and ``core`` are further lines of their tables, ``more`` further tables.
    """
    return f"""
[penstock]
drain_timeout_s = 5
{core}
[sources.cf]
type = "firehose"
url = "{url}"
subscription_id = "nozzle"
{source}
[sinks.central]
type = "syslog"
address = "{address}"
metrics = "structured_data"
retry = {{ max_backoff_ms = 200 }}
{sink}
{more}
[pipelines.main]
sources = ["cf"]
sinks = ["central"]
"""


class Accounts:
    """What ``penstock status --json`` says of the Penstock of a state folder."""

    def __init__(self, runner: Runner, folder: Path) -> None:
        self._runner = runner
        self.folder = folder

    def status(self) -> dict[str, Any]:
        """All of it, now."""
        done = self._runner.command("status", "--json", "--state-dir", self.folder)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def taken_in(self) -> dict[str, int]:
        """How many events of each kind the source's intake has read."""
        return {row["origin"]: row["read"] for row in self.rows("sources.cf")}

    def dropped(self) -> dict[str, int]:
        """How many events of each kind the source's intake has dropped."""
        rows = self.rows("sources.cf")
        return {row["origin"]: _sum([row], "dropped") for row in rows if _sum([row], "dropped")}

    def delivered(self, sink: str = "sinks.central") -> int:
        """How many events a sink has delivered."""
        return _sum(self.rows(sink), "delivered")

    def gaps(self) -> int:
        """How many gaps the source has named."""
        (source,) = (one for one in self.status()["sources"] if one["table"] == "sources.cf")
        return int(source["gaps"])

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table; each has to add up."""
        rows = [row for row in self.status()["ledger"] if row["table"] == table]
        assert [row for row in rows if row["residue"]] == []
        return rows

    def wait_for_delivered(self, count: int, sink: str = "sinks.central") -> None:
        """Wait until a sink has delivered so many events."""
        eventually(lambda: self.delivered(sink) >= count, f"{count} delivered", interval=0.3)

    def letters(self) -> list[dict[str, Any]]:
        """What ``penstock dlq list`` says."""
        done = self._runner.command("dlq", "list", "--json", "--state-dir", self.folder)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


def _sum(rows: Iterable[Mapping[str, Any]], outcome: str) -> int:
    ended = (one for row in rows for one in row["outcomes"])
    return sum(one["events"] for one in ended if one["outcome"] == outcome)


def line_of(message: Message) -> Line:
    """Return what a message says, in the form that is expected of it."""
    head = _LAST_SD.match(message.raw)
    assert head, message.raw
    rest = message.raw[head.end() :]
    elements = {name: _params(params) for name, params in _elements(rest)}
    tags = elements.pop("tags@47450", ())
    own = [(name, params) for name, params in elements.items() if name.endswith("@47450")]
    severity = int(head[1]) & 7
    if not own:
        return Line(severity, head[2], "", text=message.message.removeprefix(" "))
    ((name, params),) = own
    return Line(severity, head[2], name, params, tags)


def _elements(text: str) -> Iterable[tuple[str, str]]:
    at = 0
    while found := _ELEMENT.match(text, at):
        yield found[1], found[2]
        at = found.end()


def _params(text: str) -> Params:
    return tuple((one[1], _value(one[2])) for one in _PARAM.finditer(text))


def _value(text: str) -> str:
    """Return a parameter's value; a line's end in it is written as syslog servers show it."""
    return re.sub(r"\\(.)", r"\1", text).replace("#012", "\n")

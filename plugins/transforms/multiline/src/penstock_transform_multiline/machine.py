"""What a preset is made of: states, and the rules by which a line leads from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from penstock.api import Pattern

Test = Callable[[str], bool]

LOOK = 4096
"""How many characters of a line the presets look at."""


class Rule(NamedTuple):
    """A line that ``hits`` belongs to the trace, and ``to`` is the state behind it.

    Not ``sure``: it does only if a later line is sure. ``note``: it may be the text of an exception
    that was named already, and is sure if the lines around the trace do not look like that.
    """

    hits: Test
    to: str
    sure: bool = True
    note: bool = False


class State(NamedTuple):
    """Lines that begin like one of ``stay`` belong to the trace and change nothing.

    ``first``: the characters with which a line begins that a rule may hit; empty for any.
    """

    rules: tuple[Rule, ...] = ()
    stay: tuple[str, ...] = ()
    first: str = ""

    def rule(self, line: str) -> Rule | None:
        """Return the first rule that hits a line."""
        if line[:1] in self.first or not self.first:
            for rule in self.rules:
                if rule.hits(line):
                    return rule
        return None


class Machine(NamedTuple):
    """A preset. Every line that a rule of ``starts`` hits has one of the ``literals`` in it."""

    name: str
    literals: tuple[str, ...]
    starts: tuple[Rule, ...]
    states: Mapping[str, State]


def seen(regex: str, *needed: str) -> Test:
    """Return a test for a regular expression (RE2: linear, as lines come from strangers).

    A line that it hits has one of the texts that are ``needed``: to look for them costs less.
    """
    hits = Pattern(f"re:{regex}").hits
    if not needed:
        return hits

    def test(line: str) -> bool:
        # A loop: any() makes a generator for each line.
        for text in needed:
            if text in line:
                return hits(line)
        return False

    return test


def begins(*prefixes: str) -> Test:
    """Return a test for how a line begins."""
    return lambda line: line.startswith(prefixes)


def blank(line: str) -> bool:
    """Whether there is nothing to see."""
    return not line.strip()


_RECORD = seen(
    r"^(?:<\d{1,3}>)?[\[(\"'{]{0,2}(?:"
    r"\d{4}[-/.]\d\d?[-/.]\d\d?|\d{1,2}[-/.](?:\d\d|[A-Z][a-z]{2})[-/.]\d\d|\d\d:\d\d:\d\d"
    r"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d,? "
    r"|\d{10}(?:\d{3})?\b|[IWEF]\d{4} \d\d:"
    r"|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b"
    r"|(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRIT|CRITICAL|FATAL|SEVERE|PANIC)\b"
    r"|(?i:trace|debug|dbug|info|notice|warn|warning|error|fail|critical|fatal)[\]|)]"
    r"|(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /"
    r"|(?:info|warn|dbug|trce): )"
    r"|^(?:[DIWEFA], \[|\{\"|(?:ts|time|timestamp|level|severity|msg|message)=)"
)
"""How the record of a logger begins: a time, a level, an address, JSON, ``key=value``."""

_HEADER = seen(
    r"Traceback \(most recent call last\):$|^goroutine \d+ |^panic: |^fatal error: "
    r"|panicked at |^Exception in thread |^Unhandled exception|^(?:PHP )?(?:Fatal error: )"
    r"|^(?:Uncaught )?(?:[A-Za-z_$][\w$]*\.)*[A-Z][\w$]*(?:Error|Exception)(?:: |:?$)"
    r"|^\S+:\d+:in [`']"
)
"""How a trace begins, in whatever language."""


def is_plain(line: str) -> bool:
    """Whether a line is text and looks like neither a logger's record nor a trace's beginning."""
    return not (blank(line) or _RECORD(line) or _HEADER(line))

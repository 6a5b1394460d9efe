"""What events that are no log lines say: gaps in words, metrics as Loggregator's elements."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.api import (
    Counter,
    Event,
    Gap,
    Gauge,
    Resource,
    Timer,
    TitledEvent,
    Value,
    rfc3339,
)
from penstock_sink_syslog.header import param_name
from penstock_sink_syslog.structured import element

METRICS: frozenset[type[Event]] = frozenset({Counter, Gauge, Timer, TitledEvent})
"""The kinds that have a structured-data form."""


def gap_text(gap: Gap) -> str:
    """Say in one line what is missing."""
    count = "lines" if gap.count is None else f"{gap.count} line{'s' if gap.count != 1 else ''}"
    where = f" of {gap.stream}" if gap.stream else ""
    return f"penstock: {count}{where} lost{_when(gap)}: {gap.reason}"


def _when(gap: Gap) -> str:
    since = f" after {rfc3339(gap.from_unix_nano)}" if gap.from_unix_nano else ""
    until = f" before {rfc3339(gap.to_unix_nano)}" if gap.to_unix_nano else ""
    return " and".join(part for part in (since, until) if part)


def metric_elements(resource: Resource, event: Event) -> list[list[str]]:
    """Return the elements of each message that a metric becomes: its own, and its tags."""
    tags = _tags(resource, event)
    return [[one, *tags] for one in _metric(event)]


def _metric(event: Event) -> Sequence[str]:
    if isinstance(event, Counter):
        total = [] if event.total is None else [("total", str(event.total))]
        params = [("name", event.name), *total, ("delta", str(event.delta))]
        return [element("counter@47450", params)]
    if isinstance(event, Gauge):
        return [
            element(
                "gauge@47450",
                [("name", name), ("value", _number(one.value)), ("unit", one.unit)],
            )
            for name, one in event.values.items()
        ]
    if isinstance(event, Timer):
        times = [("start", str(event.start)), ("stop", str(event.stop))]
        return [element("timer@47450", [("name", event.name), *times])]
    if isinstance(event, TitledEvent):
        return [element("event@47450", [("title", event.title), ("body", event.body)])]
    return []


def _tags(resource: Resource, event: Event) -> list[str]:
    texts = dict(resource.tags)
    texts |= {name: _text(value) for name, value in event.attributes.items()}
    tags: dict[str, str] = {}
    for name in sorted(texts):
        tags.setdefault(param_name(name), texts[name])
    tags.pop("", None)
    return [element("tags@47450", tags.items())] if tags else []


def _number(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Builders of events and batches, and the input that strangers send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from types import MappingProxyType

from penstock.api.event import (
    EMPTY,
    Batch,
    Counter,
    Event,
    Gap,
    Gauge,
    GaugeValue,
    Log,
    Resource,
    Timer,
    TitledEvent,
    Value,
    heap_size,
)

START_UNIX_NANO = 1_700_000_000_000_000_000
"""The time of the first event that is built; each further one is a millisecond later."""

_ticks = count()

WEB = Resource(
    "docker:" + "3f2a" * 16,
    MappingProxyType(
        {
            "container.id": "3f2a" * 16,
            "container.name": "web-1",
            "container.image.name": "ghcr.io/example/nginx",
            "container.image.tag": "1.25",
            "container.label.com.example.team": "core",
            "host.name": "node-7",
            "service.name": "web",
        }
    ),
)
"""A container such as the docker source describes it."""


def tick() -> int:
    """Return the next time, in Unix nanoseconds: always later than the last."""
    return START_UNIX_NANO + next(_ticks) * 1_000_000


def resource(
    origin: str = WEB.origin,
    attributes: Mapping[str, Value] = EMPTY,
    tags: Mapping[str, str] = EMPTY,
) -> Resource:
    """Make a resource."""
    return Resource(origin, MappingProxyType(dict(attributes)), MappingProxyType(dict(tags)))


def log(
    body: str,
    stream: str = "stdout",
    *,
    severity: int = 0,
    time_unix_nano: int | None = None,
    attributes: Mapping[str, Value] = EMPTY,
) -> Log:
    """Make a log; without a time it is later than all that were made before."""
    time = tick() if time_unix_nano is None else time_unix_nano
    return Log(time, body, stream=stream, severity_number=severity, attributes=attributes)


def batch(events: Iterable[Event | str], of: Resource = WEB) -> Batch:
    """Make a batch of events; a string stands for a log on stdout. It has no receipts."""
    made = tuple(log(event) if isinstance(event, str) else event for event in events)
    return Batch(of, made, heap_size(made))


def lines(batches: Iterable[Batch]) -> list[str]:
    """Return the text of all logs of some batches."""
    return [event.body for batch in batches for event in batch.events if type(event) is Log]


def one_of_each() -> tuple[Event, ...]:
    """Make one event of every kind."""
    now = tick()
    return (
        log("a line"),
        Counter(now, "requests", delta=3, total=17),
        Gauge(now, {"memory": GaugeValue(12.5, "bytes"), "cpu": GaugeValue(0.5)}),
        Timer(now, "GET /", now - 1_500_000, now),
        TitledEvent(now, "deployed", "version 3"),
        Gap(now, "log rotated", from_unix_nano=now - 5_000, to_unix_nano=now, count=12),
    )

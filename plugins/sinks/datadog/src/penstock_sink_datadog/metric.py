"""Counters, gauges and timers as points of series.

Of points of one series in one second Datadog keeps the last. So deltas of one second are added
up, and one that comes later is added to the next second.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from msgspec import Struct

from penstock.api import Counter, Event, Gauge, Resource, Timer
from penstock.http import Section, encoded
from penstock_sink_datadog.limits import (
    MAX_NAME_CHARS,
    MAX_POINT_AGE_S,
    MAX_POINT_LEAD_S,
    POINTS_A_PIECE,
)
from penstock_sink_datadog.origin import Origin, pair, tag
from penstock_sink_datadog.settings import DatadogSettings

COUNT, GAUGE = 1, 3
INTERVAL_S = 10
"""What a count is told to stand for: the interval of Datadog's own agent."""
MAX_REMEMBERED = 50_000
"""Series whose last second is remembered; the one that was quiet longest goes first."""

UNITS: Mapping[str, str] = {
    "bytes": "byte",
    "byte": "byte",
    "B": "byte",
    "ns": "nanosecond",
    "nanoseconds": "nanosecond",
    "us": "microsecond",
    "ms": "millisecond",
    "milliseconds": "millisecond",
    "s": "second",
    "seconds": "second",
    "percentage": "percent",
    "percent": "percent",
    "%": "percent",
    "requests": "request",
    "req": "request",
}
"""Units by the names that metrics come with; Datadog takes none that it does not know."""

CROWDED = "more writes than seconds for ten minutes: Datadog takes one point of a series a second"

_NO_NAME = re.compile(r"[^A-Za-z0-9_.]+")
_SECOND = 1_000_000_000

Key = tuple[str, str, tuple[str, ...]]
"""A series: name, host and tags."""


class Points(Struct):
    """The points of one series, and the events that each is made of."""

    values: dict[int, list[float]]
    owners: dict[int, list[Event]]


class Encoded(Struct):
    """The pieces for the two intakes, and the events that no intake takes."""

    series: Section
    distributions: Section
    refused: dict[Event, str]


class Metrics:
    """Encodes metrics into series."""

    def __init__(self, config: DatadogSettings) -> None:
        self._prefix = config.metric_prefix.render
        self._totals = config.counters == "total"
        self._is_tag = lru_cache(1024)(config.metric_tags.matches)
        self._last: OrderedDict[Key, int] = OrderedDict()

    def encode(
        self, found: Iterable[tuple[Resource, Origin, Event]], now_unix_nano: int
    ) -> Encoded:
        made = Encoded(Section([], []), Section([], []), {})
        counts: dict[Key, Points] = {}
        timers: dict[Key, Points] = {}
        for resource, origin, event in found:
            prefix = self._prefix(resource, event) or ""
            if why := _unfit(event, now_unix_nano // _SECOND):
                made.refused[event] = why
            elif isinstance(event, Gauge):
                made.series.owners.append(event)
                made.series.pieces.append(self._gauge(prefix, origin, event))
            elif isinstance(event, Timer):
                milliseconds = (event.stop - event.start) / 1_000_000
                _add(timers, self._key(prefix + event.name, origin, event), event, milliseconds)
            elif isinstance(event, Counter):
                key = self._key(prefix + event.name, origin, event)
                self._count(made.series, counts, key, event)
        latest = now_unix_nano // _SECOND + MAX_POINT_LEAD_S
        for key, points in counts.items():
            if self._next(key, points) > latest:
                made.refused |= dict.fromkeys(_owners(points, points.values), CROWDED)
            else:
                _extend(made.series, self._counted(key, points))
        for key, points in timers.items():
            _extend(made.distributions, _distributed(key, points))
        return made

    def _gauge(self, prefix: str, origin: Origin, event: Gauge) -> bytes:
        second = event.time_unix_nano // _SECOND
        tags = self._tags(origin, event)
        series = (
            _series(
                (_name(prefix + name), origin.hostname, tags),
                GAUGE,
                [(second, one.value)],
                unit=UNITS.get(one.unit, ""),
            )
            for name, one in event.values.items()
        )
        return b",".join(map(encoded, series))

    def _key(self, name: str, origin: Origin, event: Event) -> Key:
        return _name(name), origin.hostname, self._tags(origin, event)

    def _tags(self, origin: Origin, event: Event) -> tuple[str, ...]:
        if not event.attributes:
            return origin.tags
        own = [tag(pair(key, one)) for key, one in event.attributes.items() if self._is_tag(key)]
        return tuple(dict.fromkeys((*origin.tags, *filter(None, own))))

    def _count(self, section: Section, counts: dict[Key, Points], key: Key, event: Counter) -> None:
        if self._totals and event.total is not None:
            second = event.time_unix_nano // _SECOND
            section.owners.append(event)
            section.pieces.append(encoded(_series(key, GAUGE, [(second, event.total)])))
        else:
            _add(counts, key, event, event.delta)

    def _counted(self, key: Key, points: Points) -> Iterator[tuple[tuple[Event, ...], bytes]]:
        """Yield a point for each second, and what comes late with the first of them.

        A second of its own for what comes late would run ahead of the clock: a write often begins
        in the second that the one before it ended in.
        """
        first = self._next(key, points)
        seconds: dict[int, list[int]] = {}
        for second in sorted(points.values):
            seconds.setdefault(max(second, first), []).append(second)
        self._last[key] = max(seconds)
        self._last.move_to_end(key)
        if len(self._last) > MAX_REMEMBERED:
            self._last.popitem(last=False)
        taken = list(seconds.items())
        for start in range(0, len(taken), POINTS_A_PIECE):
            part = taken[start : start + POINTS_A_PIECE]
            ready = [(at, math.fsum(chain(*(points.values[one] for one in of)))) for at, of in part]
            owners = _owners(points, chain.from_iterable(of for _, of in part))
            yield owners, encoded(_series(key, COUNT, ready, interval=INTERVAL_S))

    def _next(self, key: Key, points: Points) -> int:
        """Return the first second of a write that no point of the series had yet."""
        last = self._last.get(key, 0)
        return min((second for second in points.values if second > last), default=last + 1)


def _name(text: str) -> str:
    clean = _NO_NAME.sub("_", text).lstrip("._0123456789")[:MAX_NAME_CHARS]
    return clean or "unnamed"


def _add(series: dict[Key, Points], key: Key, event: Event, value: float) -> None:
    points = series.get(key)
    if points is None:
        points = series[key] = Points({}, {})
    second = event.time_unix_nano // _SECOND
    points.values.setdefault(second, []).append(value)
    points.owners.setdefault(second, []).append(event)


def _extend(section: Section, made: Iterable[tuple[tuple[Event, ...], bytes]]) -> None:
    for owners, piece in made:
        section.owners.append(owners)
        section.pieces.append(piece)


def _owners(points: Points, seconds: Iterable[int]) -> tuple[Event, ...]:
    return tuple(event for second in seconds for event in points.owners[second])


def _distributed(key: Key, points: Points) -> Iterator[tuple[tuple[Event, ...], bytes]]:
    name, host, tags = key
    for second, values in points.values.items():
        events = points.owners[second]
        for start in range(0, len(values), POINTS_A_PIECE):
            part = values[start : start + POINTS_A_PIECE]
            series: dict[str, Any] = {
                "metric": name,
                "type": "distribution",
                "points": [[second, part]],
                "tags": tags,
            }
            if host:
                series["host"] = host
            yield tuple(events[start : start + POINTS_A_PIECE]), encoded(series)


def _series(
    key: Key, kind: int, points: Sequence[tuple[int, float]], *, interval: int = 0, unit: str = ""
) -> dict[str, Any]:
    name, host, tags = key
    series: dict[str, Any] = {
        "metric": name,
        "type": kind,
        "points": [{"timestamp": second, "value": value} for second, value in points],
        "tags": tags,
    }
    if host:
        series["resources"] = [{"type": "host", "name": host}]
    if interval:
        series["interval"] = interval
    if unit:
        series["unit"] = unit
    return series


def _unfit(event: Event, now: int) -> str:
    """Say why Datadog would discard a metric unseen, empty if it would not."""
    age = now - event.time_unix_nano // _SECOND
    if age > MAX_POINT_AGE_S:
        return "older than an hour: Datadog takes no such points"
    if age < -MAX_POINT_LEAD_S:
        return "more than ten minutes ahead: Datadog takes no such points"
    if isinstance(event, Gauge):
        if not event.values:
            return "a gauge without values"
        if not all(math.isfinite(one.value) for one in event.values.values()):
            return "a value that is no finite number"
    return ""

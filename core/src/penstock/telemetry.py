"""The table of Penstock's own metrics, and the registry that holds their values."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct


class Metric(Struct, frozen=True):
    """One metric of the table; ``labels`` come in the order in which values are given."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


EVENTS_RECEIVED = Metric(
    "penstock_events_received_total",
    "counter",
    "Events that a source handed to the bus.",
    ("component", "type"),
)
EVENTS_SETTLED = Metric(
    "penstock_events_settled_total",
    "counter",
    "Events that came to an end at a sink, by outcome; adds up to the ledger.",
    ("component", "type", "outcome", "reason"),
)
DUPLICATES = Metric(
    "penstock_duplicates_total",
    "counter",
    "Events that a source read again and recognised; no part of those received.",
    ("component", "type"),
)
GAPS = Metric(
    "penstock_gaps_total",
    "counter",
    "Gap events: something existed and cannot be had any more.",
    ("component", "type"),
)
RETRIES = Metric(
    "penstock_retries_total",
    "counter",
    "Writes that failed and will be tried again.",
    ("component", "type", "reason"),
)
BUFFER_BYTES = Metric(
    "penstock_buffer_bytes",
    "gauge",
    "Heap or disk bytes that wait for a sink, what is being written included.",
    ("component", "type", "store"),
)
SOURCE_LAG = Metric(
    "penstock_source_lag_seconds",
    "gauge",
    "Age of the newest event that a source has handed over, when it did.",
    ("component", "type"),
)
WRITE_DURATION = Metric(
    "penstock_write_duration_seconds",
    "histogram",
    "Time from the start of a write until it returned or failed.",
    ("component", "type"),
)
BUFFER_EVENTS = Metric(
    "penstock_buffer_events",
    "gauge",
    "Events that wait for a sink, in memory or on disk.",
    ("component", "type", "store"),
)
TIME_TO_LOSS = Metric(
    "penstock_time_to_loss_seconds",
    "gauge",
    "Least time, of all that a source reads, until unread events are lost at the present rate.",
    ("component", "type"),
)
LETTERS = Metric(
    "penstock_dead_letters",
    "gauge",
    "Dead letters that are kept.",
    ("component", "type"),
)
LETTERS_DISCARDED = Metric(
    "penstock_dead_letters_discarded_total",
    "counter",
    "Dead letters that a cap (size, age) deleted.",
    ("component", "cap"),
)
CIRCUIT_OPEN = Metric(
    "penstock_circuit_open",
    "gauge",
    "1 while no write to a destination may start, 0.5 while one is tried, else 0.",
    ("component", "type"),
)
LOOP_BLOCKED = Metric(
    "penstock_loop_blocked_seconds_total",
    "counter",
    "Time in which nothing else ran, as one component kept the event loop busy for over a second.",
    ("component",),
)
RELOAD_SUCCESSFUL = Metric(
    "penstock_config_last_reload_successful",
    "gauge",
    "1 if the last reload took effect, 0 if the file was bad and the old graph runs on.",
)
BUILD_INFO = Metric("penstock_build_info", "gauge", "Always 1.", ("version",))

METRICS: tuple[Metric, ...] = (
    EVENTS_RECEIVED,
    EVENTS_SETTLED,
    DUPLICATES,
    GAPS,
    RETRIES,
    BUFFER_BYTES,
    BUFFER_EVENTS,
    CIRCUIT_OPEN,
    LETTERS,
    LETTERS_DISCARDED,
    SOURCE_LAG,
    TIME_TO_LOSS,
    WRITE_DURATION,
    LOOP_BLOCKED,
    RELOAD_SUCCESSFUL,
    BUILD_INFO,
)
"""Every metric there is; the reference is made from it."""

DURATION_BOUNDS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histogram's buckets, in seconds."""


class Histogram:
    """Counts of observations per bucket, and their sum."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(DURATION_BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(DURATION_BOUNDS, seconds)] += 1
        self.sum += seconds


class Telemetry:
    """The values of counters and gauges by metric and labels, and the histograms."""

    def __init__(self) -> None:
        self._values: dict[tuple[Metric, tuple[str, ...]], float] = {}
        self._histograms: dict[tuple[Metric, tuple[str, ...]], Histogram] = {}

    def add(self, metric: Metric, labels: tuple[str, ...], amount: float = 1) -> None:
        """Raise a counter."""
        key = (metric, labels)
        self._values[key] = self._values.get(key, 0) + amount

    def set(self, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        """Set a gauge, or a counter that is kept elsewhere."""
        self._values[metric, labels] = value

    def histogram(self, metric: Metric, labels: tuple[str, ...]) -> Histogram:
        """Return the histogram to observe into; keep it, a look-up a write is too dear."""
        return self._histograms.setdefault((metric, labels), Histogram())

    def value(self, metric: Metric, labels: tuple[str, ...]) -> float:
        """Return the present value, 0 if there is none."""
        return self._values.get((metric, labels), 0)

    def values(self) -> Iterator[tuple[Metric, tuple[str, ...], float]]:
        """Yield metric, labels and value of every counter and gauge."""
        for (metric, labels), value in self._values.items():
            yield metric, labels, value

    def histograms(self) -> Iterator[tuple[Metric, tuple[str, ...], Histogram]]:
        """Yield metric, labels and buckets of every histogram."""
        for (metric, labels), histogram in self._histograms.items():
            yield metric, labels, histogram

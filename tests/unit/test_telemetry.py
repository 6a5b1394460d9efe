"""The table of metrics and the registry of their values."""

from __future__ import annotations

import re

import pytest

from penstock.telemetry import (
    BUFFER_BYTES,
    DURATION_BOUNDS,
    METRICS,
    RETRIES,
    WRITE_DURATION,
    Metric,
    Telemetry,
)

LABELS = ("sinks.a", "http", "timeout")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"penstock_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.help.endswith(".")
    assert all(re.fullmatch(r"[a-z_]+", label) for label in metric.labels)


def test_names_are_unique() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))


def test_counters_rise() -> None:
    telemetry = Telemetry()
    assert telemetry.value(RETRIES, LABELS) == 0
    telemetry.add(RETRIES, LABELS)
    telemetry.add(RETRIES, LABELS, 2)
    telemetry.add(RETRIES, ("sinks.b", "http", "timeout"))
    assert telemetry.value(RETRIES, LABELS) == 3


def test_gauges_are_set() -> None:
    telemetry = Telemetry()
    telemetry.set(BUFFER_BYTES, LABELS, 5)
    telemetry.set(BUFFER_BYTES, LABELS, 2)
    assert list(telemetry.values()) == [(BUFFER_BYTES, LABELS, 2)]


def test_histograms_count_by_bucket() -> None:
    telemetry = Telemetry()
    kept = telemetry.histogram(WRITE_DURATION, LABELS)
    for seconds in (0.0005, 0.001, 0.002, 0.1, 1000):
        kept.observe(seconds)
    ((metric, labels, histogram),) = telemetry.histograms()
    assert (metric, labels) == (WRITE_DURATION, LABELS)
    assert telemetry.histogram(WRITE_DURATION, LABELS) is histogram
    assert len(histogram.counts) == len(DURATION_BOUNDS) + 1
    assert histogram.counts[:4] == [2, 1, 0, 1]
    assert histogram.counts[-1] == 1
    assert histogram.sum == pytest.approx(1000.1035)

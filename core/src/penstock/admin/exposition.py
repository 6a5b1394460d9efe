"""Prometheus's text exposition, version 0.0.4."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from penstock.admin.metrics import Sample, by_metric
from penstock.telemetry import DURATION_BOUNDS, METRICS, Histogram, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]

_TEXT = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_VALUE = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


def exposition(
    samples: Iterable[Sample], histograms: Iterable[tuple[Metric, Labels, Histogram]]
) -> str:
    """Return the whole table as text; a metric without values has its head all the same."""
    grouped = by_metric(samples)
    buckets: dict[Metric, list[tuple[Labels, Histogram]]] = {}
    for metric, labels, histogram in histograms:
        buckets.setdefault(metric, []).append((labels, histogram))
    return "\n".join(_lines(grouped, buckets)) + "\n"


def _lines(
    grouped: Mapping[Metric, Sequence[Sample]],
    buckets: Mapping[Metric, Sequence[tuple[Labels, Histogram]]],
) -> Iterator[str]:
    for metric in METRICS:
        yield f"# HELP {metric.name} {metric.help.translate(_TEXT)}"
        yield f"# TYPE {metric.name} {metric.kind}"
        for sample in grouped.get(metric, ()):
            yield _line(metric.name, metric.labels, sample.labels, sample.value)
        for labels, histogram in buckets.get(metric, ()):
            yield from _histogram(metric, labels, histogram)


def _histogram(metric: Metric, labels: Labels, histogram: Histogram) -> Iterator[str]:
    counts = list(accumulate(histogram.counts))
    for bound, count in zip((*DURATION_BOUNDS, math.inf), counts, strict=True):
        names, values = (*metric.labels, "le"), (*labels, _number(bound))
        yield _line(f"{metric.name}_bucket", names, values, count)
    yield _line(f"{metric.name}_sum", metric.labels, labels, histogram.sum)
    yield _line(f"{metric.name}_count", metric.labels, labels, counts[-1])


def _line(name: str, names: Labels, values: Labels, value: float) -> str:
    pairs = zip(names, values, strict=True)
    labels = ",".join(f'{label}="{_printable(one).translate(_VALUE)}"' for label, one in pairs)
    return f"{name}{{{labels}}} {_number(value)}" if labels else f"{name} {_number(value)}"


def _printable(text: str) -> str:
    """Replace what UTF-8 cannot say: half a surrogate pair."""
    return text.encode(errors="replace").decode()


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))

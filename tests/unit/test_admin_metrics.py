"""Metrics as Prometheus's own parser reads them: the whole table, adding up to the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.admin_lab import SeenLab

from penstock.admin.exposition import exposition
from penstock.admin.metrics import Sample, samples
from penstock.api import Counter, RetryableError
from penstock.telemetry import (
    BUILD_INFO,
    DURATION_BOUNDS,
    LETTERS_DISCARDED,
    METRICS,
    WRITE_DURATION,
    Histogram,
    Metric,
    Telemetry,
)
from penstock.testing import resource

ODD = 'a"b\\c\nd\ud800é'


class Scrape:
    """The parsed text of one scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {one.name: one for one in text_string_to_metric_families(text)}
        self.samples = [sample for one in self.families.values() for sample in one.samples]

    def sum(self, name: str, **labels: str) -> float:
        """Return the sum of all samples with these labels."""
        return sum(
            one.value
            for one in self.samples
            if one.name == name and labels.items() <= one.labels.items()
        )

    def labels(self, name: str) -> list[dict[str, str]]:
        return [one.labels for one in self.samples if one.name == name]


def scrape(seen: SeenLab) -> Scrape:
    assert seen.runtime
    histograms = seen.services.telemetry.histograms()
    return Scrape(exposition(samples(seen.runtime), histograms))


def text_of(all_samples: Iterable[Sample], telemetry: Telemetry | None = None) -> Scrape:
    return Scrape(exposition(all_samples, (telemetry or Telemetry()).histograms()))


def family(metric: Metric) -> str:
    """Return the name under which the parser files a metric."""
    return metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_of_the_table_has_its_head(metric: Metric) -> None:
    found = text_of(()).families[family(metric)]
    assert found.type == metric.kind
    assert found.documentation == metric.help


async def test_every_metric_of_the_table_has_values(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > grep > x y"))
    assert seen.runtime
    await seen.refuse("bad")
    seen.destination("y").fail(RetryableError("down"))
    seen.origin("a").write(["drop 1", "2"])
    await seen.until(lambda: seen.runtime and seen.runtime.graph.sinks["y"].governor.trouble)
    seen.runtime.graph.sources["a"].outlet.at_risk(resource("web"), 90.0)
    seen.services.telemetry.add(LETTERS_DISCARDED, ("sinks.x", "age"))
    found = scrape(seen)
    assert [one.name for one in METRICS if not found.families[family(one)].samples] == []
    for metric in METRICS:
        labels = {*metric.labels} | ({"le"} if metric.kind == "histogram" else set())
        used = {name for one in found.families[family(metric)].samples for name in one.labels}
        assert used == labels, metric.name
    seen.destination("y").mend()


async def test_what_is_settled_and_waits_adds_up_to_the_ledger(seen: SeenLab) -> None:
    seen.destination("y").hang()
    await seen.start(seen.plan(main="a b > grep > x y"))
    seen.origin("b").write([f"line {number}" for number in range(50)], lane="db")
    await seen.refuse("bad", "worse")
    seen.origin("a").write(["drop 1", "drop 2", "3", Counter(1, "c", 1)])
    await seen.until(lambda: len(seen.lines("x")) == 51)
    found = scrape(seen)
    assert found.sum("penstock_events_received_total") == 56
    assert found.sum("penstock_events_received_total", component="sources.a", type="memory") == 6
    for sink in ("sinks.x", "sinks.y"):
        total = seen.services.ledger.total(sink)
        settled = found.sum("penstock_events_settled_total", component=sink, type="memory")
        waiting = found.sum("penstock_buffer_events", component=sink)
        assert total.read + total.created == 56 == settled + waiting
    name = "penstock_events_settled_total"
    assert found.sum(name, component="sinks.x", outcome="delivered") == 51
    assert found.sum(name, component="sinks.x", reason="transforms.grep: drop") == 2
    assert found.sum(name, component="sinks.x", outcome="dead_lettered", reason="rejected") == 2
    assert found.sum(name, component="sinks.x", reason="kind: counter") == 1
    assert found.sum("penstock_dead_letters", component="sinks.x") == 2
    assert found.sum("penstock_buffer_bytes", component="sinks.y", store="memory") > 0
    seen.destination("y").mend()


async def test_what_the_ledger_has_of_sinks_that_are_gone_counts_too(seen: SeenLab) -> None:
    seen.origin("a").write(["1", "2"])
    await seen.start(seen.plan(main="a > x y"))
    await seen.destination("y").until_lines(2)
    await seen.refuse("bad", sink="y")
    assert await seen.reload(seen.plan(main="a > x"))
    found = scrape(seen)
    assert found.sum("penstock_events_settled_total", component="sinks.y", type="") == 3
    assert found.sum("penstock_dead_letters", component="sinks.y", type="") == 1


async def test_circuits(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    assert scrape(seen).sum("penstock_circuit_open", component="sinks.x") == 0
    seen.destination("x").fail(RetryableError("down", retry_after=60))
    seen.origin("a").write(["1"])
    await seen.until(lambda: seen.runtime and seen.runtime.graph.sinks["x"].governor.trouble)
    found = scrape(seen)
    assert found.sum("penstock_circuit_open", component="sinks.x") == 1
    assert found.sum("penstock_retries_total", component="sinks.x", reason="retryable") == 1
    seen.drain_timeout_s = 0.1


async def test_reloads(seen: SeenLab) -> None:
    name = "penstock_config_last_reload_successful"
    await seen.start(seen.plan(main="a > x"))
    assert scrape(seen).sum(name) == 1
    assert not await seen.reload(RuntimeError("bad file"))
    assert scrape(seen).sum(name) == 0
    assert await seen.reload(seen.plan(main="a > x"))
    assert scrape(seen).sum(name) == 1


async def test_nothing_of_an_event_is_in_it(seen: SeenLab) -> None:
    origin = seen.origin("a")
    origin.resources["web"] = resource("secret-id", {"container.name": "secret-name"})
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("secret-line")
    seen.destination("x").fail(RetryableError("secret-answer"))
    origin.write(["another secret"])
    await seen.until(lambda: seen.runtime and seen.runtime.graph.sinks["x"].governor.trouble)
    assert "secret" not in scrape(seen).text
    seen.destination("x").mend()


def test_labels_are_escaped() -> None:
    (labels,) = text_of([Sample(BUILD_INFO, (ODD,), 1)]).labels("penstock_build_info")
    assert labels == {"version": 'a"b\\c\nd?é'}


@pytest.mark.parametrize("value", [0, 1, -3, 2**60, 0.1, 1e-9, 1.5e300])
def test_numbers_arrive_as_they_are(value: float) -> None:
    assert text_of([Sample(BUILD_INFO, ("x",), value)]).sum("penstock_build_info") == value


@pytest.mark.parametrize(("value", "text"), [(float("inf"), "+Inf"), (float("nan"), "NaN")])
def test_what_is_no_number_is_spelled_as_the_format_says(value: float, text: str) -> None:
    assert text_of([Sample(BUILD_INFO, ("x",), value)]).text.count(f"}} {text}\n") == 1


def test_buckets_are_cumulative() -> None:
    telemetry = Telemetry()
    kept: Histogram = telemetry.histogram(WRITE_DURATION, ("sinks.x", "memory"))
    for seconds in (0.0005, 0.001, 0.002, 3.0, 100.0):
        kept.observe(seconds)
    found = text_of((), telemetry)
    name = "penstock_write_duration_seconds"
    buckets = {
        float(one.labels["le"]): one.value for one in found.samples if one.name == f"{name}_bucket"
    }
    assert list(buckets) == [*DURATION_BOUNDS, float("inf")]
    assert (buckets[0.001], buckets[0.005], buckets[5.0], buckets[float("inf")]) == (2, 3, 4, 5)
    assert found.sum(f"{name}_count") == 5
    assert found.sum(f"{name}_sum") == pytest.approx(103.0035)


def test_the_reference_is_the_table(workspace: Path) -> None:
    text = (workspace / "docs/reference/metrics.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{name}`' for name in one.labels)} | "
        f"{one.help} |"
        for one in METRICS
    ]

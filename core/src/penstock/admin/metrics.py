"""Every metric of the table with its present values, made when somebody asks."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import NamedTuple

from penstock.admin import collect
from penstock.admin.status import Buffered, InFlight, SinkStatus, SourceStatus
from penstock.delivery.ledger import Ledger, Row
from penstock.runtime import Runtime
from penstock.telemetry import (
    BUFFER_BYTES,
    BUFFER_EVENTS,
    BUILD_INFO,
    CIRCUIT_OPEN,
    DUPLICATES,
    EVENTS_RECEIVED,
    EVENTS_SETTLED,
    GAPS,
    LETTERS,
    LOOP_BLOCKED,
    RELOAD_SUCCESSFUL,
    SOURCE_LAG,
    TIME_TO_LOSS,
    Metric,
)

CIRCUITS = {"closed": 0.0, "half-open": 0.5, "open": 1.0, "held": 1.0}


class Sample(NamedTuple):
    """One value of a metric; ``labels`` are the values of the metric's own, in its order."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


def samples(runtime: Runtime) -> Iterator[Sample]:
    """Yield every value but the histograms'."""
    sources, sinks = collect.sources(runtime), collect.sinks(runtime)
    parts: list[SourceStatus | SinkStatus] = [*sources, *sinks]
    ledger = runtime.services.ledger
    for source in sources:
        yield from _source(source)
    for sink in sinks:
        yield from _sink(sink)
    waiting = _waiting(ledger)
    for one in parts:
        if one.buffer:
            events = waiting.get(one.table, InFlight(0, 0))
            yield from _buffer((one.table, one.type), one.buffer, events)
    types = {one.table: one.type for one in parts}
    yield from _settled(ledger, types)
    yield from _letters(runtime, types)
    yield from _kept(runtime)
    yield Sample(BUILD_INFO, (collect.VERSION,), 1)


def _kept(runtime: Runtime) -> Iterator[Sample]:
    """Yield what the registry holds; no reload so far is none that failed."""
    absent = {RELOAD_SUCCESSFUL: Sample(RELOAD_SUCCESSFUL, (), 1)}
    absent[LOOP_BLOCKED] = Sample(LOOP_BLOCKED, ("penstock",), 0)
    for metric, labels, value in runtime.services.telemetry.values():
        absent.pop(metric, None)
        if metric is not SOURCE_LAG:
            yield Sample(metric, labels, value)
    yield from absent.values()


def _source(one: SourceStatus) -> Iterator[Sample]:
    labels = (one.table, one.type)
    yield Sample(EVENTS_RECEIVED, labels, one.received)
    yield Sample(DUPLICATES, labels, one.duplicates)
    yield Sample(GAPS, labels, one.gaps)
    if one.lag_s is not None:
        yield Sample(SOURCE_LAG, labels, one.lag_s)
    if one.time_to_loss_s is not None:
        yield Sample(TIME_TO_LOSS, labels, one.time_to_loss_s)


def _sink(one: SinkStatus) -> Iterator[Sample]:
    labels = (one.table, one.type)
    yield Sample(CIRCUIT_OPEN, labels, CIRCUITS[one.circuit])
    yield Sample(LETTERS, labels, one.dead_letters.count)


def _letters(runtime: Runtime, known: Container[str]) -> Iterator[Sample]:
    """Yield what is kept of sinks that are gone."""
    journal = runtime.services.journal
    for table, (count, _) in journal.letters.items() if journal else ():
        if count and table not in known:
            yield Sample(LETTERS, (table, ""), count)


def _buffer(labels: tuple[str, str], buffer: Buffered, waiting: InFlight) -> Iterator[Sample]:
    """Yield bytes as they are, and events as the ledger has them: they add up with the rest."""
    yield Sample(BUFFER_BYTES, (*labels, "memory"), buffer.memory_bytes)
    yield Sample(BUFFER_BYTES, (*labels, "disk"), buffer.disk_bytes)
    yield Sample(BUFFER_EVENTS, (*labels, "memory"), waiting.memory)
    yield Sample(BUFFER_EVENTS, (*labels, "disk"), waiting.spool)


def _settled(ledger: Ledger, types: Mapping[str, str]) -> Iterator[Sample]:
    """Yield the sums over a table's rows, of tables that are gone as well: all of the ledger."""
    totals: dict[str, Row] = {}
    for table, _, row in ledger.rows():
        totals.setdefault(table, Row()).add(row)
    for table, total in totals.items():
        for (outcome, reason), events in total.outcomes.items():
            labels = (table, types.get(table, ""), outcome.value, reason)
            yield Sample(EVENTS_SETTLED, labels, events)


def _waiting(ledger: Ledger) -> dict[str, InFlight]:
    sums: dict[str, InFlight] = {}
    for table, _, row in ledger.rows():
        one, before = collect.in_flight(row), sums.get(table, InFlight(0, 0))
        sums[table] = InFlight(before.memory + one.memory, before.spool + one.spool)
    return sums


def by_metric(all_samples: Iterable[Sample]) -> dict[Metric, list[Sample]]:
    """Group samples by their metric."""
    grouped: dict[Metric, list[Sample]] = {}
    for sample in all_samples:
        grouped.setdefault(sample.metric, []).append(sample)
    return grouped

"""Counters, gauges and timers as Datadog takes them; no delta is lost to another of its second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.api import (
    Batch,
    Counter,
    Event,
    Gauge,
    GaugeValue,
    Log,
    Report,
    RetryableError,
    Timer,
)
from penstock.testing import batch, configured, resource
from penstock.testing.http_server import HttpServer, Reply, Request, http_server
from penstock_sink_datadog.sink import DatadogSink

KEY = "k3y-canary-0123456789abcdef"
SECOND = 1_000_000_000


def now() -> int:
    return time.time_ns() // SECOND * SECOND - 60 * SECOND


def sink_for(server: HttpServer, **settings: Any) -> DatadogSink:
    own = {"logs_url": server.url, "metrics_url": server.url, "api_key": KEY}
    return configured(DatadogSink, {**own, **settings})


async def write(server: HttpServer, *writes: Sequence[Batch], **settings: Any) -> Report | None:
    sink = sink_for(server, **settings)
    await sink.open()
    report = None
    try:
        for batches in writes:
            report = await sink.write(batches)
    finally:
        await sink.close()
    return report


async def test_a_counter_is_a_count_of_what_was_added(intake: Any) -> None:
    of = resource("cf:x", {"host.name": "cell-1"}, {"job": "router"})
    event = Counter(now(), "requests", delta=3, total=17, attributes={"index": 4})
    async with http_server(intake) as server:
        assert await write(server, [batch([event], of)], metric_prefix="cf.") is None
    (series,) = intake.series
    assert (series.metric, series.type, series.interval) == ("cf.requests", 1, 10)
    (point,) = series.points
    assert (point.timestamp, point.value) == (event.time_unix_nano // SECOND, 3)
    assert series.resources[0].name == "cell-1"
    assert series.tags == ["job:router", "index:4"]


async def test_a_prefix_may_depend_on_the_event(intake: Any) -> None:
    events = [
        Counter(now(), "c", delta=1, attributes={"origin": "gorouter"}),
        Timer(now(), "t", now(), now() + 1, attributes={"origin": "rep"}),
        Gauge(now(), {"g": GaugeValue(1)}),
    ]
    async with http_server(intake) as server:
        await write(server, [batch(events)], metric_prefix="cf.{attributes.origin}.")
    assert {one.metric for one in intake.series} == {"cf.gorouter.c", "g"}
    assert intake.distributions[0].metric == "cf.rep.t"


async def test_counters_as_totals_are_gauges(intake: Any) -> None:
    events = [Counter(now(), "a", delta=3, total=17), Counter(now(), "b", delta=3)]
    async with http_server(intake) as server:
        await write(server, [batch(events)], counters="total")
    found = {one.metric: (one.type, one.points[0].value) for one in intake.series}
    assert found == {"a": (3, 17), "b": (1, 3)}


async def test_a_gauge_is_a_series_for_each_value(intake: Any) -> None:
    values = {"memory": GaugeValue(12.5, "bytes"), "odd": GaugeValue(1, "widgets")}
    async with http_server(intake) as server:
        assert await write(server, [batch([Gauge(now(), values)])]) is None
    found = {one.metric: (one.type, one.points[0].value, one.unit) for one in intake.series}
    assert found == {"memory": (3, 12.5, "byte"), "odd": (3, 1, None)}


async def test_a_timer_is_a_point_of_a_distribution_in_milliseconds(intake: Any) -> None:
    start = now()
    events = [Timer(start, "http", start, start + n * 1_500_000) for n in (1, 2)]
    async with http_server(intake) as server:
        assert await write(server, [batch(events)]) is None
    (series,) = intake.distributions
    assert series.metric == "http"
    assert series.host == "node-7"
    assert series.points == [(start // SECOND, [1.5, 3.0])]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 100)), min_size=1, max_size=20))
def test_deltas_of_one_second_add_up_in_one_write_and_in_several(
    intake_of: Any, deltas: list[tuple[int, int]]
) -> None:
    intake, sink = intake_of(), configured(DatadogSink, {"api_key": KEY})
    for start in range(0, len(deltas), 3):
        events = [
            Counter(now() + second * SECOND, "c", delta=delta)
            for second, delta in deltas[start : start + 3]
        ]
        taken, refused = intake.feed(sink, [batch(events)])
        assert not refused
        assert set(taken) == set(events)
    assert intake.total("c") == sum(delta for _, delta in deltas)


def test_writes_that_begin_in_the_second_of_the_last_one_do_not_run_ahead(intake_of: Any) -> None:
    intake, sink = intake_of(), configured(DatadogSink, {"api_key": KEY})
    begin = now() - 600 * SECOND
    for second in range(600):
        events = [Counter(begin + (second + more) * SECOND, "c", delta=1) for more in (0, 1)]
        _, refused = intake.feed(sink, [batch(events)])
        assert not refused
    assert intake.total("c") == 1200
    last = max(point.timestamp for one in intake.series for point in one.points)
    assert last == begin // SECOND + 600


def test_more_writes_than_seconds_are_refused_before_datadog_discards_them(intake_of: Any) -> None:
    intake, sink = intake_of(), configured(DatadogSink, {"api_key": KEY})
    events = [Counter(now(), "c", delta=1) for _ in range(800)]
    said = [why for one in events for why in intake.feed(sink, [batch([one])])[1].values()]
    assert 0 < len(said) < 300
    assert {"Datadog takes one point of a series a second" in why for why in said} == {True}
    assert intake.total("c") == 800 - len(said)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Counter(now() - 7200 * SECOND, "c", delta=1), "older than an hour"),
        (Timer(now() + 7200 * SECOND, "t", 0, 1), "ten minutes ahead"),
        (Gauge(now(), {"g": GaugeValue(float("nan"))}), "no finite number"),
        (Gauge(now(), {}), "without values"),
    ],
)
async def test_what_datadog_would_discard_unseen_is_refused_by_name(
    intake: Any, event: Event, why: str
) -> None:
    good = Counter(now(), "good", delta=1)
    async with http_server(intake) as server:
        report = await write(server, [batch([event, good])])
    assert report is not None
    assert list(report.rejected) == [event]
    assert why in report.rejected[event]
    assert intake.total("good") == 1


async def test_names_of_strangers_are_lawful(intake: Any) -> None:
    names = ["9 lives", "a b/c", "é", "", "_x", "n" * 500, "ok.name_1"]
    events = [Counter(now(), name, delta=1) for name in names]
    async with http_server(intake) as server:
        assert await write(server, [batch(events)]) is None
    assert {"lives", "a_b_c", "unnamed", "x", "n" * 200, "ok.name_1"} == {
        one.metric for one in intake.series
    }


async def test_metrics_that_cannot_be_sent_hold_up_no_logs(intake: Any) -> None:
    def answer(request: Request) -> Reply:
        return Reply(status=503) if request.path == "/api/v2/series" else intake(request)

    counter = Counter(now(), "c", delta=1)
    async with http_server(answer) as server:
        report = await write(server, [batch([counter, Log(now(), "a log")])])
        assert report is not None
        assert report.retry == [counter]
        assert intake.texts == ["a log"]
        with pytest.raises(RetryableError, match="503"):
            await write(server, [batch([counter])])


async def test_errors_in_a_success_are_kept(intake: Any) -> None:
    counter = Counter(now(), "c", delta=1)
    said = b'{"errors":["Payload is not in the expected format"]}'
    async with http_server(lambda _: Reply(status=202, body=said)) as server:
        report = await write(server, [batch([counter])])
    assert report is not None
    assert "expected format" in report.rejected[counter]


def test_many_points_keep_within_the_payload(intake_of: Any) -> None:
    sink = configured(DatadogSink, {"api_key": KEY})
    tags = {f"tag{n}": "v" * 150 for n in range(40)}
    events: list[Event] = [
        Counter(now() - n % 1000 * SECOND, f"c{n % 7}", delta=1) for n in range(5000)
    ]
    events += [Timer(now(), f"t{n % 5}", 0, n) for n in range(3000)]
    events += [Gauge(now(), {f"g{n}": GaugeValue(n) for n in range(20)}) for _ in range(50)]
    intake = intake_of()
    taken, refused = intake.feed(sink, [batch(events, resource("x", {}, tags))])
    assert not refused
    assert set(taken) == set(events)
    assert sum(intake.total(f"c{n}") for n in range(7)) == 5000


async def test_datadogs_own_client_is_accepted_and_sends_no_more_than_we_do(
    intake: Any,
) -> None:
    client = pytest.importorskip("datadog_api_client")
    from datadog_api_client.v2.api.metrics_api import MetricsApi
    from datadog_api_client.v2.model.metric_intake_type import MetricIntakeType
    from datadog_api_client.v2.model.metric_payload import MetricPayload
    from datadog_api_client.v2.model.metric_point import MetricPoint
    from datadog_api_client.v2.model.metric_resource import MetricResource
    from datadog_api_client.v2.model.metric_series import MetricSeries

    def send(url: str) -> None:
        configuration = client.Configuration(host=url)
        configuration.api_key["apiKeyAuth"] = KEY
        series = MetricSeries(
            metric="c",
            type=MetricIntakeType.COUNT,
            interval=10,
            points=[MetricPoint(timestamp=now() // SECOND, value=3.0)],
            resources=[MetricResource(name="node-7", type="host")],
            tags=["env:prod"],
        )
        with client.ApiClient(configuration) as api:
            MetricsApi(api).submit_metrics(MetricPayload(series=[series]))

    async with http_server(intake) as server:
        await asyncio.to_thread(send, server.url)
        of = resource("x", {"host.name": "node-7"}, {"env": "prod"})
        await write(server, [batch([Counter(now(), "c", delta=3)], of)])
    theirs, ours = intake.series
    assert theirs == ours

"""What Cloud Foundry's nozzles sent of an envelope, from the events that the firehose makes."""

from __future__ import annotations

import time
from typing import Any

from penstock.api import Batch, Counter, Event, Gauge, GaugeValue, Log, Timer
from penstock.testing import batch, configured, log, resource
from penstock_sink_datadog.origin import MAX_VARIANTS
from penstock_sink_datadog.sink import DatadogSink

SECOND = 1_000_000_000
NOZZLE = {
    "api_key": "k3y-canary-0123456789abcdef",
    "metric_prefix": "cloudfoundry.nozzle.{attributes.origin}.",
    "counters": "total",
    "hostname": "{attributes.index|attributes.origin}",
    "tags": ["env:prod", "app_name:{cloudfoundry.app.name}"],
}
ENVELOPE = {
    "origin": "gorouter",
    "deployment": "cf",
    "job": "router",
    "index": "5f0e1a3c",
    "ip": "10.0.16.5",
}
PLATFORM = resource("gorouter/5f0e1a3c")
APP = resource(
    "1111/0", {"cloudfoundry.app.name": "web", "cloudfoundry.app.id": "1111", "service.name": "web"}
)


def now() -> int:
    return time.time_ns() // SECOND * SECOND - 60 * SECOND


def feed(intake: Any, *batches: Batch, **settings: Any) -> None:
    sink = configured(DatadogSink, {**NOZZLE, **settings})
    taken, refused = intake.feed(sink, batches)
    assert not refused
    assert set(taken) == {event for one in batches for event in one.events}


def test_a_counter_as_the_nozzle_sent_it(intake: Any) -> None:
    counter = Counter(now(), "total_requests", 3, 2**64 - 1, attributes=ENVELOPE)
    feed(intake, batch([counter], PLATFORM))
    (series,) = intake.series
    assert series.metric == "cloudfoundry.nozzle.gorouter.total_requests"
    assert (series.type, series.points[0].value) == (3, float(2**64 - 1))
    assert sorted(series.tags) == [
        "deployment:cf",
        "env:prod",
        "index:5f0e1a3c",
        "ip:10.0.16.5",
        "job:router",
        "origin:gorouter",
    ]
    assert [(one.type, one.name) for one in series.resources] == [("host", "5f0e1a3c")]


def test_hosts_differ_between_the_events_of_one_resource(intake: Any) -> None:
    events: list[Event] = [
        Counter(now(), "a", 1, 1, attributes={"origin": "rep", "index": "1"}),
        Gauge(now(), {"b": GaugeValue(1)}, attributes={"origin": "rep", "index": "2"}),
        Counter(now(), "c", 1, 1, attributes={"origin": "rep"}),
        Counter(now(), "d", 1, 1),
    ]
    feed(intake, batch(events, PLATFORM))
    found = {
        one.metric.rpartition(".")[2]: [r.name for r in one.resources] for one in intake.series
    }
    assert found == {"a": ["1"], "b": ["2"], "c": ["rep"], "d": []}


def test_container_metrics_carry_their_application(intake: Any) -> None:
    values = {"cpu": GaugeValue(12.5, "percentage"), "memory": GaugeValue(1e7, "bytes")}
    gauge = Gauge(now(), values, attributes={**ENVELOPE, "origin": "rep"})
    feed(intake, batch([gauge], APP))
    assert {one.metric: one.unit for one in intake.series} == {
        "cloudfoundry.nozzle.rep.cpu": "percent",
        "cloudfoundry.nozzle.rep.memory": "byte",
    }
    assert all("app_name:web" in one.tags for one in intake.series)


def test_what_differs_from_request_to_request_makes_no_series(intake: Any) -> None:
    events: list[Event] = [
        Timer(now(), "http", now(), now() + n, attributes={
            **ENVELOPE, "method": "GET", "status_code": "200", "uri": f"/{n}",
            "request_id": str(n), "user_agent": f"ua{n}", "content_length": str(n),
            "remote_address": f"10.0.0.{n}:80", "forwarded": f"10.1.0.{n}",
        })
        for n in range(20)
    ]  # fmt: skip
    feed(intake, batch(events, APP))
    (series,) = intake.distributions
    assert "status_code:200" in series.tags
    assert len(series.points[0][1]) == 20


def test_the_operator_chooses_the_tags_of_metrics(intake: Any) -> None:
    counter = Counter(now(), "c", 1, attributes={**ENVELOPE, "uri": "/x"})
    feed(intake, batch([counter], PLATFORM), metric_tags=["job", "ur?"], tags=[])
    assert sorted(intake.series[0].tags) == ["job:router", "uri:/x"]


def test_logs_have_the_host_and_tags_of_their_event(intake: Any) -> None:
    lines = [log(f"line {n}", time_unix_nano=now(), attributes={"index": str(n)}) for n in (1, 2)]
    feed(intake, batch(lines, APP), tags=["stream:{stream}", "index:{attributes.index}"])
    assert [(one["hostname"], one["ddtags"], one["service"]) for one in intake.logs] == [
        ("1", "stream:stdout,index:1", "web"),
        ("2", "stream:stdout,index:2", "web"),
    ]


def test_what_is_remembered_of_a_resource_is_bounded(intake: Any) -> None:
    lines: list[Log] = [
        log("x", time_unix_nano=now(), attributes={"index": str(n)})
        for n in range(3 * MAX_VARIANTS)
    ]
    sink = configured(DatadogSink, NOZZLE)
    intake.feed(sink, [batch(lines, APP)])
    assert {one["hostname"] for one in intake.logs} == {str(n) for n in range(3 * MAX_VARIANTS)}
    assert len(sink._origins._known[APP]) <= MAX_VARIANTS

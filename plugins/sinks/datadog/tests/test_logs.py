"""Logs as Datadog takes them: fields, unified service tags, limits of size and age."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.api import Batch, ConfigError, Event, Gap, Log, Report, TitledEvent, event_id
from penstock.testing import batch, configured, log, resource
from penstock.testing.events import WEB
from penstock.testing.http_server import HttpServer, http_server
from penstock_sink_datadog.sink import DatadogSink

KEY = "k3y-canary-0123456789abcdef"
HOUR = 3600 * 1_000_000_000


def now() -> int:
    return time.time_ns()


async def write(server: HttpServer, batches: Sequence[Batch], **settings: Any) -> Report | None:
    own = {"logs_url": server.url, "metrics_url": server.url, "api_key": KEY}
    sink = configured(DatadogSink, {**own, **settings})
    await sink.open()
    try:
        return await sink.write(batches)
    finally:
        await sink.close()


def fresh(body: str, **fields: Any) -> Log:
    return Log(now(), body, **fields)


async def test_a_log_has_everything_that_is_known(intake: Any) -> None:
    of = resource(WEB.origin, WEB.attributes, {"env": "prod", "debug": ""})
    event = fresh("hello é", stream="stderr", severity_number=17, attributes={"k": 1})
    async with http_server(intake) as server:
        assert await write(server, [batch([event], of)], tags=["team:core"]) is None
        (request,) = server.requests
        assert request.path == "/api/v2/logs"
        assert request.headers["content-encoding"] == "gzip"
    (entry,) = intake.logs
    tags = entry.pop("ddtags").split(",")
    assert entry == {
        "message": "hello é",
        "timestamp": event.time_unix_nano // 1_000_000,
        "status": "error",
        "ddsource": "nginx",
        "service": "web",
        "hostname": "node-7",
        "stream": "stderr",
        "k": 1,
        "event_id": event_id(WEB.origin, event),
    }
    assert tags == [
        "team:core",
        "env:prod",
        "debug",
        "container_name:web-1",
        f"container_id:{WEB.attributes['container.id']}",
        "image_name:ghcr.io/example/nginx",
        "image_tag:1.25",
    ]


@pytest.mark.parametrize(
    ("number", "status"),
    [(1, "debug"), (5, "debug"), (9, "info"), (13, "warn"), (17, "error"), (24, "critical")],
)
async def test_status_follows_severity(intake: Any, number: int, status: str) -> None:
    async with http_server(intake) as server:
        await write(server, [batch([fresh("a", severity_number=number), fresh("b")])])
    assert intake.logs[0]["status"] == status
    assert "status" not in intake.logs[1]


@pytest.mark.parametrize("where", ["container.label.com.datadoghq.tags.", "container.env.DD_"])
async def test_unified_service_tags(intake: Any, where: str) -> None:
    names = {"service": "shop", "env": "prod", "version": "1.2"}
    upper = where.endswith("DD_")
    found = {where + (name.upper() if upper else name): value for name, value in names.items()}
    of = resource("docker:x", {**found, "service.name": "web"})
    own = resource("docker:y", {**found, "service.name": "web"}, {"env": "mine"})
    async with http_server(intake) as server:
        await write(server, [batch([fresh("a")], of), batch([fresh("b")], own)])
    first, second = intake.logs
    assert first["service"] == second["service"] == "shop"
    assert first["ddtags"] == "env:prod,version:1.2"
    assert second["ddtags"] == "env:mine,version:1.2"


async def test_tags_of_strangers_are_one_tag_each(intake: Any) -> None:
    of = resource("docker:x", {"container.name": "a,admin:true\nx"}, {"k": "v," * 300})
    async with http_server(intake) as server:
        assert await write(server, [batch([fresh("a")], of)]) is None
    tags = intake.logs[0]["ddtags"].split(",")
    assert len(tags) == 2
    assert "container_name:a_admin:true_x" in tags


async def test_attributes_do_not_overwrite_what_is_ours(intake: Any) -> None:
    event = fresh("real", attributes={"message": "forged", "hostname": "forged", "x": True})
    async with http_server(intake) as server:
        await write(server, [batch([event])])
    (entry,) = intake.logs
    assert (entry["message"], entry["hostname"], entry["x"]) == ("real", "node-7", True)
    assert entry["attributes.message"] == "forged"


async def test_old_logs_come_with_the_time_of_arrival(
    intake: Any, caplog: pytest.LogCaptureFixture
) -> None:
    old = Log(1_700_000_000_000_000_000, "old")
    young = Log(now() - 17 * HOUR, "young")
    async with http_server(intake) as server:
        assert await write(server, [batch([old, young])]) is None
    first, second = intake.logs
    assert "timestamp" not in first
    assert first["original_timestamp"] == "2023-11-14T22:13:20.000000000Z"
    assert second["timestamp"] == young.time_unix_nano // 1_000_000
    assert "older than 18 hours" in caplog.text


async def test_a_log_over_one_megabyte_is_cut_and_said(
    intake: Any, caplog: pytest.LogCaptureFixture
) -> None:
    long = [fresh("x" * 2_000_000), fresh("\0" * 500_000), fresh("short")]
    async with http_server(intake) as server:
        assert await write(server, [batch(long)]) is None
    sizes = [len(msgspec.json.encode(entry)) for entry in intake.logs]
    assert all(990_000 < size <= 1_000_000 for size in sizes[:2])
    assert intake.texts[0].endswith("x...[cut]")
    assert intake.texts[2] == "short"
    assert "limit of 1 MB" in caplog.text


async def test_a_log_whose_attributes_are_too_much_is_refused_by_name(intake: Any) -> None:
    event = fresh("a", attributes={"big": "x" * 1_100_000})
    async with http_server(intake) as server:
        report = await write(server, [batch([event, fresh("b")])])
    assert report is not None
    assert list(report.rejected) == [event]
    assert intake.texts == ["b"]


async def test_more_than_a_thousand_logs_are_several_requests(intake: Any) -> None:
    async with http_server(intake) as server:
        assert await write(server, [batch([fresh(f"line {n}") for n in range(2500)])]) is None
        assert len(server.requests) == 3
    assert intake.texts == [f"line {n}" for n in range(2500)]


async def test_gaps_and_titled_events_are_logs_too(intake: Any) -> None:
    events = [Gap(now(), "log rotated", count=3), TitledEvent(now(), "deployed", "version 3")]
    async with http_server(intake) as server:
        assert await write(server, [batch(events)]) is None
    gap, event = intake.logs
    assert (gap["status"], gap["message"]) == ("warn", "penstock: 3 lines lost: log rotated")
    assert (event["title"], event["message"]) == ("deployed", "version 3")


async def test_a_wrong_key_is_the_operators_and_is_not_told(intake: Any) -> None:
    async with http_server(intake) as server:
        with pytest.raises(ConfigError, match="403") as caught:
            await write(server, [batch([fresh("a")])], api_key="wr0ng-canary")
        assert "wr0ng-canary" not in str(caught.value)
        own = {"logs_url": server.url, "api_key": "wrong"}
        with pytest.raises(ConfigError, match="403"):
            await configured(DatadogSink, own).check()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "api_key"),
        ({"api_key": ""}, "api_key: it is empty"),
        ({"api_key": "two\nlines"}, "api_key: "),
        ({"api_key": KEY, "site": "datadog.com"}, "site"),
        ({"api_key": KEY, "logs_url": "intake.example.com"}, "https://"),
        ({"api_key": KEY, "metric_tags": ["[a"]}, "bad glob"),
        ({"api_key": KEY, "compression": "deflate"}, "deflate"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises((ConfigError, msgspec.ValidationError)) as caught:
        configured(DatadogSink, settings)
    assert says in str(caught.value)


@pytest.mark.parametrize("site", ["datadoghq.com", "datadoghq.eu", "us2.ddog-gov.com"])
def test_sites(site: str) -> None:
    sink = configured(DatadogSink, {"api_key": KEY, "site": site})
    logs, *_ = sink.encode([batch([log("a")])]).parcels
    assert logs.target.url == f"https://http-intake.logs.{site}/api/v2/logs"
    _, series, times = sink.encode([batch(some_metrics())]).parcels
    assert series.target.url == f"https://api.{site}/api/v2/series"
    assert times.target.url == f"https://api.{site}/api/v1/distribution_points"


def some_metrics() -> list[Event]:
    from penstock.api import Counter, Timer

    return [Counter(now(), "c", delta=1), Timer(now(), "t", now(), now())]


# --- limits --------------------------------------------------------------------------------

lines = st.text(max_size=40) | st.sampled_from(["\0" * 400_000, "é" * 600_000, '"' * 700_000])
values = st.dictionaries(st.text(max_size=30), st.text(max_size=3) | st.just("v," * 300))


@settings(deadline=None, max_examples=50)
@given(st.lists(lines, min_size=1, max_size=8), values, values, values)
def test_nothing_goes_over_a_limit_and_nothing_is_lost(
    intake_of: Any, texts: list[str], attributes: Any, own: Any, tags: Any
) -> None:
    sink = configured(DatadogSink, {"api_key": KEY})
    of = resource("x", attributes, tags)
    events = [fresh(text, stream="stdout", attributes=own) for text in texts]
    taken, refused = intake_of().feed(sink, [Batch(of, events, 0)])
    assert taken == [event for event in events if event not in refused]


async def test_datadogs_own_client_is_accepted_and_sends_no_more_than_we_do(
    intake: Any,
) -> None:
    client = pytest.importorskip("datadog_api_client")
    from datadog_api_client.v2.api.logs_api import LogsApi
    from datadog_api_client.v2.model.http_log import HTTPLog
    from datadog_api_client.v2.model.http_log_item import HTTPLogItem

    def send(url: str) -> None:
        configuration = client.Configuration()
        configuration.api_key["apiKeyAuth"] = KEY
        configuration.server_index = 1
        configuration.server_variables = {"protocol": "http", "name": url.removeprefix("http://")}
        item = HTTPLogItem(
            ddsource="nginx", ddtags="env:prod", hostname="node-7", message="hello", service="web"
        )
        with client.ApiClient(configuration) as api:
            LogsApi(api).submit_log(HTTPLog([item]))

    async with http_server(intake) as server:
        await asyncio.to_thread(send, server.url)
        of = resource(WEB.origin, WEB.attributes, {"env": "prod"})
        await write(server, [batch([fresh("hello")], of)])
    theirs, ours = intake.logs
    assert theirs.keys() <= ours.keys()
    for key in ("ddsource", "hostname", "message", "service"):
        assert theirs[key] == ours[key]

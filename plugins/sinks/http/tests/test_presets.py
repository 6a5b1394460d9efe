"""Each preset's own meaning of success, and its own way of naming what was refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from penstock.api import ConfigError, Gap, Log, Report, RetryableError, event_id
from penstock.testing import batch, configured, log, resource
from penstock.testing.events import WEB
from penstock.testing.http_server import HttpServer, Reply, http_server
from penstock_sink_http.sink import HttpSink


def sink_for(server: HttpServer, **settings: Any) -> HttpSink:
    return configured(HttpSink, {"url": server.url, **settings})


async def write(server: HttpServer, batches: list[Any], **settings: Any) -> Report | None:
    sink = sink_for(server, **settings)
    await sink.open()
    try:
        return await sink.write(batches)
    finally:
        await sink.close()


def named(report: Report | None) -> tuple[list[str], list[str]]:
    assert report is not None
    return [one.body for one in report.rejected], [one.body for one in report.retry]  # type: ignore[union-attr]


@pytest.mark.parametrize("form", ["elasticsearch", "splunk_hec"])
async def test_check_asks_whether_the_credentials_are_right(
    intakes: Mapping[str, Any], form: str
) -> None:
    intake = intakes[form]()
    async with http_server(intake) as server:
        await sink_for(server, **intake.settings).check()
        wrong = {"preset": form, "auth": {"bearer": "wrong"}}
        with pytest.raises(ConfigError, match="credentials"):
            await sink_for(server, **wrong).check()
    assert intake.texts == []


@pytest.mark.parametrize("form", ["ndjson", "json", "text", "loki", "otlp"])
async def test_check_writes_nothing(intakes: Mapping[str, Any], form: str) -> None:
    intake = intakes[form]()
    async with http_server(intake) as server:
        await sink_for(server, **intake.settings).check()
        assert intake.texts == []
        assert server.requests
        server.handler = lambda _: Reply(status=503)
        with pytest.raises(RetryableError, match="503"):
            await sink_for(server, **intake.settings).check()


async def test_elasticsearch_items_are_told_apart(intakes: Mapping[str, Any]) -> None:
    intake = intakes["elasticsearch"]()
    intake.refused.add("bad")
    intake.busy = 1
    async with http_server(intake) as server:
        report = await write(server, [batch(["busy", "bad", "good"])], **intake.settings)
    assert named(report) == (["bad"], ["busy"])
    assert "document_parsing_exception" in str(report)
    assert intake.texts == ["good"]


async def test_elasticsearch_stores_what_comes_twice_once(intakes: Mapping[str, Any]) -> None:
    intake = intakes["elasticsearch"]()
    again = batch(["one", "two"])
    async with http_server(intake) as server:
        assert await write(server, [again], **intake.settings) is None
        assert await write(server, [again], **intake.settings) is None
    assert intake.texts == ["one", "two"]
    assert intake.ids == {event_id(WEB.origin, event) for event in again.events}


async def test_elasticsearch_all_busy_is_an_outage_with_its_reason(
    intakes: Mapping[str, Any],
) -> None:
    intake = intakes["elasticsearch"]()
    intake.busy = 2
    async with http_server(intake) as server:
        with pytest.raises(RetryableError, match="queue is full"):
            await write(server, [batch(["one", "two"])], **intake.settings)


@pytest.mark.parametrize("body", [b"", b"<html>welcome</html>", b"[]", b'{"took":3}'])
async def test_elasticsearch_that_does_not_tell_is_no_success(body: bytes) -> None:
    async with http_server(lambda _: Reply(body=body)) as server:
        with pytest.raises(RetryableError, match="each item"):
            await write(server, [batch(["one"])], preset="elasticsearch")


async def test_elasticsearch_that_tells_of_too_few_items_is_no_success() -> None:
    body = b'{"errors":true,"items":[{"create":{"status":400}}]}'
    async with http_server(lambda _: Reply(body=body)) as server:
        with pytest.raises(RetryableError, match="fewer items"):
            await write(server, [batch(["one", "two"])], preset="elasticsearch")


async def test_elasticsearch_answers_cut_short_are_no_success() -> None:
    body = b'{"errors":false,"items":[{"create":{"status":201}}]}'
    async with http_server(lambda _: Reply(body=body, cut=20)) as server:
        with pytest.raises(RetryableError, match="each item"):
            await write(server, [batch(["one"])], preset="elasticsearch")


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("Web App", "logs-web-app"),
        ("../_all", "logs-..-_all"),
        ('a"},{"delete', "logs-a-}-{-delete"),
        ("", "logs-"),
    ],
)
async def test_elasticsearch_an_index_from_an_event_is_a_lawful_name(
    intakes: Mapping[str, Any], name: str, index: str
) -> None:
    intake = intakes["elasticsearch"]()
    of = resource("docker:x", {"container.name": name})
    async with http_server(intake) as server:
        settings = {**intake.settings, "index": "logs-{container.name}"}
        assert await write(server, [batch(["one"], of)], **settings) is None
        assert f'"_index":"{index}"' in server.requests[0].body.decode()
    assert intake.texts == ["one"]


async def test_loki_streams_by_labels(intakes: Mapping[str, Any]) -> None:
    intake = intakes["loki"]()
    events = [log("a", "stdout"), log("b", "stderr"), log("c", "stdout")]
    labels = {
        "job": "penstock",
        "name": "{container.name}",
        "stream": "{stream}",
        "env": "{tags.env}",
    }
    async with http_server(intake) as server:
        await write(server, [batch(events)], preset="loki", labels=labels)
    base = {"job": "penstock", "name": "web-1"}
    assert [(labels, line) for labels, _, line in intake.records] == [
        ({**base, "stream": "stdout"}, "a"),
        ({**base, "stream": "stdout"}, "c"),
        ({**base, "stream": "stderr"}, "b"),
    ]
    assert [time for _, time, _ in intake.records] == [
        events[index].time_unix_nano for index in (0, 2, 1)
    ]


async def test_loki_a_stream_always_has_a_label(intakes: Mapping[str, Any]) -> None:
    intake = intakes["loki"]()
    bare = [batch([log("a", "")], resource("docker:bare"))]
    async with http_server(intake) as server:
        await write(server, bare, preset="loki")
    assert intake.records[0][0] == {"service_name": "unknown_service"}


async def test_otlp_records(intakes: Mapping[str, Any]) -> None:
    intake = intakes["otlp"]()
    of = resource("docker:x", {"service.name": "web", "n": 3, "f": 0.5, "b": True}, {"env": "prod"})
    event = Log(12, "hello", "stderr", severity_number=17, attributes={"k": "v"})
    gap = Gap(13, "log rotated", count=2)
    async with http_server(intake) as server:
        await write(server, [batch([event, gap], of)], preset="otlp")
        assert server.requests[0].path == "/v1/logs"
    (about, record), (_, lost) = intake.records
    values = {one.key: one.value for one in about.attributes}
    assert values["env"].string_value == "prod"
    assert values["n"].int_value == "3"
    assert values["f"].double_value == 0.5
    assert values["b"].bool_value is True
    assert (record.time_unix_nano, record.severity_number) == ("12", 17)
    attributes = {one.key: one.value.string_value for one in record.attributes}
    assert attributes == {
        "k": "v",
        "log.iostream": "stderr",
        "log.record.uid": event_id("docker:x", event),
    }
    assert lost.body.string_value == "penstock: 2 lines lost: log rotated"


async def test_otlp_a_partial_success_refuses_and_is_not_tried_again() -> None:
    said = b'{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}'
    async with http_server(lambda _: Reply(body=said)) as server:
        report = await write(server, [batch(["a", "b"])], preset="otlp")
    assert named(report) == (["a", "b"], [])
    assert "refused 1 of 2 records" in str(report)
    assert "too old" in str(report)


@pytest.mark.parametrize("said", [b"{}", b"", b'{"partialSuccess":{"errorMessage":"hint"}}'])
async def test_otlp_successes(said: bytes) -> None:
    async with http_server(lambda _: Reply(body=said)) as server:
        assert await write(server, [batch(["a"])], preset="otlp") is None


async def test_otlp_tries_again_what_the_specification_says() -> None:
    async with http_server() as server:
        for status in (429, 502, 503, 504):
            server.handler = lambda _, status=status: Reply(status=status)  # type: ignore[misc]
            with pytest.raises(RetryableError):
                await write(server, [batch(["a"])], preset="otlp")
        server.handler = lambda _: Reply(status=500)
        assert named(await write(server, [batch(["a"])], preset="otlp")) == (["a"], [])


async def test_splunk_names_the_event_and_the_others_come_again(
    intakes: Mapping[str, Any],
) -> None:
    intake = intakes["splunk_hec"]()
    intake.refused.add("bad")
    async with http_server(intake) as server:
        report = await write(server, [batch(["a", "", "bad", "c"])], **intake.settings)
    assert named(report) == (["bad"], ["a", "", "c"])


async def test_splunk_events(intakes: Mapping[str, Any]) -> None:
    intake = intakes["splunk_hec"]()
    event = Log(1_700_000_000_123_456_789, "hello", "stderr", severity_number=17)
    async with http_server(intake) as server:
        await write(server, [batch([event])], **intake.settings)
        assert server.requests[0].path == "/services/collector/event"
    (got,) = intake.records
    assert (got["time"], got["host"], got["source"]) == (1700000000.123456, "node-7", "web-1")
    assert got["fields"]["severity"] == "error"
    assert got["fields"]["container.image.tag"] == "1.25"
    assert got["fields"]["id"] == event_id(WEB.origin, event)


@pytest.mark.parametrize("code", [7, 10, 14])
async def test_splunk_codes_that_no_event_is_to_blame_for(code: int) -> None:
    said = b'{"text":"Incorrect index","code":%d}' % code
    async with http_server(lambda _: Reply(status=400, body=said)) as server:
        with pytest.raises(ConfigError, match=f"code {code}"):
            await write(server, [batch(["a"])], preset="splunk_hec", auth={"bearer": "t"})


async def test_elasticsearch_below_a_path(intakes: Mapping[str, Any]) -> None:
    async with http_server(lambda _: Reply(body=b'{"errors":false}')) as server:
        settings = {"preset": "elasticsearch", "url": f"{server.url}/es/"}
        await sink_for(server, **settings).check()
        await write(server, [batch(["a"])], **settings)
        assert [one.path for one in server.requests] == ["/es/", "/es/_bulk"]


async def test_a_gap_is_a_line_of_text() -> None:
    async with http_server() as server:
        events = ["a", Gap(10**18, "log rotated", count=3)]
        await write(server, [batch(events)], format="text")
        assert server.requests[0].body == b"a\npenstock: 3 lines lost: log rotated\n"

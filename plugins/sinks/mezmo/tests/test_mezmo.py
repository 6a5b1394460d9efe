"""Lines as Mezmo takes them, one request for each host and its tags, and a status for each line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.api import Batch, ConfigError, Gap, Log, Report, RetryableError, event_id
from penstock.testing import batch, configured, log, resource
from penstock.testing.events import WEB
from penstock.testing.http_server import HttpServer, Reply, http_server
from penstock_sink_mezmo.sink import MezmoSink

KEY = "k3y-canary-0123456789abcdef"


async def write(server: HttpServer, batches: Sequence[Batch], **settings: Any) -> Report | None:
    sink = configured(MezmoSink, {"url": server.url, "api_key": KEY, **settings})
    await sink.open()
    try:
        return await sink.write(batches)
    finally:
        await sink.close()


async def test_a_line_has_everything_that_is_known(intake: Any) -> None:
    of = resource(WEB.origin, WEB.attributes, {"env": "prod", "debug": ""})
    event = Log(1_767_323_045_678_901_234, "hello é", "stderr", severity_number=17)
    async with http_server(intake) as server:
        assert await write(server, [batch([event], of)], tags=["eu", "{container.name}"]) is None
        assert server.requests[0].headers["content-encoding"] == "gzip"
    (line,) = intake.lines
    assert {key: value for key, value in line.items() if key != "meta"} == {
        "line": "hello é",
        "timestamp": 1_767_323_045_678,
        "level": "ERROR",
        "app": "web",
        "env": "prod",
    }
    assert line["meta"] == {
        **WEB.attributes,
        "stream": "stderr",
        "id": event_id(WEB.origin, event),
    }
    (query,) = intake.queries
    assert (query["hostname"], query["tags"]) == ("node-7", "eu,web-1,env:prod,debug")


async def test_lines_are_grouped_by_host_and_tags(intake: Any) -> None:
    def of(host: str, name: str, env: str) -> Any:
        return resource(name, {"host.name": host, "container.name": name}, {"env": env})

    batches = [
        batch(["a"], of("n1", "web", "prod")),
        batch(["b"], of("n2", "web", "prod")),
        batch(["c"], of("n1", "db", "prod")),
        batch(["d"], of("n1", "db", "test")),
    ]
    async with http_server(intake) as server:
        assert await write(server, batches) is None
    groups = [(query["hostname"], query["tags"]) for query in intake.queries]
    assert groups == [("n1", "env:prod"), ("n2", "env:prod"), ("n1", "env:test")]
    assert intake.texts == ["a", "c", "b", "d"]


async def test_a_207_tells_of_each_line(intake: Any) -> None:
    intake.statuses = {"bad": 400, "late": 429, "gone": 503, "odd": 0}
    lines = ["one", "bad", "late", "two", "gone", "odd"]
    async with http_server(intake) as server:
        report = await write(server, [batch(lines)])
    assert report is not None
    assert [event.body for event in report.rejected] == ["bad"]  # type: ignore[union-attr]
    assert [event.body for event in report.retry] == ["late", "gone", "odd"]  # type: ignore[union-attr]
    assert intake.texts == ["one", "two"]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"status":[200]}', b'{"status":"partial"}'])
async def test_a_207_that_does_not_tell_is_no_success(body: bytes) -> None:
    async with http_server(lambda _: Reply(status=207, body=body)) as server:
        with pytest.raises(RetryableError, match="207"):
            await write(server, [batch(["one", "two"])])


async def test_a_wrong_key_is_the_operators_and_is_not_told(intake: Any) -> None:
    async with http_server(intake) as server:
        with pytest.raises(ConfigError, match="403") as caught:
            await write(server, [batch(["one"])], api_key="wr0ng-canary")
        assert "wr0ng-canary" not in str(caught.value)
        assert len(server.requests) == 1


async def test_check_sends_no_lines_and_notices_a_wrong_key(intake: Any) -> None:
    async with http_server(intake) as server:
        await configured(MezmoSink, {"url": server.url, "api_key": KEY}).check()
        with pytest.raises(ConfigError, match="403"):
            await configured(MezmoSink, {"url": server.url, "api_key": "wrong"}).check()
    assert intake.texts == []


async def test_long_lines_are_cut_and_said(intake: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with http_server(intake) as server:
        assert await write(server, [batch(["é" * 20_000, "x" * 16_384])]) is None
    first, second = intake.texts
    assert len(first.encode()) <= 16_384
    assert first.strip("é") == "...[cut]"
    assert second == "x" * 16_384
    assert "lines cut" in caplog.text


async def test_gaps_are_lines_too(intake: Any) -> None:
    async with http_server(intake) as server:
        await write(server, [batch([Gap(10**18, "log rotated", count=3)])])
    (line,) = intake.lines
    assert (line["level"], line["line"]) == ("WARN", "penstock: 3 lines lost: log rotated")


async def test_own_templates(intake: Any) -> None:
    settings = {
        "hostname": "{container.name}",
        "app": "{stream}",
        "level": "notice-2é",
        "env": "static",
        "meta": {"image": "{container.image.name}", "none": "{tags.none}"},
    }
    async with http_server(intake) as server:
        await write(server, [batch([log("a", "stderr")])], **settings)
    (line,) = intake.lines
    assert intake.queries[0]["hostname"] == "web-1"
    assert (line["app"], line["level"], line["env"]) == ("stderr", "NOTICE", "static")
    assert line["meta"] == {"image": "ghcr.io/example/nginx"}


async def test_a_host_of_strangers_is_a_lawful_one(intake: Any) -> None:
    names = ["web\r\nX: y", "wéb&tags=x", "../..", "", "x" * 500, "a b"]
    batches = [batch([name], resource(name, {"host.name": name})) for name in names]
    async with http_server(intake) as server:
        assert await write(server, batches) is None
    assert len(intake.texts) == len(names)
    assert {"web-X-y", "w-b-tags-x", "a-b"} <= {query["hostname"] for query in intake.queries}


async def test_tags_of_strangers_are_one_tag_each(intake: Any) -> None:
    of = resource("x", {"container.name": "a,admin"}, {"k": "v,w x", "long": "y" * 5000})
    async with http_server(intake) as server:
        assert await write(server, [batch(["a"], of)], tags=["{container.name}"]) is None
    assert intake.queries[0]["tags"] == "a_admin,k:v_w_x"


# --- the environment of Mezmo's Logspout ---------------------------------------------------


async def test_the_environment_gives_defaults(intake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with http_server(intake) as server:
        monkeypatch.setenv("LOGDNA_KEY", KEY)
        monkeypatch.setenv("LOGDNA_URL", f"{server.url}/logs/ingest")
        monkeypatch.setenv("TAGS", "plain, swarm")
        monkeypatch.setenv("HOSTNAME", "0123456789ab")
        sink = configured(MezmoSink, {})
        await sink.open()
        await sink.write([batch(["one"])])
        await sink.close()
    assert intake.queries[0]["tags"] == "plain,swarm"
    assert intake.queries[0]["hostname"] == "node-7"


def test_an_address_without_a_scheme_is_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGDNA_URL", "logs.example.com/logs/ingest")
    sink = configured(MezmoSink, {"api_key": KEY})
    assert sink.destination().url.reveal() == "https://logs.example.com/logs/ingest"
    monkeypatch.delenv("LOGDNA_URL")
    sink = configured(MezmoSink, {"api_key": KEY})
    assert sink.destination().url.reveal() == "https://logs.mezmo.com/logs/ingest"


@pytest.mark.parametrize(
    ("environ", "settings", "says"),
    [
        ({}, {}, "api_key: required"),
        ({}, {"api_key": "two\nlines"}, "api_key: "),
        ({"LOGDNA_URL": "h:port/x"}, {"api_key": KEY}, "LOGDNA_URL"),
        ({"TAGS": "a,{{.Container.Name}}"}, {"api_key": KEY}, "Go template"),
        ({}, {"api_key": KEY, "url": "logs.mezmo.com"}, "https://"),
        ({}, {"api_key": KEY, "hostname": "{stream}"}, "hostname: "),
        ({}, {"api_key": KEY, "tags": ["{message}"]}, "tags: "),
        ({}, {"api_key": KEY, "max_body_bytes": 20_000_000}, "max_body_bytes: "),
        ({}, {"api_key": KEY, "max_line_bytes": 1}, "max_line_bytes"),
    ],
)
def test_what_is_refused(
    environ: dict[str, str],
    settings: dict[str, Any],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises((ConfigError, msgspec.ValidationError)) as caught:
        configured(MezmoSink, settings)
    assert says in str(caught.value)


# --- limits, and Mezmo's own client --------------------------------------------------------

texts = st.text(max_size=40) | st.sampled_from(["\0" * 20_000, "é" * 9_000, '"' * 16_384])
values = st.dictionaries(st.text(max_size=30), st.text(max_size=3) | st.just("v" * 20_000))


@settings(deadline=None, max_examples=50)
@given(st.lists(texts, min_size=1, max_size=6), values, values, values)
def test_nothing_goes_over_a_limit_and_nothing_is_lost(
    intake_of: Any, lines: list[str], attributes: Any, own: Any, tags: Any
) -> None:
    sink = configured(MezmoSink, {"api_key": KEY, "url": "https://h", "max_body_bytes": 65_536})
    of = resource("x", attributes, tags)
    events = [Log(1_767_323_045_678_901_234, line, "stdout", attributes=own) for line in lines]
    intake = intake_of()
    sent, refused = intake.feed(sink, [Batch(of, events, 0)])
    assert len(sent) + len(refused) == len(events)


async def test_mezmos_own_client_is_accepted_and_sends_no_more_than_we_do(intake: Any) -> None:
    logdna = pytest.importorskip("logdna")
    async with http_server(intake) as server:
        options = {
            "hostname": "node-7",
            "url": f"{server.url}/logs/ingest",
            "app": "web",
            "env": "prod",
            "tags": "a,b",
        }
        record = logging.LogRecord("n", logging.ERROR, "f.py", 1, "hello", (), None)
        await asyncio.to_thread(send_with, logdna, options, record)
        assert intake.texts == ["hello"]
        (theirs,), (query,) = intake.lines[:], intake.queries[:]
        of = resource(WEB.origin, WEB.attributes, {"env": "prod"})
        await write(server, [batch([log("hello", severity=17)], of)])
    ours = intake.lines[-1]
    # hostname: of the request, which holds lines of one host only.
    assert theirs.keys() - ours.keys() <= {"hostname"}
    # ip and mac: of the machine that sends, which is not where a container's line comes from.
    assert query.keys() - intake.queries[-1].keys() <= {"ip", "mac"}
    for key in ("line", "level", "app", "env"):
        assert ours[key] == theirs[key]


def send_with(logdna: Any, options: dict[str, Any], record: logging.LogRecord) -> None:
    handler = logdna.LogDNAHandler(KEY, options)
    handler.emit(record)
    handler.close()

"""What settings are refused, in which words; and that no secret is ever told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.api import ConfigError, RejectedError, RetryableError
from penstock.testing import batch, configured
from penstock.testing.http_server import Reply, Request, http_server
from penstock_sink_http.sink import HttpSink

CANARY = "s3cret-canary-0123456789"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "url"),
        ({"url": "logs.example.com"}, "https:// or http://"),
        ({"preset": "elastic"}, "elastic"),
        ({"format": "xml"}, "xml"),
        ({"preset": "loki", "format": "json"}, "format: "),
        ({"template": "{message}"}, "template: "),
        ({"format": "text", "template": "{mesage}"}, "mesage"),
        ({"method": "post"}, "method"),
        ({"method": "PUT", "preset": "loki"}, "method: "),
        ({"headers": {"X Team": "core"}}, "headers.X Team: "),
        ({"headers": {"Host": "other"}}, "headers.Host: "),
        ({"headers": {"X-Team": "a\nX-Forged: b"}}, "headers.X-Team: "),
        ({"headers": {"authorization": "x"}, "auth": {"bearer": "y"}}, "twice"),
        ({"labels": {"a": "b"}}, "labels: "),
        ({"preset": "loki", "labels": {"a-b": "c"}}, "labels.a-b: "),
        ({"auth": {"bearer": CANARY, "basic": {"user": "u"}}}, "one of"),
        ({"auth": {"token": CANARY}}, "token"),
        ({"proxy": f"socks5://u:{CANARY}@h:1"}, "http://host:port"),
        ({"compression": "brotli"}, "brotli"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"concurrency": 0}, "concurrency"),
        ({"max_body_bytes": 1}, "max_body_bytes"),
        ({"typo": 1}, "typo"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], says: str) -> None:
    complete = settings if not settings else {"url": "https://logs.example.com", **settings}
    with pytest.raises((ConfigError, msgspec.ValidationError)) as caught:
        configured(HttpSink, complete)
    assert says in str(caught.value)
    assert CANARY not in str(caught.value)


def test_order_and_concurrency_are_told_to_core() -> None:
    def told(**settings: Any) -> tuple[str, int]:
        sink = configured(HttpSink, {"url": "https://h", **settings})
        return sink.order, sink.in_flight

    assert told() == ("resource", 4)
    assert told(order="none", concurrency=9) == ("none", 9)
    assert told(order="stream", concurrency=9) == ("stream", 1)


SECRETS: list[dict[str, Any]] = [
    {"auth": {"bearer": CANARY}},
    {"auth": {"basic": {"user": "u", "password": CANARY}}},
    {"auth": {"header": {"name": "X-Api-Key", "value": CANARY}}},
    {"headers": {"X-Auth-Token": CANARY}},
    {"preset": "splunk_hec", "auth": {"bearer": CANARY}},
]


@pytest.mark.parametrize("settings", SECRETS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 503, 302])
async def test_a_server_that_echoes_secrets_gets_them_into_no_error(
    settings: dict[str, Any], status: int
) -> None:
    def echo(request: Request) -> Reply:
        said = f"{request.target} {dict(request.headers)}"
        return Reply(status=status, body=said.encode(), headers={"Location": f"/?{CANARY}"})

    async with http_server(echo) as server:
        url = f"{server.url}/{CANARY}/?token={CANARY}"
        sink = configured(HttpSink, {"url": url, **settings})
        await sink.open()
        said = ""
        try:
            said = str(await sink.write([batch(["one"])]))
        except (RetryableError, RejectedError, ConfigError) as error:
            said = f"{error} {error.__cause__!r}"
        await sink.close()
        assert server.requests
        assert any(CANARY in str(request.headers) for request in server.requests) or (
            "basic" in str(settings)
        )
    assert str(status) in said
    for form in (CANARY, "dTpzM2NyZXQ"):
        assert form not in said
    assert CANARY not in repr(sink.config)

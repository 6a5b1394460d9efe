"""Which formats carry metrics, and how; the others say what does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from penstock.api import KINDS, Counter, Gauge, GaugeValue
from penstock.testing import batch, configured, one_of_each, resource
from penstock.testing.http_server import http_server
from penstock_sink_http.sink import HttpSink

CARRY_ALL = ["ndjson", "json", "elasticsearch"]
LOGS_ALONE = ["text", "loki", "otlp", "splunk_hec"]


@pytest.mark.parametrize("form", ["ndjson", "json"])
async def test_every_kind_is_a_record(intakes: Mapping[str, Any], form: str) -> None:
    intake = intakes[form]()
    tags = {"job": "router", "index": 3}
    events = [
        *one_of_each(),
        Counter(1, "c", 2**64 - 1, 2**64 - 1, 0, tags),
        Gauge(2, {"nan": GaugeValue(float("nan"), "s")}, 0, tags),
    ]
    async with http_server(intake) as server:
        sink = configured(HttpSink, {"url": server.url, **intake.settings})
        await sink.open()
        assert await sink.write([batch(events, resource("cf/0", tags={"env": "prod"}))]) is None
        await sink.close()
    assert {one.kind for one in intake.records} == set(KINDS.values())
    counter, gauge = intake.records[-2:]
    assert counter.metric == {"name": "c", "delta": 2**64 - 1, "total": 2**64 - 1}
    assert (counter.attributes, counter.tags) == (tags, {"env": "prod"})
    assert gauge.metric == {"values": {"nan": {"value": None, "unit": "s"}}}


@pytest.mark.parametrize("form", CARRY_ALL)
def test_what_carries_every_kind(intakes: Mapping[str, Any], form: str) -> None:
    sink = configured(HttpSink, {"url": "http://h", **intakes[form].settings})
    assert sink.accepts == frozenset(KINDS)
    assert sink.accepts_more == ""


@pytest.mark.parametrize("form", LOGS_ALONE)
def test_what_carries_logs_alone_says_what_carries_more(
    intakes: Mapping[str, Any], form: str
) -> None:
    sink = configured(HttpSink, {"url": "http://h", **intakes[form].settings})
    assert {KINDS[kind] for kind in sink.accepts} == {"log", "gap"}
    assert 'format = "ndjson"' in sink.accepts_more

"""Datadog's intakes, as strict as their documentation; what is discarded unseen there is refused.

Of points of one series in one second the last one counts, as it does there.
"""

from __future__ import annotations

import math
import re
import time
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from penstock.http import Url, events_of
from penstock.http.body import bodies, refuse_oversized
from penstock.testing.http_server import Reply, Request

KEY = "k3y-canary-0123456789abcdef"
STATUSES = {"emergency", "alert", "critical", "error", "warn", "notice", "info", "debug"}
UNITS = {"byte", "nanosecond", "microsecond", "millisecond", "second", "percent", "request"}


class _Point(Struct, forbid_unknown_fields=True):
    timestamp: int
    value: float


class _Host(Struct, forbid_unknown_fields=True):
    type: str
    name: str


class _Series(Struct, forbid_unknown_fields=True):
    metric: str
    type: int
    points: list[_Point]
    tags: list[str] = []
    resources: list[_Host] = []
    unit: str | None = None
    interval: int | None = None
    source_type_name: str | None = None


class _Distribution(Struct, forbid_unknown_fields=True):
    metric: str
    points: list[tuple[int, list[float]]]
    tags: list[str] = []
    host: str = ""
    type: str = "distribution"


class _SeriesPayload(Struct, forbid_unknown_fields=True):
    series: list[_Series]


class _DistributionPayload(Struct, forbid_unknown_fields=True):
    series: list[_Distribution]


class DatadogIntake:
    """Takes requests as a handler of ``HttpServer``."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []
        self.series: list[_Series] = []
        self.distributions: list[_Distribution] = []
        self.refused: set[str] = set()
        self.points: dict[tuple[str, str, tuple[str, ...], int], float] = {}

    @property
    def texts(self) -> list[str]:
        return [log["message"] for log in self.logs]

    def total(self, metric: str) -> float:
        """Return the sum of a metric's points."""
        return sum(value for (name, *_), value in self.points.items() if name == metric)

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("dd-api-key") != KEY:
            return Reply(status=403, body=b'{"errors":["Forbidden"]}')
        routes = {
            ("POST", "/api/v2/logs"): self.take_logs,
            ("POST", "/api/v2/series"): self.take_series,
            ("POST", "/api/v1/distribution_points"): self.take_distributions,
            ("GET", "/api/v1/validate"): lambda _: Reply(body=b'{"valid":true}'),
        }
        route = routes.get((request.method, request.path))
        if route is None:
            return Reply(status=404, body=b'{"errors":["Not found"]}')
        try:
            return route(request)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            said = {"errors": [f"strict: {error!r}"]}
            return Reply(status=400, body=msgspec.json.encode(said))

    def take_logs(self, request: Request) -> Reply:
        assert request.headers["content-type"] == "application/json"
        if len(request.body) > 5_000_000:
            return Reply(status=413)
        logs = msgspec.json.decode(request.body, type=list[dict[str, Any]])
        assert len(logs) <= 1000, "too many entries"
        for log in logs:
            self.check_log(log)
        self.logs += logs
        return Reply(status=202, body=b"{}")

    def check_log(self, log: dict[str, Any]) -> None:
        assert len(msgspec.json.encode(log)) <= 1_000_000, "would be cut"
        assert isinstance(log["message"], str)
        for key in ("ddsource", "ddtags", "hostname", "service"):
            assert isinstance(log.get(key, ""), str), key
        assert log.get("status", "info") in STATUSES, log.get("status")
        assert all(0 < len(tag) <= 200 for tag in log.get("ddtags", "x").split(","))
        if "timestamp" in log:
            age = time.time() - log["timestamp"] / 1000
            assert age < 18 * 3600, "older than 18 hours"
        assert log["message"] not in self.refused, "refused"

    def take_series(self, request: Request) -> Reply:
        if len(request.sent) > 512_000 or len(request.body) > 5 * 1024 * 1024:
            return Reply(status=413)
        payload = msgspec.json.decode(request.body, type=_SeriesPayload)
        for one in payload.series:
            self.check_name(one.metric, one.tags)
            assert one.type in (0, 1, 2, 3)
            assert one.interval or one.type not in (1, 2), "counts and rates need an interval"
            assert one.unit in (None, *UNITS), f"unit {one.unit}"
            host = one.resources[0].name if one.resources else ""
            for point in one.points:
                self.check_point(point.timestamp, point.value)
                key = (one.metric, host, tuple(one.tags), point.timestamp)
                self.points[key] = point.value
        self.series += payload.series
        return Reply(status=202, body=b'{"errors":[]}')

    def take_distributions(self, request: Request) -> Reply:
        if len(request.sent) > 3_200_000:
            return Reply(status=413)
        payload = msgspec.json.decode(request.body, type=_DistributionPayload)
        for one in payload.series:
            self.check_name(one.metric, one.tags)
            for second, values in one.points:
                for value in values:
                    self.check_point(second, value)
        self.distributions += payload.series
        return Reply(status=202, body=b'{"status":"ok"}')

    def check_name(self, name: str, tags: list[str]) -> None:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]{0,199}", name), name
        assert all(0 < len(tag) <= 200 for tag in tags), tags

    def check_point(self, second: int, value: float) -> None:
        assert math.isfinite(value)
        assert -600 <= time.time() - second <= 3600, "outside of the window"

    def feed(self, sink: Any, batches: Any) -> tuple[list[Any], dict[Any, str]]:
        """Give it a sink's bodies without a connection; return what it took and what was refused.

        What it refuses fails the test.
        """
        taken: list[Any] = []
        encoded = sink.encode(batches)
        refused = dict(encoded.refused)
        for parcel in encoded.parcels:
            rest, oversized = refuse_oversized(parcel)
            refused |= oversized
            for body in bodies(rest.target, rest.sections, 1 << 62):
                data = body.data()
                request = Request(
                    method="POST",
                    target=Url(body.target.url).path,
                    headers={"content-type": body.target.content_type, "dd-api-key": KEY},
                    body=data,
                    sent=data,
                    connection=0,
                )
                reply = self(request)
                assert reply.status == 202, reply.body
                taken += events_of(body.owners)
        return taken, refused


@pytest.fixture
def intake() -> DatadogIntake:
    return DatadogIntake()


@pytest.fixture(scope="session")
def intake_of() -> type[DatadogIntake]:
    return DatadogIntake

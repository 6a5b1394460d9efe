"""An ingestion server as strict as Mezmo's documentation, and stricter where that is vague."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from penstock.http import Url, events_of
from penstock.http.body import bodies, refuse_oversized
from penstock.testing.http_server import Reply, Request

KEY = "k3y-canary-0123456789abcdef"
MEMBERS = {"line", "timestamp", "app", "file", "level", "env", "meta", "hostname"}


class MezmoIntake:
    """Takes requests as a handler of ``HttpServer``; what it refuses of a body it names by 207."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.queries: list[dict[str, str]] = []
        self.refused: set[str] = set()
        self.statuses: dict[str, int] = {}

    @property
    def texts(self) -> list[str]:
        return [line["line"] for line in self.lines]

    def __call__(self, request: Request) -> Reply:
        if request.path != "/logs/ingest" or request.method != "POST":
            return Reply(status=404)
        if request.headers.get("apikey") != KEY or "authorization" in request.headers:
            return Reply(status=403, body=b'{"error":"Forbidden"}')
        if len(request.body) > 10_000_000:
            return Reply(status=413)
        try:
            return self.take(request)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            return Reply(status=400, body=f"strict: {error!r}".encode())

    def take(self, request: Request) -> Reply:
        pairs = parse_qsl(request.query, keep_blank_values=True, strict_parsing=True)
        query = dict(pairs)
        names = [name for name, _ in pairs if name != "tags"]
        assert len(names) == len(set(names)), "a parameter twice"
        assert query.keys() <= {"hostname", "now", "mac", "ip", "tags"}, "unknown parameter"
        assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?", query["hostname"])
        assert abs(int(query["now"]) - time.time() * 1000) < 86_400_000, "now is in milliseconds"
        assert request.headers["content-type"].startswith("application/json")
        body = msgspec.json.decode(request.body)
        lines = body["ls"] if body.get("e") == "ls" else body["lines"]
        assert lines, "no lines"
        for line in lines:
            self.check(line)
        self.queries.append(query)
        statuses = [self.statuses.get(line["line"], 200) for line in lines]
        refused = [line["line"] in self.refused for line in lines]
        statuses = [400 if bad else status for status, bad in zip(statuses, refused, strict=True)]
        self.lines += [line for line, status in zip(lines, statuses, strict=True) if status == 200]
        if set(statuses) == {200}:
            return Reply(body=b'{"status":"ok"}')
        return Reply(status=207, body=msgspec.json.encode({"status": statuses}))

    def check(self, line: dict[str, Any]) -> None:
        assert line.keys() <= MEMBERS, f"unknown {line.keys() - MEMBERS}"
        assert isinstance(line["line"], str)
        assert len(line["line"].encode()) <= 16_384, "line too long"
        assert re.fullmatch(r"\d{13}", str(line["timestamp"])), "timestamp is in milliseconds"
        assert len(line.get("app", "").encode()) <= 512
        assert re.fullmatch("[A-Za-z]{1,80}", line.get("level", "INFO")), "level"
        assert isinstance(line.get("env") or "", str)
        meta = line.get("meta", {})
        assert len(msgspec.json.encode(meta)) <= 32_768, "meta too long"
        if isinstance(meta, dict):
            assert all(isinstance(value, str) for value in meta.values()), "one type for each key"

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
                target = Url(body.target.url)
                data = body.data()
                assert len(data) <= body.target.limits.max_body_bytes
                request = Request(
                    method="POST",
                    target="/logs/ingest?" + target.reveal().partition("?")[2],
                    headers={"content-type": body.target.content_type, "apikey": KEY},
                    body=data,
                    sent=data,
                    connection=0,
                )
                reply = self(request)
                assert reply.status == 200, reply.body
                taken += events_of(body.owners)
        return taken, refused


@pytest.fixture
def intake() -> MezmoIntake:
    return MezmoIntake()


@pytest.fixture(scope="session")
def intake_of() -> type[MezmoIntake]:
    return MezmoIntake


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the machine's own environment says out of the tests."""
    for name in ("MEZMO_KEY", "LOGDNA_KEY", "MEZMO_URL", "LOGDNA_URL", "TAGS", "MAX_BUFFER_SIZE"):
        monkeypatch.delenv(name, raising=False)

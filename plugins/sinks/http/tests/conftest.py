"""Servers that speak each API as strictly as the real ones: they refuse what those refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import pytest
from msgspec import Struct

from penstock.testing.http_server import Reply, Request

KEY = "k3y-canary-0123456789abcdef"


class Intake:
    """Takes requests as a handler of ``HttpServer``; ``texts`` are those of the logs it took."""

    settings: ClassVar[Mapping[str, Any]] = {}

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.records: list[Any] = []
        self.refused: set[str] = set()
        self.max_bytes = 1 << 30

    def __call__(self, request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(status=405)
        if len(request.body) > self.max_bytes:
            return Reply(status=413, body=b"too large")
        try:
            return self.take(request)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Reply(status=400, body=f"strict: {error!r}".encode())

    def take(self, request: Request) -> Reply:
        raise NotImplementedError

    def check_type(self, request: Request, expected: str) -> None:
        if request.headers.get("content-type") != expected:
            raise ValueError(f"content type {request.headers.get('content-type')}")

    def check_refused(self, texts: list[str]) -> None:
        if found := self.refused.intersection(texts):
            raise ValueError(f"refused {found}")


class _Record(Struct, forbid_unknown_fields=True):
    timestamp: str
    kind: str
    id: str
    message: str | None = None
    severity: str | None = None
    stream: str | None = None
    tags: dict[str, str] = {}
    attributes: dict[str, Any] = {}
    resource: dict[str, Any] = {}
    metric: dict[str, Any] = {}
    event: dict[str, str] = {}
    gap: dict[str, Any] = {}


class Plain(Intake):
    def keep(self, records: list[_Record]) -> Reply:
        texts = [one.message for one in records if one.message is not None]
        self.check_refused(texts)
        self.texts += texts
        self.records += records
        return Reply(status=200)


class NdjsonIntake(Plain):
    def take(self, request: Request) -> Reply:
        self.check_type(request, "application/x-ndjson")
        if not request.body.endswith(b"\n"):
            raise ValueError("the last line has no end")
        lines = request.body.removesuffix(b"\n").split(b"\n")
        return self.keep([msgspec.json.decode(line, type=_Record) for line in lines])


class JsonIntake(Plain):
    settings: ClassVar[Mapping[str, Any]] = {"format": "json"}

    def take(self, request: Request) -> Reply:
        self.check_type(request, "application/json")
        return self.keep(msgspec.json.decode(request.body, type=list[_Record]))


class TextIntake(Intake):
    settings: ClassVar[Mapping[str, Any]] = {"format": "text"}

    def take(self, request: Request) -> Reply:
        self.check_type(request, "text/plain; charset=utf-8")
        texts = request.body.decode().removesuffix("\n").split("\n")
        self.check_refused(texts)
        self.texts += texts
        return Reply(status=204)


class ElasticsearchIntake(Intake):
    settings: ClassVar[Mapping[str, Any]] = {
        "preset": "elasticsearch",
        "auth": {"header": {"name": "X-K", "value": KEY}},
    }

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.busy = 0

    def take(self, request: Request) -> Reply:
        if request.headers.get("x-k") != KEY:
            return Reply(status=401, body=b'{"error":"security_exception"}')
        if request.path == "/":
            return Reply(body=b'{"cluster_name":"test"}')
        if request.path != "/_bulk":
            return Reply(status=404, body=b"no handler")
        self.check_type(request, "application/x-ndjson")
        if not request.body.endswith(b"\n"):
            raise ValueError("The bulk request must be terminated by a newline")
        lines = request.body.split(b"\n")[:-1]
        items = [
            self.index(msgspec.json.decode(action), msgspec.json.decode(document))
            for action, document in zip(lines[::2], lines[1::2], strict=True)
        ]
        errors = any(item["create"]["status"] >= 300 for item in items)
        return Reply(body=msgspec.json.encode({"errors": errors, "items": items}))

    def index(self, action: Any, document: Any) -> Any:
        (operation,) = action
        name = action[operation]["_index"]
        if operation != "create" or not re.fullmatch(r"[a-z0-9][^A-Z \"*\\<|,>/?#:]{0,254}", name):
            raise ValueError(f"illegal {operation} in {name}")
        if self.busy:
            self.busy -= 1
            return failed(429, "es_rejected_execution_exception", "queue is full")
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", document["@timestamp"]):
            return failed(400, "document_parsing_exception", "@timestamp")
        text = document.get("message")
        if text in self.refused:
            return failed(400, "document_parsing_exception", "refused")
        ident = action["create"].get("_id")
        if ident is not None and len(ident.encode()) > 512:
            raise ValueError("id is too long")
        if ident in self.ids:
            return failed(409, "version_conflict_engine_exception", "already exists")
        if ident is not None:
            self.ids.add(ident)
        self.records.append(document)
        if text is not None:
            self.texts.append(text)
        return {"create": {"status": 201}}


def failed(status: int, kind: str, reason: str) -> Any:
    return {"create": {"status": status, "error": {"type": kind, "reason": reason}}}


class _Stream(Struct, forbid_unknown_fields=True):
    stream: dict[str, str]
    values: list[tuple[str, str]]


class _Push(Struct, forbid_unknown_fields=True):
    streams: list[_Stream]


class LokiIntake(Intake):
    """Takes what it can of a push, and answers 400 if that was not all."""

    settings: ClassVar[Mapping[str, Any]] = {"preset": "loki"}

    def take(self, request: Request) -> Reply:
        self.check_type(request, "application/json")
        if request.path != "/loki/api/v1/push":
            return Reply(status=404)
        bad = []
        for stream in msgspec.json.decode(request.body, type=_Push).streams:
            if not stream.stream or not all(
                re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) for name in stream.stream
            ):
                raise ValueError(f"labels {stream.stream}")
            for time, line in stream.values:
                if not time.isdecimal() or line in self.refused:
                    bad.append(line)
                else:
                    self.records.append((stream.stream, int(time), line))
                    self.texts.append(line)
        return Reply(status=400, body=b"entry refused") if bad else Reply(status=204)


class _AnyValue(Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: str | None = None
    double_value: float | None = None


class _KeyValue(Struct, forbid_unknown_fields=True):
    key: str
    value: _AnyValue


class _LogRecord(Struct, forbid_unknown_fields=True, rename="camel"):
    time_unix_nano: str
    body: _AnyValue
    attributes: list[_KeyValue] = []
    severity_number: int = 0
    severity_text: str = ""


class _Scope(Struct, forbid_unknown_fields=True):
    name: str


class _ScopeLogs(Struct, forbid_unknown_fields=True, rename="camel"):
    scope: _Scope
    log_records: list[_LogRecord]


class _Resource(Struct, forbid_unknown_fields=True):
    attributes: list[_KeyValue]


class _ResourceLogs(Struct, forbid_unknown_fields=True, rename="camel"):
    resource: _Resource
    scope_logs: list[_ScopeLogs]


class _Export(Struct, forbid_unknown_fields=True, rename="camel"):
    resource_logs: list[_ResourceLogs]


class OtlpIntake(Intake):
    settings: ClassVar[Mapping[str, Any]] = {"preset": "otlp"}

    def take(self, request: Request) -> Reply:
        self.check_type(request, "application/json")
        if request.path != "/v1/logs":
            return Reply(status=404)
        export = msgspec.json.decode(request.body, type=_Export)
        found = [
            (of.resource, record)
            for of in export.resource_logs
            for scope in of.scope_logs
            for record in scope.log_records
        ]
        texts = [record.body.string_value or "" for _, record in found]
        if not all(record.time_unix_nano.isdecimal() for _, record in found):
            raise ValueError("time")
        self.check_refused(texts)
        self.texts += texts
        self.records += found
        return Reply(body=b"{}")


class SplunkIntake(Intake):
    """Takes the events before the first one that it refuses, and names that."""

    settings: ClassVar[Mapping[str, Any]] = {"preset": "splunk_hec", "auth": {"bearer": KEY}}

    def take(self, request: Request) -> Reply:
        if not request.headers.get("authorization", "").startswith("Splunk "):
            return hec(401, 3, "Invalid authorization")
        if request.headers["authorization"] != f"Splunk {KEY}":
            return hec(403, 4, "Invalid token")
        if not request.body:
            return hec(400, 5, "No data")
        text, at, number = request.body.decode(), 0, 0
        decoder = json.JSONDecoder()
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            while text[at : at + 1] == "\n":
                at += 1
            if reply := self.index(event, number):
                return reply
            number += 1
        return hec(200, 0, "Success")

    def index(self, event: Any, number: int) -> Reply | None:
        allowed = {"time", "host", "source", "sourcetype", "index", "event", "fields"}
        if event.get("event") == "":
            return hec(400, 13, "Event field cannot be blank", number)
        if (
            not event.keys() <= allowed
            or event["event"] in self.refused
            or not isinstance(event["time"], float | int)
            or not all(isinstance(value, str) for value in event["fields"].values())
        ):
            return hec(400, 6, "Invalid data format", number)
        self.records.append(event)
        self.texts.append(event["event"])
        return None


def hec(status: int, code: int, text: str, number: int | None = None) -> Reply:
    said: dict[str, Any] = {"text": text, "code": code}
    if number is not None:
        said["invalid-event-number"] = number
    return Reply(status=status, body=msgspec.json.encode(said))


INTAKES: Mapping[str, type[Intake]] = {
    "ndjson": NdjsonIntake,
    "json": JsonIntake,
    "text": TextIntake,
    "elasticsearch": ElasticsearchIntake,
    "loki": LokiIntake,
    "otlp": OtlpIntake,
    "splunk_hec": SplunkIntake,
}


@pytest.fixture
def intakes() -> Mapping[str, type[Intake]]:
    """The strict server of each format, by its name."""
    return INTAKES

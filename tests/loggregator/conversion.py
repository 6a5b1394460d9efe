"""v1 envelopes as v2 ones, and v2 envelopes as what a drain gets: by hand, from what was observed.

A second opinion on what the source and the syslog sink make of them together.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from tests.loggregator import dropsonde

Document = Mapping[str, Any]
_PLACE = ("origin", "deployment", "job", "index", "ip")
_REQUEST = {
    "peer_type": "peerType",
    "method": "method",
    "uri": "uri",
    "remote_address": "remoteAddress",
    "user_agent": "userAgent",
    "status_code": "statusCode",
    "content_length": "contentLength",
    "routing_instance_id": "instanceId",
}
_READINGS = {
    "cpu": ("cpuPercentage", "percentage"),
    "memory": ("memoryBytes", "bytes"),
    "disk": ("diskBytes", "bytes"),
    "memory_quota": ("memoryBytesQuota", "bytes"),
    "disk_quota": ("diskBytesQuota", "bytes"),
}


class Line(Struct, frozen=True):
    """One message of a drain: its severity, the name of its element, and what is in it.

    A log has no element but its text; ``tags`` are those of metrics.
    """

    severity: int
    source: str
    element: str
    params: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    text: str = ""


def to_v2(document: Document) -> dict[str, Any]:
    """Return the v2 envelope of a v1 one; numbers as the gateway writes them."""
    kind = dropsonde.kind_of(document)
    tags = {
        **document.get("tags", {}),
        **{name: document.get(name, "") for name in _PLACE},
        "__v1_type": kind,
    }
    source = tags.pop("source_id", f"{tags['deployment']}/{tags['job']}")
    body = document[f"{kind[0].lower()}{kind[1:]}"]
    found = {"source_id": source, "instance_id": "", "timestamp": document["timestamp"]}
    return {**found, "tags": tags, **_CONVERSIONS[kind](body, tags)}


def _log(body: Document, tags: dict[str, str]) -> dict[str, Any]:
    tags["source_type"] = body.get("source_type", "")
    log = {"payload": body["message"], "type": body["message_type"]}
    source = {"source_id": body["app_id"]} if body.get("app_id") else {}
    return {"log": log, "instance_id": body.get("source_instance", ""), **source}


def _error(body: Document, tags: dict[str, str]) -> dict[str, Any]:
    tags |= {"source": body["source"], "code": str(body["code"])}
    return {"log": {"payload": base64.b64encode(body["message"].encode()), "type": "OUT"}}


def _value(body: Document, tags: dict[str, str]) -> dict[str, Any]:
    metrics = {body["name"]: {"unit": body["unit"], "value": body["value"]}}
    return {"gauge": {"metrics": metrics}, "instance_id": tags.get("instance_id", "")}


def _counter(body: Document, tags: dict[str, str]) -> dict[str, Any]:
    return {"counter": dict(body), "instance_id": tags.pop("instance_id", "")}


def _container(body: Document, tags: dict[str, str]) -> dict[str, Any]:
    metrics = {
        name: {"unit": unit, "value": float(body[field])}
        for name, (field, unit) in _READINGS.items()
        if field in body
    }
    instance = str(body["instanceIndex"])
    found = {"gauge": {"metrics": metrics}, "instance_id": instance}
    return {**found, "source_id": body["applicationId"]}


def _request(body: Document, tags: dict[str, str]) -> dict[str, Any]:
    tags |= {name: str(body.get(field, "")) for name, field in _REQUEST.items()}
    tags["request_id"] = dropsonde.guid(body["requestId"]) if "requestId" in body else ""
    tags["forwarded"] = "\n".join(body.get("forwarded", ()))
    timer = {"name": "http", "start": body["startTimestamp"], "stop": body["stopTimestamp"]}
    app = body.get("applicationId", {"low": 0, "high": 0})
    known = int(app["low"]) or int(app["high"])
    source = {"source_id": dropsonde.guid(app)} if known else {}
    return {"timer": timer, "instance_id": str(body.get("instanceIndex", 0)), **source}


_CONVERSIONS = {
    "LogMessage": _log,
    "Error": _error,
    "ValueMetric": _value,
    "CounterEvent": _counter,
    "ContainerMetric": _container,
    "HttpStartStop": _request,
}


def lines(envelope: Document) -> Iterator[Line]:
    """Return a drain's messages of a v2 envelope."""
    source = envelope["source_id"]
    tags = tuple(sorted((key, value) for key, value in envelope["tags"].items()))
    if log := envelope.get("log"):
        text = base64.b64decode(log["payload"]).decode(errors="replace")
        yield Line(3 if log["type"] == "ERR" else 6, source, "", text=text.rstrip("\n"))
        return
    for element, params in _elements(envelope):
        yield Line(6, source, element, tuple(params.items()), tags)


def _elements(envelope: Document) -> Iterator[tuple[str, dict[str, str]]]:
    if counter := envelope.get("counter"):
        numbers = {key: str(counter[key]) for key in ("total", "delta") if key in counter}
        yield "counter@47450", {"name": counter["name"], **numbers}
    elif gauge := envelope.get("gauge"):
        for name, one in gauge["metrics"].items():
            reading = {"name": name, "value": shortest(one["value"]), "unit": one["unit"]}
            yield "gauge@47450", reading
    elif timer := envelope.get("timer"):
        yield "timer@47450", {key: str(timer[key]) for key in ("name", "start", "stop")}
    elif event := envelope.get("event"):
        yield "event@47450", {key: event[key] for key in ("title", "body")}


def shortest(value: float) -> str:
    """Return a number as Go's ``%g``: the fewest digits that are exact, large ones with ``e+``."""
    if not value:
        return "0"
    for digits in range(1, 18):
        text = f"{value:.{digits - 1}e}"
        if float(text) == value:
            break
    exponent = math.floor(math.log10(abs(value)))
    return text if exponent < -4 or exponent >= 6 else repr(float(value)).removesuffix(".0")

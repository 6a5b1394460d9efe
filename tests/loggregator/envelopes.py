"""Made-up v1 envelopes, each as its bytes."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from tests.loggregator.dropsonde import encode, uuid_of

APP = "11111111-1111-1111-1111-111111111111"
REQUEST = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
PLACE = {"deployment": "cf", "job": "diego-cell", "index": "0", "ip": "10.0.0.1"}


def envelope(
    event_type: str,
    body: Mapping[str, Any],
    *,
    origin: str = "rep",
    timestamp: int | None = None,
    tags: Mapping[str, str] | None = None,
    **more: Any,
) -> bytes:
    """Return an envelope with this body; ``more`` are further fields of the envelope."""
    name = event_type[0].lower() + event_type[1:]
    document = {
        "origin": origin,
        "eventType": event_type,
        "timestamp": time.time_ns() if timestamp is None else timestamp,
        "tags": dict(tags or {}),
        name: dict(body),
        **PLACE,
        **more,
    }
    return encode(document)


def log(
    text: str | bytes,
    *,
    app: str = APP,
    kind: str = "OUT",
    source_type: str = "APP/PROC/WEB",
    instance: str = "0",
    **more: Any,
) -> bytes:
    """Return an application's line."""
    message = text.encode() if isinstance(text, str) else text
    body = {
        "message": base64.b64encode(message).decode(),
        "message_type": kind,
        "timestamp": time.time_ns(),
        "app_id": app,
        "source_type": source_type,
        "source_instance": instance,
    }
    return envelope("LogMessage", body, **more)


def counter(name: str, delta: int, total: int, **more: Any) -> bytes:
    """Return a counter."""
    body = {"name": name, "delta": delta, "total": total}
    return envelope("CounterEvent", body, **{"origin": "gorouter", **more})


def value(name: str, number: float, unit: str, **more: Any) -> bytes:
    """Return a gauge of one value."""
    body = {"name": name, "value": number, "unit": unit}
    return envelope("ValueMetric", body, **{"origin": "gorouter", **more})


def container(*, app: str = APP, instance: int = 0, cpu: float = 12.5, **more: Any) -> bytes:
    """Return a container's use of its machine."""
    body = {
        "applicationId": app,
        "instanceIndex": instance,
        "cpuPercentage": cpu,
        "memoryBytes": 10_485_760,
        "diskBytes": 20_971_520,
        "memoryBytesQuota": 268_435_456,
        "diskBytesQuota": 1_073_741_824,
    }
    return envelope("ContainerMetric", body, **more)


def http(uri: str, *, app: str = APP, status: int = 200, **more: Any) -> bytes:
    """Return a request's span, of five milliseconds."""
    stop = time.time_ns()
    body = {
        "startTimestamp": stop - 5_000_000,
        "stopTimestamp": stop,
        "requestId": uuid_of(REQUEST),
        "peerType": "Client",
        "method": "GET",
        "uri": uri,
        "remoteAddress": "10.0.0.1:1234",
        "userAgent": "curl/8",
        "statusCode": status,
        "contentLength": 101,
        "applicationId": uuid_of(app),
        "instanceIndex": 1,
        "instanceId": "inst-1",
        "forwarded": ["1.2.3.4", "5.6.7.8"],
    }
    return envelope("HttpStartStop", body, **{"origin": "gorouter", **more})


def error(message: str, *, code: int = 504, source: str = "py", **more: Any) -> bytes:
    """Return an error."""
    return envelope("Error", {"source": source, "code": code, "message": message}, **more)

"""Made-up v2 envelopes in their JSON form, with everything that is unset written out."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

APP = "11111111-1111-1111-1111-111111111111"
Envelope = dict[str, Any]


def envelope(
    kind: str,
    body: Mapping[str, Any],
    *,
    source_id: str = APP,
    instance_id: str = "0",
    timestamp: int | None = None,
    tags: Mapping[str, str] | None = None,
) -> Envelope:
    """Return an envelope with this body."""
    return {
        "timestamp": str(time.time_ns() if timestamp is None else timestamp),
        "source_id": source_id,
        "instance_id": instance_id,
        "deprecated_tags": {},
        "tags": {"origin": "rep", "deployment": "cf", "job": "cell", **(tags or {})},
        kind: dict(body),
    }


def log(text: str | bytes, *, kind: str = "OUT", **more: Any) -> Envelope:
    """Return an application's line."""
    payload = text.encode() if isinstance(text, str) else text
    body = {"payload": base64.b64encode(payload).decode(), "type": kind}
    return envelope("log", body, **{"tags": {"source_type": "APP/PROC/WEB"}, **more})


def counter(name: str, delta: int, total: int, **more: Any) -> Envelope:
    """Return a counter."""
    return envelope("counter", {"name": name, "delta": str(delta), "total": str(total)}, **more)


def gauge(values: Mapping[str, tuple[float, str]], **more: Any) -> Envelope:
    """Return a gauge of values with their units."""
    metrics = {name: {"unit": unit, "value": value} for name, (value, unit) in values.items()}
    return envelope("gauge", {"metrics": metrics}, **more)


def timer(name: str, start: int, stop: int, **more: Any) -> Envelope:
    """Return a timer, in Unix nanoseconds."""
    return envelope("timer", {"name": name, "start": str(start), "stop": str(stop)}, **more)


def event(title: str, body: str, **more: Any) -> Envelope:
    """Return a titled event."""
    return envelope("event", {"title": title, "body": body}, **more)

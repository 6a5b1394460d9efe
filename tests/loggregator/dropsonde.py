"""dropsonde v1 envelopes, written and read by hand: a second opinion, without a protobuf library.

Their decoded form is that of data/firehose-frames.jsonl: 64-bit integers as strings, bytes as
base64, enumerations by name.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

Document = dict[str, Any]
Wire = int | bytes


class Field(Struct, frozen=True):
    """A field's name and kind: int32 int64 uint64 double string bytes map, an enum or a message."""

    name: str
    kind: str
    required: bool = False
    repeated: bool = False


def _required(name: str, kind: str) -> Field:
    return Field(name, kind, required=True)


# fmt: off
_METHODS = [
    "GET", "POST", "PUT", "DELETE", "HEAD", "ACL",
    "BASELINE_CONTROL", "BIND", "CHECKIN", "CHECKOUT", "CONNECT", "COPY",
    "DEBUG", "LABEL", "LINK", "LOCK", "MERGE", "MKACTIVITY",
    "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "OPTIONS",
    "ORDERPATCH", "PATCH", "PRI", "PROPFIND", "PROPPATCH", "REBIND",
    "REPORT", "SEARCH", "SHOWMETHOD", "SPACEJUMP", "TEXTSEARCH", "TRACE",
    "TRACK", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE",
    "UPDATEREDIRECTREF", "VERSION_CONTROL",
]
# fmt: on
ENUMS: dict[str, dict[int, str]] = {
    "EventType": {
        4: "HttpStartStop",
        5: "LogMessage",
        6: "ValueMetric",
        7: "CounterEvent",
        8: "Error",
        9: "ContainerMetric",
    },
    "MessageType": {1: "OUT", 2: "ERR"},
    "PeerType": {1: "Client", 2: "Server"},
    "Method": dict(enumerate(_METHODS, 1)),
}
MESSAGES: dict[str, dict[int, Field]] = {
    "Envelope": {
        1: _required("origin", "string"),
        2: _required("eventType", "EventType"),
        6: Field("timestamp", "int64"),
        7: Field("httpStartStop", "HttpStartStop"),
        8: Field("logMessage", "LogMessage"),
        9: Field("valueMetric", "ValueMetric"),
        10: Field("counterEvent", "CounterEvent"),
        11: Field("error", "Error"),
        12: Field("containerMetric", "ContainerMetric"),
        13: Field("deployment", "string"),
        14: Field("job", "string"),
        15: Field("index", "string"),
        16: Field("ip", "string"),
        17: Field("tags", "map"),
    },
    "LogMessage": {
        1: _required("message", "bytes"),
        2: _required("message_type", "MessageType"),
        3: _required("timestamp", "int64"),
        4: Field("app_id", "string"),
        5: Field("source_type", "string"),
        6: Field("source_instance", "string"),
    },
    "HttpStartStop": {
        1: _required("startTimestamp", "int64"),
        2: _required("stopTimestamp", "int64"),
        3: _required("requestId", "UUID"),
        4: _required("peerType", "PeerType"),
        5: _required("method", "Method"),
        6: _required("uri", "string"),
        7: _required("remoteAddress", "string"),
        8: _required("userAgent", "string"),
        9: _required("statusCode", "int32"),
        10: _required("contentLength", "int64"),
        12: Field("applicationId", "UUID"),
        13: Field("instanceIndex", "int32"),
        14: Field("instanceId", "string"),
        15: Field("forwarded", "string", repeated=True),
    },
    "ValueMetric": {
        1: _required("name", "string"),
        2: _required("value", "double"),
        3: _required("unit", "string"),
    },
    "CounterEvent": {
        1: _required("name", "string"),
        2: _required("delta", "uint64"),
        3: Field("total", "uint64"),
    },
    "ContainerMetric": {
        1: _required("applicationId", "string"),
        2: _required("instanceIndex", "int32"),
        3: _required("cpuPercentage", "double"),
        4: _required("memoryBytes", "uint64"),
        5: _required("diskBytes", "uint64"),
        6: Field("memoryBytesQuota", "uint64"),
        7: Field("diskBytesQuota", "uint64"),
    },
    "Error": {
        1: _required("source", "string"),
        2: _required("code", "int32"),
        3: _required("message", "string"),
    },
    "UUID": {1: _required("low", "uint64"), 2: _required("high", "uint64")},
    "map": {1: Field("key", "string"), 2: Field("value", "string")},
}
_BODIES = {f"{name[0].lower()}{name[1:]}": name for name in ENUMS["EventType"].values()}


def encode(document: Document, message: str = "Envelope") -> bytes:
    """Return a message's bytes; fields in the order of their numbers."""
    out = bytearray()
    for number, field in sorted(MESSAGES[message].items()):
        if field.name not in document:
            assert not field.required, f"{message} has no {field.name}"
            continue
        value = document[field.name]
        for one in _each(field, value):
            out += _encoded(number, field.kind, one)
    return bytes(out)


def _each(field: Field, value: Any) -> list[Any]:
    if field.kind == "map":
        return [{"key": key, "value": text} for key, text in value.items()]
    return list(value) if field.repeated else [value]


def _encoded(number: int, kind: str, value: Any) -> bytes:
    if kind == "double":
        return _varint(number << 3 | 1) + struct.pack("<d", value)
    if kind in ENUMS:
        value = next(key for key, name in ENUMS[kind].items() if name == value)
    if kind in ENUMS or "int" in kind:
        return _varint(number << 3) + _varint(int(value) & 0xFFFF_FFFF_FFFF_FFFF)
    if kind == "string":
        data: bytes = value.encode()
    elif kind == "bytes":
        data = base64.b64decode(value)
    else:
        data = encode(value, kind)
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def decode(data: bytes, message: str = "Envelope") -> Document:
    """Return a message's decoded form; ``ValueError`` where it is none, or lacks what it needs."""
    fields, found = MESSAGES[message], dict[str, Any]()
    for number, value in _fields(data):
        if field := fields.get(number):
            decoded = _decoded(field.kind, value)
            if field.kind == "map":
                found.setdefault(field.name, {})[decoded.get("key", "")] = decoded.get("value", "")
            elif field.repeated:
                found.setdefault(field.name, []).append(decoded)
            else:
                found[field.name] = decoded
    if absent := [one.name for one in fields.values() if one.required and one.name not in found]:
        raise ValueError(f"{message} has no {', '.join(absent)}")
    return found


def _fields(data: bytes) -> Iterator[tuple[int, Wire]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _read_varint(data, at)
            yield key >> 3, value
            continue
        if kind not in (1, 2, 5):
            raise ValueError(f"no such wire type: {kind}")
        size, at = _read_varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        if at + size > len(data):
            raise ValueError("it ends within a field")
        yield key >> 3, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        value |= (data[at] & 0x7F) << shift
        if not data[at] & 0x80:
            return value, at + 1
        at, shift = at + 1, shift + 7
    raise ValueError("it ends within a number")


def _decoded(kind: str, value: Wire) -> Any:
    if isinstance(value, int):
        if kind in ENUMS:
            return ENUMS[kind].get(value, value)
        if kind in ("int32", "int64") and value >> 63:
            value -= 1 << 64
        if "int" not in kind:
            raise ValueError(f"a number instead of {kind}")
        return value if kind == "int32" else str(value)
    if kind == "double":
        return struct.unpack("<d", value)[0]
    if kind == "string":
        return value.decode()
    return base64.b64encode(value).decode() if kind == "bytes" else decode(value, kind)


def kind_of(document: Mapping[str, Any]) -> str:
    """Return the name of the event type."""
    return str(document["eventType"])


def app_of(document: Document) -> str:
    """Return the application in whose stream an envelope is; empty for one that is in none."""
    if log := document.get("logMessage"):
        return str(log.get("app_id", ""))
    if metric := document.get("containerMetric"):
        return str(metric["applicationId"])
    request = document.get("httpStartStop", {})
    return guid(request["applicationId"]) if "applicationId" in request else ""


def guid(uuid: Document) -> str:
    """Return the text of a UUID message: its halves are little-endian."""
    data = struct.pack("<QQ", int(uuid["low"]), int(uuid["high"])).hex()
    return "-".join((data[:8], data[8:12], data[12:16], data[16:20], data[20:]))


def uuid_of(text: str) -> Document:
    """Return the UUID message of a text."""
    low, high = struct.unpack("<QQ", bytes.fromhex(text.replace("-", "")))
    return {"low": str(low), "high": str(high)}

"""What the fields of entries say: who wrote them, how severe they are, what else there is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from penstock.api import EMPTY, Patterns, Value
from penstock_source_journald.entry import Entry, Fields
from penstock_source_journald.own import Own
from penstock_source_journald.partials import is_part
from penstock_source_journald.resources import KEYS, Origin, Resources

SEVERITIES = {
    b"0": 24,
    b"1": 23,
    b"2": 18,
    b"3": 17,
    b"4": 13,
    b"5": 10,
    b"6": 9,
    b"7": 5,
}
"""OpenTelemetry's numbers of syslog's priorities."""

STREAMS = {b"6": "stdout", b"3": "stderr"}
"""Docker's journald driver writes a priority for each stream."""

NAMES = {
    b"CODE_FILE": "code.file.path",
    b"CODE_FUNC": "code.function.name",
    b"CODE_LINE": "code.line.number",
    b"TID": "thread.id",
}
"""Fields that OpenTelemetry has a name for; all others keep theirs."""

MAPPED = frozenset(
    (
        *KEYS,
        *(b"PRIORITY", b"__MONOTONIC_TIMESTAMP", b"__SEQNUM", b"__SEQNUM_ID"),
        *(b"SYSLOG_PID", b"SYSLOG_TIMESTAMP", b"SYSLOG_RAW"),
        *(b"CONTAINER_ID", b"CONTAINER_TAG", b"CONTAINER_LOG_EPOCH", b"CONTAINER_LOG_ORDINAL"),
        *(b"CONTAINER_PARTIAL_MESSAGE", b"CONTAINER_PARTIAL_ID"),
        *(b"CONTAINER_PARTIAL_ORDINAL", b"CONTAINER_PARTIAL_LAST"),
    )
)
"""Fields that are said otherwise, or would say the same again."""

KNOWN_NAMES = 4_096
ATTRIBUTE_BYTES = 128
"""What an attribute costs beside its text."""


class Shape:
    """What all entries of a block have alike."""

    __slots__ = ("attributes", "is_own", "is_part", "origin", "severity", "size", "stream")

    def __init__(self, origin: Origin, fields: Fields, attributes: Mapping[str, Value]) -> None:
        priority = fields.get(b"PRIORITY", b"")
        self.origin = origin
        self.severity = SEVERITIES.get(priority, 0)
        self.stream = STREAMS.get(priority, "") if origin.is_container else origin.stream
        self.attributes = attributes
        self.size = sum(
            len(key) + len(str(one)) + ATTRIBUTE_BYTES for key, one in attributes.items()
        )
        self.is_part = origin.is_container and is_part(fields)
        self.is_own = False


class Shapes:
    """Makes shapes."""

    def __init__(self, wanted: Patterns, resources: Resources, own: Own) -> None:
        self.own = own
        self._wanted = wanted
        self._resources = resources
        self._names: dict[bytes, str] = {}

    def of(self, entry: Entry) -> Shape:
        """Return an entry's shape, made once for each block."""
        shape = entry.block.shape
        if type(shape) is not Shape:
            fields = entry.block.fields
            attributes = {
                key: value.decode("utf-8", "replace")
                for name, value in fields.items()
                if (key := self._name(name))
            }
            shape = Shape(self._resources.of(fields), fields, attributes or EMPTY)
            shape.is_own = self.own.may_have_written(fields)
            entry.block.shape = shape
        return shape

    def _name(self, field: bytes) -> str:
        """Return the attribute's name, empty for a field that is none."""
        known = self._names.get(field)
        if known is None:
            if len(self._names) >= KNOWN_NAMES:
                self._names.clear()
            text = field.decode("utf-8", "replace")
            is_wanted = field not in MAPPED and self._wanted.matches(text)
            known = self._names[field] = NAMES.get(field, text) if is_wanted else ""
        return known


def event_time(entry: Entry, shape: Shape) -> int:
    """Return when an entry was written, else when the journal received it, in nanoseconds."""
    # Docker's own time of the line, since version 23.
    stamp = entry.block.fields.get(b"SYSLOG_TIMESTAMP") if shape.origin.is_container else None
    if stamp and (nanoseconds := _rfc3339(stamp)):
        return nanoseconds
    return int(entry.written or entry.time) * 1000


def _rfc3339(stamp: bytes) -> int:
    """Return Unix nanoseconds, 0 for what is no time in UTC."""
    second, _, fraction = stamp.rpartition(b"Z")[0].partition(b".")
    if fraction and not fraction.isdigit():
        return 0
    return _second(second) + int(fraction[:9].ljust(9, b"0") or 0) if _second(second) else 0


@lru_cache(64)
def _second(second: bytes) -> int:
    try:
        moment = datetime.fromisoformat(f"{second.decode()}+00:00")
    except ValueError:
        return 0
    return int(moment.timestamp()) * 1_000_000_000

"""Logs as Datadog's intake takes them."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.api import Event, Gap, Log, Resource, TitledEvent, Value, event_id, rfc3339
from penstock.http import GAP_SEVERITY, Notices, encoded, encoded_word, gap_text
from penstock_sink_datadog.limits import LOGS, MAX_LOG_AGE_S
from penstock_sink_datadog.origin import Origin

STATUSES = ("", "debug", "debug", "info", "warn", "error", "critical")
"""By the group of four that a severity number is in: unknown, trace, debug, … fatal."""

RESERVED = frozenset(
    {
        "message",
        "timestamp",
        "status",
        "ddsource",
        "ddtags",
        "hostname",
        "host",
        "service",
        "stream",
        "event_id",
        "original_timestamp",
        "title",
    }
)
"""What an event's attribute of the same name must not overwrite."""

MARK = "...[cut]"


class Logs:
    """Encodes logs; what they share with their origin is encoded once."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    def encode(self, resource: Resource, origin: Origin, event: Event, now_unix_nano: int) -> bytes:
        """Return the log's JSON object."""
        severity, text = _severity_and_text(event)
        rest = self._time(event, now_unix_nano)
        if status := STATUSES[(severity + 3) // 4] if 0 < severity <= 24 else "":
            rest += b'"status":"%b",' % status.encode()
        rest += _own(resource, event) + origin.shared
        piece = b'{"message":%b,%b}' % (encoded(text), rest)
        if len(piece) > LOGS.max_event_bytes:
            piece = self._shortened(text, rest)
        return piece

    def _time(self, event: Event, now_unix_nano: int) -> bytes:
        time = event.time_unix_nano
        if now_unix_nano - time > MAX_LOG_AGE_S * 1_000_000_000:
            self._notices.add("logs older than 18 hours, sent with the time of their arrival")
            return b'"original_timestamp":"%b",' % rfc3339(time).encode()
        return b'"timestamp":%d,' % (time // 1_000_000)

    def _shortened(self, text: str, rest: bytes) -> bytes:
        """Cut the text so far that all of it fits; too many attributes make it no better."""
        self._notices.add("logs cut to Datadog's limit of 1 MB")
        room = LOGS.max_event_bytes - len(rest) - len(b'{"message":,}') - len(MARK)
        while text and len(made := encoded(text + MARK)) > room:
            keep = len(text) * room // len(made)
            text = text[: max(min(keep, len(text) - 1), 0)]
        return b'{"message":%b,%b}' % (encoded(text + MARK), rest)


def _severity_and_text(event: Event) -> tuple[int, str]:
    if isinstance(event, Log):
        return event.severity_number, event.body
    if isinstance(event, TitledEvent):
        return 0, event.body
    return (GAP_SEVERITY, gap_text(event)) if isinstance(event, Gap) else (0, "")


def _own(resource: Resource, event: Event) -> bytes:
    if type(event) is Log and event.stream and not event.attributes:
        ident = encoded(event_id(resource.origin, event))
        return b'"stream":%b,"event_id":%b' % (encoded_word(event.stream), ident)
    own: dict[str, Value] = _attributes(event.attributes) if event.attributes else {}
    if stream := getattr(event, "stream", ""):
        own["stream"] = stream
    if isinstance(event, TitledEvent):
        own["title"] = event.title
    own["event_id"] = event_id(resource.origin, event)
    return encoded(own)[1:-1]


def _attributes(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {
        f"attributes.{key}" if key in RESERVED else key: value for key, value in attributes.items()
    }

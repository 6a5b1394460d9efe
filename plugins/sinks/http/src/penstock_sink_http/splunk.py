"""Splunk's HTTP Event Collector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from penstock.api import (
    Batch,
    ConfigError,
    Event,
    Gap,
    Log,
    Resource,
    Template,
    event_id,
    severity_text,
)
from penstock.http import (
    GAP_SEVERITY,
    Answer,
    Client,
    Limits,
    Notices,
    Owner,
    Section,
    Url,
    Verdict,
    encoded,
    events_of,
    gap_text,
)
from penstock_sink_http.format import NO_PRESET, TEXTS, Format, one_section, probe_with
from penstock_sink_http.settings import HttpSinkSettings

PATH = "/services/collector/event"

INVALID_FORMAT = 6
SETTINGS = frozenset({7, 10, 11, 14})
"""Codes of a 400 that no event is to blame for: the index, the channel, acknowledgements."""

_HOST = Template("{host.name}")
_SOURCE = Template("{container.name|systemd.unit|service.name}")


class SplunkHec(Format):
    """An object for each event, one after the other; resource, tags and id as indexed fields."""

    accepts = TEXTS
    accepts_more = NO_PRESET
    limits = Limits(max_body_bytes=1_000_000)
    scheme = "Splunk"

    def __init__(self, config: HttpSinkSettings, notices: Notices) -> None:
        super().__init__(config, notices)
        self._known: WeakKeyDictionary[Resource, tuple[bytes, bytes]] = WeakKeyDictionary()

    def address(self, url: Url) -> str:
        return url.with_path(PATH).reveal()

    def sections(self, batch: Batch) -> list[Section]:
        resource = batch.resource
        head, fields = self._known.get(resource) or self._remember(resource)
        pieces = [_piece(resource, event, head, fields) for event in batch.events]
        return one_section(batch, pieces)

    def _remember(self, resource: Resource) -> tuple[bytes, bytes]:
        about = {"host": _HOST.render(resource, None), "source": _SOURCE.render(resource, None)}
        head = encoded({key: value for key, value in about.items() if value})[1:-1]
        texts = {key: str(value) for key, value in {**resource.tags, **resource.attributes}.items()}
        fields = encoded({key: value for key, value in texts.items() if value})[1:-1]
        parts = (head + b"," if head else b"", fields + b"," if fields else b"")
        self._known[resource] = parts
        return parts

    def judge(self, answer: Answer, owners: Sequence[Owner]) -> Verdict | None:
        said = answer.json()
        if answer.ok or not isinstance(said, dict):
            return None
        code, number = said.get("code"), said.get("invalid-event-number")
        if code in SETTINGS:
            raise ConfigError(f"answered {answer.status}: {said.get('text')} (code {code})")
        events = events_of(owners)
        if code == INVALID_FORMAT and isinstance(number, int) and 0 <= number < len(events):
            # Those before it may have been taken: to send them twice is better than never.
            rest = [*events[:number], *events[number + 1 :]]
            return Verdict({events[number]: f"{answer.status}: {said.get('text')}"}, rest)
        return None

    async def probe(self, client: Client) -> bool:
        url = self.address(client.destination.url)
        # Without an event a good token is answered "No data", a wrong one 401 or 403.
        await probe_with(client, url, b"", self.content_type)
        return True


def _piece(resource: Resource, event: Event, head: bytes, fields: bytes) -> bytes:
    seconds, rest = divmod(event.time_unix_nano, 1_000_000_000)
    text, own = _text_and_fields(resource, event)
    return b'{"time":%d.%06d,%b"event":%b,"fields":{%b%b}}\n' % (
        seconds,
        rest // 1000,
        head,
        encoded(text),
        fields,
        encoded(own)[1:-1],
    )


def _text_and_fields(resource: Resource, event: Event) -> tuple[str, dict[str, Any]]:
    own: dict[str, Any] = {key: str(value) for key, value in event.attributes.items()}
    own["id"] = event_id(resource.origin, event)
    number, text = GAP_SEVERITY, ""
    if isinstance(event, Log):
        # An empty event would be refused, and with it all that is in the same body.
        number, text = event.severity_number, event.body or " "
        if event.stream:
            own["stream"] = event.stream
    elif isinstance(event, Gap):
        text = gap_text(event)
    if word := severity_text(number):
        own["severity"] = word
    return text, own

"""OpenTelemetry's protocol over HTTP, with logs as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.api import Batch, Event, Gap, Log, Resource, Value, event_id, severity_text
from penstock.http import (
    GAP_SEVERITY,
    Answer,
    Client,
    Envelope,
    Limits,
    Owner,
    Section,
    Statuses,
    Url,
    Verdict,
    encoded,
    events_of,
    gap_text,
)
from penstock_sink_http.format import NO_PRESET, TEXTS, Format, probe_with

PATH = "/v1/logs"


class Otlp(Format):
    """A ``resourceLogs`` for each container, and its lines as records.

    The specification has 429, 502, 503 and 504 tried again and nothing else; of a partial success
    it does not say which records were refused.
    """

    accepts = TEXTS
    accepts_more = NO_PRESET
    envelope = Envelope(head=b'{"resourceLogs":[', tail=b"]}", between=b",")
    limits = Limits(max_body_bytes=8_000_000)
    statuses = Statuses(fatal=frozenset({500, 501, 505}))

    def address(self, url: Url) -> str:
        return url.with_path(PATH).reveal()

    def sections(self, batch: Batch) -> list[Section]:
        resource = batch.resource
        head = (
            b'{"resource":{"attributes":%b},"scopeLogs":[{"scope":{"name":"penstock"},'
            b'"logRecords":[' % encoded(_attributes(_described(resource)))
        )
        pieces = [encoded(_record(resource, event)) for event in batch.events]
        return [Section(list(batch.events), pieces, head, b"]}]}")]

    def judge(self, answer: Answer, owners: Sequence[Owner]) -> Verdict | None:
        said = answer.json() if answer.ok else None
        partial = said.get("partialSuccess") if isinstance(said, dict) else None
        if not isinstance(partial, dict):
            return None
        count = _number(partial.get("rejectedLogRecords"))
        if not count:
            return None
        # All of them are kept: it is not known which were taken, and none may be lost.
        why = (
            f"the receiver refused {count} of {len(owners)} records without saying which: "
            f"{partial.get('errorMessage', '')}"
        )
        return Verdict(dict.fromkeys(events_of(owners), why))

    async def probe(self, client: Client) -> bool:
        url = self.address(client.destination.url)
        await probe_with(client, url, b'{"resourceLogs":[]}', self.content_type)
        return True


def _described(resource: Resource) -> dict[str, Value]:
    return {**resource.tags, **resource.attributes}


def _record(resource: Resource, event: Event) -> dict[str, Any]:
    attributes: dict[str, Value] = dict(event.attributes)
    attributes["log.record.uid"] = event_id(resource.origin, event)
    number, text = GAP_SEVERITY, ""
    if isinstance(event, Log):
        number, text = event.severity_number, event.body
        if event.stream:
            attributes["log.iostream"] = event.stream
    elif isinstance(event, Gap):
        text = gap_text(event)
    record: dict[str, Any] = {
        "timeUnixNano": str(max(event.time_unix_nano, 0)),
        "body": {"stringValue": text},
        "attributes": _attributes(attributes),
    }
    if word := severity_text(number):
        record["severityNumber"] = number
        record["severityText"] = word.upper()
    return record


def _attributes(values: dict[str, Value]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any_value(value)} for key, value in values.items()]


def _any_value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value}


def _number(value: object) -> int:
    # Protobuf's JSON writes 64-bit numbers as strings.
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else 0

"""Formats of plain endpoints: a JSON object a line, an array of them, or lines of text."""

from __future__ import annotations

from penstock.api import Batch, Gap, Template, encode_events
from penstock.http import Envelope, Notices, Section, gap_text
from penstock_sink_http.format import TEXTS, Format, one_section
from penstock_sink_http.settings import HttpSinkSettings


class Ndjson(Format):
    """Every event as a JSON object in a line of its own."""

    content_type = "application/x-ndjson"
    envelope = Envelope(between=b"\n", tail=b"\n")

    def sections(self, batch: Batch) -> list[Section]:
        return one_section(batch, encode_events(batch.resource, batch.events))


class Json(Format):
    """All events of a body in one JSON array."""

    envelope = Envelope(head=b"[", tail=b"]", between=b",")

    def sections(self, batch: Batch) -> list[Section]:
        return one_section(batch, encode_events(batch.resource, batch.events))


class Text(Format):
    """A line for each log, as the template says, and for each gap; line breaks are escaped."""

    accepts = TEXTS
    accepts_more = 'use format = "ndjson" or "json"'
    content_type = "text/plain; charset=utf-8"
    envelope = Envelope(between=b"\n", tail=b"\n")

    def __init__(self, config: HttpSinkSettings, notices: Notices) -> None:
        super().__init__(config, notices)
        self._render = (config.template or Template("{message}")).render

    def sections(self, batch: Batch) -> list[Section]:
        render, resource = self._render, batch.resource
        texts = (
            gap_text(event) if isinstance(event, Gap) else render(resource, event) or ""
            for event in batch.events
        )
        return one_section(batch, [_line(text) for text in texts])


def _line(text: str) -> bytes:
    if "\n" in text or "\r" in text:
        text = text.replace("\r", "\\r").replace("\n", "\\n")
    return text.encode(errors="replace")

"""Grafana Loki: streams of lines by their labels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from penstock.api import Batch, ConfigError, Event, Gap, Log, Template
from penstock.http import Client, Envelope, Limits, Notices, Section, Url, encoded, gap_text
from penstock_sink_http.format import NO_PRESET, TEXTS, Format, probe_with
from penstock_sink_http.settings import HttpSinkSettings

PUSH = "/loki/api/v1/push"
MAX_LABEL_CHARS = 2048

DEFAULT_LABELS: Mapping[str, Template] = {
    "service_name": Template("{service.name|container.name|systemd.unit}"),
    "host": Template("{host.name}"),
    "stream": Template("{stream}"),
}
"""Few values each: every combination is a stream of its own."""

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Loki(Format):
    """Lines with their time in nanoseconds, in one stream for each set of labels."""

    accepts = TEXTS
    accepts_more = NO_PRESET
    envelope = Envelope(head=b'{"streams":[', tail=b"]}", between=b",")
    limits = Limits(max_body_bytes=4_000_000)

    def __init__(self, config: HttpSinkSettings, notices: Notices) -> None:
        super().__init__(config, notices)
        labels = DEFAULT_LABELS if config.labels is None else config.labels
        for name in labels:
            if not _NAME.fullmatch(name):
                raise ConfigError(f"labels.{name}: a label's name has letters, digits and _ only")
        self._shared = {name: one for name, one in labels.items() if one.per_resource}
        self._own = {name: one for name, one in labels.items() if not one.per_resource}

    def address(self, url: Url) -> str:
        return url.with_path(PUSH).reveal()

    def sections(self, batch: Batch) -> list[Section]:
        resource = batch.resource
        shared = {name: one.render(resource, None) for name, one in self._shared.items()}
        streams: dict[tuple[str | None, ...], Section] = {}
        own = [one.render for one in self._own.values()]
        for event in batch.events:
            values = tuple([render(resource, event) for render in own])
            section = streams.get(values)
            if section is None:
                labels = {**shared, **dict(zip(self._own, values, strict=True))}
                section = streams[values] = Section([], [], _head(labels), b"]}")
            section.owners.append(event)
            section.pieces.append(b'["%d",%b]' % (event.time_unix_nano, encoded(_line(event))))
        return list(streams.values())

    async def probe(self, client: Client) -> bool:
        url = self.address(client.destination.url)
        await probe_with(client, url, b'{"streams":[]}', self.content_type)
        return True


def _head(labels: Mapping[str, str | None]) -> bytes:
    present = {name: value[:MAX_LABEL_CHARS] for name, value in labels.items() if value}
    return b'{"stream":%b,"values":[' % encoded(present or {"service_name": "unknown_service"})


def _line(event: Event) -> str:
    if isinstance(event, Log):
        return event.body
    return gap_text(event) if isinstance(event, Gap) else ""

"""The sink: a format, an address, and headers that may depend on the event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from penstock.api import Batch, Event, Resource, Template
from penstock.http import (
    Answer,
    Client,
    Destination,
    Encoded,
    Limits,
    Owner,
    Parcel,
    PostingSink,
    Target,
    Verdict,
    is_sensitive,
    safe_value,
)
from penstock_sink_http.elasticsearch import Elasticsearch
from penstock_sink_http.format import Format
from penstock_sink_http.loki import Loki
from penstock_sink_http.otlp import Otlp
from penstock_sink_http.plain import Json, Ndjson, Text
from penstock_sink_http.settings import HttpSinkSettings, check_settings
from penstock_sink_http.splunk import SplunkHec

FORMATS: Mapping[str, type[Format]] = {
    "ndjson": Ndjson,
    "json": Json,
    "text": Text,
    "elasticsearch": Elasticsearch,
    "loki": Loki,
    "otlp": Otlp,
    "splunk_hec": SplunkHec,
}

Headers = tuple[tuple[str, str], ...]


class HttpSink(PostingSink):
    """Posts events to a web server, in a plain format or in the way of a well-known API."""

    name = "http"
    requires_api = "1.0"
    stability = "beta"

    class Config(HttpSinkSettings, frozen=True, kw_only=True):
        """See ``settings.py``."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        check_settings(config)
        self.method = config.method
        self._format = FORMATS[config.preset or config.format or "ndjson"](config, self.notices)
        self.accepts = self._format.accepts
        self.accepts_more = self._format.accepts_more
        self._url = self._format.address(config.url)
        self._limits = _limits(self._format.limits, config.max_body_bytes)
        self._by_event = any(not one.per_resource for one in config.headers.values())

    def destination(self) -> Destination:
        config, auth = self.config, self.config.auth
        return Destination(
            url=config.url,
            headers=auth.headers(self._format.scheme) if auth else {},
            secrets=(*(auth.secrets if auth else ()), *_secret_headers(config.headers)),
            compression=config.compression,
            timeout_s=config.timeout_s,
            proxy=config.proxy,
            statuses=self._format.statuses,
        )

    def encode(self, batches: Sequence[Batch]) -> Encoded:
        parcels: dict[Headers, Parcel] = {}
        for batch in batches:
            for headers, part in self._by_headers(batch):
                sections = self._format.sections(part)
                parcel = parcels.get(headers)
                if parcel is None:
                    parcel = parcels[headers] = Parcel(self._target(headers), [])
                parcel.sections.extend(sections)
        return Encoded(list(parcels.values()))

    def judge(self, answer: Answer, owners: Sequence[Owner]) -> Verdict | None:
        return self._format.judge(answer, owners)

    async def probe(self, client: Client) -> None:
        if not await self._format.probe(client):
            await super().probe(client)

    def _target(self, headers: Headers) -> Target:
        form = self._format
        return Target(
            url=self._url,
            content_type=form.content_type,
            envelope=form.envelope,
            limits=self._limits,
            headers=dict(headers),
        )

    def _by_headers(self, batch: Batch) -> Sequence[tuple[Headers, Batch]]:
        """Divide a batch by the headers that its events are sent with."""
        if not self._by_event:
            return [(self._headers(batch.resource, None), batch)]
        parts: dict[Headers, list[Event]] = {}
        for event in batch.events:
            parts.setdefault(self._headers(batch.resource, event), []).append(event)
        return [(headers, replace(batch, events=events)) for headers, events in parts.items()]

    def _headers(self, resource: Resource, event: Event | None) -> Headers:
        values = (
            (name, safe_value(one.render(resource, event) or ""))
            for name, one in self.config.headers.items()
        )
        return tuple([(name, value) for name, value in values if value])


def _limits(limits: Limits, max_body_bytes: int | None) -> Limits:
    return replace(limits, max_body_bytes=max_body_bytes) if max_body_bytes else limits


def _secret_headers(headers: Mapping[str, Template]) -> list[str]:
    return [one.text for name, one in headers.items() if is_sensitive(name) and "{" not in one.text]

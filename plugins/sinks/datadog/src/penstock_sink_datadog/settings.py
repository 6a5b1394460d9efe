"""The sink's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from penstock.api import Patterns, Secret, Template
from penstock.http import Compression, HttpSettings, Url

Site = Literal[
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "datadoghq.eu",
    "ddog-gov.com",
    "us2.ddog-gov.com",
]


OF_ONE_REQUEST = (
    "request_id",
    "uri",
    "remote_address",
    "user_agent",
    "forwarded",
    "content_length",
    "created_at",
    "user_data",
)
"""What Cloud Foundry says of a request: as tags, each value would be a series, and paid for."""


class DatadogSettings(HttpSettings, frozen=True, kw_only=True):
    """Whose account, and what is said of each event."""

    api_key: Annotated[Secret, Meta(description="The account's API key.")]
    site: Annotated[Site, Meta(description="The site of the account.")] = "datadoghq.com"
    logs_url: Annotated[
        Url | None, Meta(description="A logs intake of one's own, or a proxy's address for it.")
    ] = None
    metrics_url: Annotated[
        Url | None, Meta(description="A metrics intake of one's own, or a proxy's address for it.")
    ] = None
    hostname: Annotated[Template, Meta(description="Host of an event.")] = Template("{host.name}")
    service: Annotated[
        Template,
        Meta(description="Service, unless com.datadoghq.tags.service or DD_SERVICE names one."),
    ] = Template("{service.name|container.name}")
    source: Annotated[
        Template, Meta(description="Technology that a log is of: it chooses Datadog's pipeline.")
    ] = Template("{container.image.short_name}")
    tags: Annotated[Sequence[Template], Meta(description="Added to the event's own tags.")] = ()
    metric_prefix: Annotated[
        Template, Meta(description="Goes before every metric's name, dot and all.")
    ] = Template("")
    metric_tags: Annotated[
        Patterns,
        Meta(
            description="Names of event attributes that become tags of metrics; by default all "
            "but those that differ from one request to the next."
        ),
    ] = Patterns("*", *(f"!{name}" for name in OF_ONE_REQUEST))
    counters: Annotated[
        Literal["delta", "total"],
        Meta(description="Counters as counts of what was added, or as gauges of their totals."),
    ] = "delta"
    compression: Annotated[Compression, Meta(description="How bodies are compressed.")] = "gzip"
    order: Annotated[
        Literal["stream", "resource", "none"],
        Meta(description="What keeps its order; Datadog sorts by time."),
    ] = "none"

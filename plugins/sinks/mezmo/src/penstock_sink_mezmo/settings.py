"""The sink's settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from penstock.api import Secret, Template
from penstock.http import Compression, HttpSettings, Url
from penstock_sink_mezmo import environment
from penstock_sink_mezmo.limits import MAX_BODY_BYTES, MAX_LINE_BYTES, USUAL_BODY_BYTES


class MezmoSettings(HttpSettings, frozen=True, kw_only=True):
    """Whose lines, and what is said of each."""

    api_key: Annotated[
        Secret | None,
        Meta(description="The ingestion key; default: the environment's MEZMO_KEY or LOGDNA_KEY."),
    ] = None
    url: Annotated[
        Url | None,
        Meta(
            description="The ingestion address, of Mezmo (https://logs.mezmo.com/logs/ingest) or "
            "on premises; default: LOGDNA_URL, else Mezmo's."
        ),
    ] = None
    hostname: Annotated[
        Template, Meta(description="Host of a line; without one it is this machine's.")
    ] = Template("{host.name}")
    app: Annotated[Template, Meta(description="App of a line.")] = Template(
        "{service.name|container.name}"
    )
    level: Annotated[Template, Meta(description="Level of a line, sent in upper case.")] = Template(
        "{severity}"
    )
    env: Annotated[Template, Meta(description="Environment of a line.")] = Template("{tags.env}")
    meta: Annotated[
        Mapping[str, Template] | None,
        Meta(description="Meta of a line; default: its resource, stream, attributes and id."),
    ] = None
    tags: Annotated[
        Sequence[Template] | None,
        Meta(description="Added to the event's own tags (key:value); default: TAGS."),
    ] = None
    max_line_bytes: Annotated[
        int, Meta(ge=64, le=1_000_000, description="Longer lines are cut and marked.")
    ] = MAX_LINE_BYTES
    max_body_bytes: Annotated[
        int | None,
        Meta(
            description="The longest body, before compression; default: MAX_BUFFER_SIZE in MiB, "
            f"else {USUAL_BODY_BYTES}; at most {MAX_BODY_BYTES}."
        ),
    ] = None
    timeout_s: Annotated[
        float,
        Meta(
            gt=0,
            le=600,
            description="How long a request may take; default: HTTP_CLIENT_TIMEOUT, else 30.",
        ),
    ] = environment.timeout_s(os.environ)
    compression: Annotated[Compression, Meta(description="How bodies are compressed.")] = "gzip"
    order: Annotated[
        Literal["stream", "resource", "none"],
        Meta(description="What keeps its order; Mezmo sorts by time."),
    ] = "none"

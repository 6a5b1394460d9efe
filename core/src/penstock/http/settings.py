"""The settings that all HTTP sinks share."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from penstock.api import Sink
from penstock.http.compression import Compression
from penstock.http.proxy import ProxySetting


class HttpSettings(Sink.Config, frozen=True, kw_only=True):
    """How requests are made, whatever is in them."""

    compression: Annotated[Compression, Meta(description="How bodies are compressed.")] = "none"
    timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="How long a request may take, in all.")
    ] = 30.0
    concurrency: Annotated[
        int, Meta(ge=1, le=64, description="Requests under way at the same time.")
    ] = 4
    order: Annotated[
        Literal["stream", "resource", "none"],
        Meta(description="What keeps its order: everything, each container's events, nothing."),
    ] = "resource"
    proxy: Annotated[
        ProxySetting,
        Meta(
            description="http://user:password@host:port; empty = the environment's HTTPS_PROXY, "
            'HTTP_PROXY and NO_PROXY; "none" = no proxy.'
        ),
    ] = ProxySetting("")

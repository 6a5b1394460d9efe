"""The sink's settings, and what does not go together in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from penstock.api import EMPTY, ConfigError, Template
from penstock.http import Auth, HeaderTemplate, HttpSettings, Url, check_name, check_value

Preset = Literal["elasticsearch", "loki", "otlp", "splunk_hec"]


class HttpSinkSettings(HttpSettings, frozen=True, kw_only=True):
    """Where, in which form, and under which name."""

    url: Annotated[Url, Meta(description="http:// or https:// address that takes the bodies.")]
    method: Annotated[str, Meta(pattern="^[A-Z]{1,20}$", description="The request's method.")] = (
        "POST"
    )
    format: Annotated[
        Literal["ndjson", "json", "text"] | None,
        Meta(description="ndjson (the default), json (an array), or text as template says."),
    ] = None
    template: Annotated[
        Template | None, Meta(description='A line of format = "text"; default "{message}".')
    ] = None
    preset: Annotated[
        Preset | None, Meta(description="The form and the answers of a well-known API.")
    ] = None
    headers: Annotated[
        Mapping[str, HeaderTemplate],
        Meta(description="Further headers: templates; names are always literal."),
    ] = EMPTY
    auth: Annotated[
        Auth | None,
        Meta(
            description='{ bearer = "…" }, { basic = { user, password } } '
            "or { header = { name, value } }."
        ),
    ] = None
    index: Annotated[
        Template,
        Meta(description="elasticsearch: the index or data stream."),
    ] = Template("logs-penstock-default")
    event_id: Annotated[
        bool,
        Meta(
            description="elasticsearch: the stable id as the document's, so that what is sent "
            "twice is stored once."
        ),
    ] = True
    labels: Annotated[
        Mapping[str, Template] | None,
        Meta(description="loki: the labels of a stream; default service_name, host and stream."),
    ] = None
    max_body_bytes: Annotated[
        Annotated[int, Meta(ge=1024)] | None,
        Meta(description="The longest body, before compression; default 10 MB or the preset's."),
    ] = None


def check_settings(config: HttpSinkSettings) -> None:
    """Raise a ``ConfigError`` that begins with the key at fault."""
    _check_headers(config)
    if config.preset and config.format:
        raise ConfigError(f'format: preset = "{config.preset}" has its own; leave one of them out')
    if config.template and config.format != "text":
        raise ConfigError('template: it is for format = "text"')
    if config.method != "POST" and config.preset:
        raise ConfigError(f'method: preset = "{config.preset}" is a POST')
    if config.labels is not None and config.preset != "loki":
        raise ConfigError('labels: they are for preset = "loki"')


def _check_headers(config: HttpSinkSettings) -> None:
    seen = {name.lower() for name in (config.auth.headers() if config.auth else ())}
    for name, template in config.headers.items():
        try:
            check_name(name)
            if template.per_resource and "{" not in template.text:
                check_value(template.text)
        except ValueError as error:
            raise ConfigError(f"headers.{name}: {error}") from None
        if name.lower() in seen:
            raise ConfigError(f"headers.{name}: given twice, counting auth")
        seen.add(name.lower())

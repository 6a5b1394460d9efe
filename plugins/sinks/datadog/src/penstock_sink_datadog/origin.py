"""What Datadog is told of a resource: host, service, source and tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from penstock.api import ConfigError, Resource, Template
from penstock_sink_datadog.limits import MAX_TAG_CHARS
from penstock_sink_datadog.settings import DatadogSettings

UNIFIED = {
    name: Template(f"{{container.label.com.datadoghq.tags.{name}|container.env.DD_{name.upper()}}}")
    for name in ("env", "service", "version")
}
"""Datadog's unified service tags, as its own agent reads them from a container."""

CONTAINER = {
    "container_name": Template("{container.name}"),
    "container_id": Template("{container.id}"),
    "image_name": Template("{container.image.name}"),
    "image_tag": Template("{container.image.tag}"),
}
"""Tags that Datadog's agent gives to a container's events."""

_NO_TAG = re.compile(r"[,\x00-\x20\x7f]+")


class Origin(Struct, frozen=True):
    """A resource as Datadog names it; empty where nothing is known."""

    hostname: str
    service: str
    source: str
    tags: Sequence[str]


class Origins:
    """Describes resources as the settings say."""

    def __init__(self, config: DatadogSettings) -> None:
        self._config = config
        for key, one in (
            ("hostname", config.hostname),
            ("service", config.service),
            ("source", config.source),
            *(("tags", tag) for tag in config.tags),
        ):
            if not one.per_resource:
                raise ConfigError(f"{key}: {one.text} cannot differ between a container's events")

    def of(self, resource: Resource) -> Origin:
        config = self._config
        service = UNIFIED["service"].render(resource, None) or config.service.render(resource, None)
        return Origin(
            _plain(config.hostname.render(resource, None)),
            _plain(service),
            _plain(config.source.render(resource, None)),
            tuple(self._tags(resource)),
        )

    def _tags(self, resource: Resource) -> Iterable[str]:
        own = [pair(key, value) for key, value in resource.tags.items()]
        added = [one.render(resource, None) or "" for one in self._config.tags]
        tags = dict.fromkeys(filter(None, map(tag, (*added, *own))))
        taken = {one.partition(":")[0] for one in tags}
        for name in ("env", "version"):
            value = UNIFIED[name].render(resource, None)
            if value and name not in taken:
                tags[tag(f"{name}:{value}")] = None
        for name, template in CONTAINER.items():
            if value := template.render(resource, None):
                tags.setdefault(tag(f"{name}:{value}"))
        return tags


def pair(key: str, value: object) -> str:
    """Return ``key:value``, or the key alone."""
    return f"{key}:{value}" if value != "" else key


def tag(text: str) -> str:
    """Return a tag without what separates tags, and no longer than Datadog keeps it."""
    return _NO_TAG.sub("_", text.encode(errors="replace").decode())[:MAX_TAG_CHARS].strip("_")


def _plain(text: str | None) -> str:
    return (text or "").encode(errors="replace").decode()[:MAX_TAG_CHARS]

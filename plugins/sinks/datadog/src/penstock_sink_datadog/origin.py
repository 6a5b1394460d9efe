"""What Datadog is told of a resource: host, service, source and tags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from msgspec import Struct

from penstock.api import Event, Resource, Template
from penstock.http import encoded
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

MAX_VARIANTS = 256
"""Origins that are remembered for the events of one resource."""

_NO_TAG = re.compile(r"[,\x00-\x20\x7f]+")


class Origin(Struct, frozen=True, eq=False):
    """Where events are from, as Datadog names it; empty where nothing is known.

    ``shared`` is what each of their logs says of it: the end of a JSON object.
    """

    hostname: str
    service: str
    source: str
    tags: tuple[str, ...]
    shared: bytes


class Origins:
    """Describes resources as the settings say, and their events where they differ by those."""

    def __init__(self, config: DatadogSettings) -> None:
        self._config = config
        templates = (config.hostname, config.service, config.source, *config.tags)
        self._own = tuple(one.render for one in templates if not one.per_resource)
        self.per_resource = not self._own
        """Whether all events of a resource have the same origin."""
        self._known: WeakKeyDictionary[Resource, dict[object, Origin]] = WeakKeyDictionary()

    def of(self, resource: Resource, event: Event | None) -> Origin:
        """Return the origin of an event; None stands for any where ``per_resource``."""
        known = self._known.get(resource)
        if known is None:
            known = self._known[resource] = {}
        key = tuple([render(resource, event) for render in self._own])
        origin = known.get(key)
        if origin is None:
            if len(known) >= MAX_VARIANTS:
                known.clear()
            origin = known[key] = self._describe(resource, event)
        return origin

    def _describe(self, resource: Resource, event: Event | None) -> Origin:
        config = self._config
        service = UNIFIED["service"].render(resource, None) or config.service.render(
            resource, event
        )
        hostname, name = _plain(config.hostname.render(resource, event)), _plain(service)
        source = _plain(config.source.render(resource, event))
        tags = tuple(self._tags(resource, event))
        shared = {
            "ddsource": source,
            "service": name,
            "hostname": hostname,
            "ddtags": ",".join(tags),
        }
        text = encoded({key: value for key, value in shared.items() if value})[1:-1]
        return Origin(hostname, name, source, tags, b"," + text if text else b" ")

    def _tags(self, resource: Resource, event: Event | None) -> Iterable[str]:
        own = [pair(key, value) for key, value in resource.tags.items()]
        added = [one.render(resource, event) or "" for one in self._config.tags]
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

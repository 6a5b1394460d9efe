"""Who events come from: one origin for each application instance or platform component."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.api import Event, Resource, Value
from penstock_source_firehose.cache import Cache
from penstock_source_firehose.settings import GUID
from penstock_source_firehose.text import NAME_CHARS, bounded

MAX_ORIGINS = 20_000

LATE_ORDINAL = 1 << 20
"""Where the ordinals of events begin that are older than others of their origin."""

_NAMED = {
    "cloudfoundry.app.name": "app_name",
    "cloudfoundry.space.id": "space_id",
    "cloudfoundry.space.name": "space_name",
    "cloudfoundry.org.id": "organization_id",
    "cloudfoundry.org.name": "organization_name",
    "cloudfoundry.process.id": "process_id",
    "cloudfoundry.process.type": "process_type",
}
"""OpenTelemetry's names, and the tags that hold them."""

Key = tuple[str | None, ...]


class Origin:
    """One origin, and its events that were read and not sent yet."""

    __slots__ = ("_late", "_ordinal", "_time", "events", "is_forgotten", "resource", "size")

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.events: list[Event] = []
        self.size = 0
        self.is_forgotten = False
        self._time = 0
        self._ordinal = 0
        self._late = LATE_ORDINAL

    def ordinal(self, time: int) -> int:
        """Return what tells an event from others of this origin with the same time."""
        if time > self._time:
            self._time = time
            self._ordinal = 0
            return 0
        if time == self._time:
            self._ordinal += 1
            return self._ordinal
        self._late += 1
        return self._late


class Origins:
    """Origins by source and instance id; those not heard of for long are forgotten."""

    def __init__(
        self, on_forgotten: Callable[[Origin], None] | None = None, most: int = MAX_ORIGINS
    ) -> None:
        self._on_forgotten = on_forgotten
        self._known: Cache[Key, Origin] = Cache(most, self._forget)

    def find(self, source_id: str, instance_id: str, tags: Mapping[str, str]) -> Origin:
        """Return the origin of an envelope with these ids and tags."""
        key = (source_id, instance_id, *[tags.get(name) for name in _NAMED.values()])
        found = self._known.get(key)
        if found is None:
            found = make_origin(
                bounded(source_id, NAME_CHARS), bounded(instance_id, NAME_CHARS), tags
            )
            self._known.put(key, found)
        return found

    def _forget(self, origin: Origin) -> None:
        origin.is_forgotten = True
        if self._on_forgotten:
            self._on_forgotten(origin)


def make_origin(source_id: str, instance_id: str, tags: Mapping[str, str]) -> Origin:
    """Return an origin with what OpenTelemetry's names say of it."""
    is_app = GUID.fullmatch(source_id) is not None
    kind = "app" if is_app else "system"
    attributes: dict[str, Value] = {"service.name": tags.get("app_name") or source_id}
    attributes[f"cloudfoundry.{kind}.id"] = source_id
    if instance_id:
        attributes[f"cloudfoundry.{kind}.instance.id"] = instance_id
    for name, tag in _NAMED.items():
        if value := tags.get(tag):
            attributes[name] = value
    attributes = {name: value for name, value in attributes.items() if value}
    return Origin(Resource(f"{source_id}/{instance_id}", attributes))

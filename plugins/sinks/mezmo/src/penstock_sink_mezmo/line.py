"""One line as Mezmo's ingestion takes it, encoded with what its resource contributes once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from weakref import WeakKeyDictionary

from msgspec import Struct

from penstock.api import Event, Gap, Log, Resource, Template, event_id
from penstock.http import Notices, encoded, encoded_word, gap_text
from penstock_sink_mezmo.limits import (
    MARK,
    MAX_APP_BYTES,
    MAX_LEVEL_BYTES,
    MAX_META_BYTES,
    cut,
)
from penstock_sink_mezmo.settings import MezmoSettings

GAP_LEVEL = "WARN"
_NO_LETTERS = re.compile("[^A-Za-z]+")


class _Shared(Struct, frozen=True):
    """What all lines of a resource have: their members, and the beginning of their meta."""

    members: bytes
    meta: bytes


class Lines:
    """Encodes lines; templates that need no event are rendered once for a resource."""

    def __init__(self, config: MezmoSettings, notices: Notices) -> None:
        self._limit = config.max_line_bytes
        self._notices = notices
        fields = {"level": config.level, "app": config.app, "env": config.env}
        self._fixed = {name: one for name, one in fields.items() if one.per_resource}
        self._own = {name: one for name, one in fields.items() if not one.per_resource}
        self._meta = config.meta
        self._known: WeakKeyDictionary[Resource, _Shared] = WeakKeyDictionary()

    def encode(self, resource: Resource, event: Event) -> bytes:
        """Return the line's JSON object."""
        shared = self._known.get(resource) or self._remember(resource)
        text = event.body if isinstance(event, Log) else _text(event)
        line = cut(text, self._limit, MARK)
        if line is not text:
            self._notices.add("lines cut to max_line_bytes")
        return b'{"timestamp":%d,"line":%b%b%b%b}' % (
            event.time_unix_nano // 1_000_000,
            encoded(line),
            shared.members,
            _members(self._own, resource, event),
            self._meta_member(shared, resource, event),
        )

    def _remember(self, resource: Resource) -> _Shared:
        meta = {key: str(value) for key, value in resource.attributes.items()}
        inner = encoded(meta)[1:-1] if self._meta is None else b""
        if len(inner) > MAX_META_BYTES // 2:
            self._notices.add("meta shortened to what Mezmo takes")
            inner = _fitting(meta, MAX_META_BYTES // 2)
        shared = _Shared(_members(self._fixed, resource, None), inner)
        self._known[resource] = shared
        return shared

    def _meta_member(self, shared: _Shared, resource: Resource, event: Event) -> bytes:
        if self._meta is None and not event.attributes:
            inner = _usual_meta(resource, event)
        else:
            own = self._own_meta(resource, event)
            inner = encoded(own)[1:-1] if own else b""
        if len(shared.meta) + len(inner) > MAX_META_BYTES - 64:
            self._notices.add("meta shortened to what Mezmo takes")
            inner = _fitting(
                self._own_meta(resource, event), MAX_META_BYTES - 64 - len(shared.meta)
            )
        parts = [part for part in (shared.meta, inner) if part]
        return b',"meta":{%b}' % b",".join(parts) if parts else b""

    def _own_meta(self, resource: Resource, event: Event) -> dict[str, str]:
        # Everything is text: of a line whose key has another type than before no meta is kept.
        if self._meta is not None:
            values = {key: one.render(resource, event) for key, one in self._meta.items()}
            return {key: value for key, value in values.items() if value is not None}
        own = {f"attributes.{key}": str(value) for key, value in event.attributes.items()}
        if stream := getattr(event, "stream", ""):
            own["stream"] = stream
        own["id"] = event_id(resource.origin, event)
        return own


def _usual_meta(resource: Resource, event: Event) -> bytes:
    stream = getattr(event, "stream", "")
    ident = encoded(event_id(resource.origin, event))
    return b'"stream":%b,"id":%b' % (encoded_word(stream), ident) if stream else b'"id":' + ident


def _text(event: Event) -> str:
    return gap_text(event) if isinstance(event, Gap) else ""


def _members(templates: Mapping[str, Template], resource: Resource, event: Event | None) -> bytes:
    members = b""
    for name, one in templates.items():
        value = one.render(resource, event)
        if name == "level":
            value = _level(value, event)
        if value:
            limit = MAX_LEVEL_BYTES if name == "level" else MAX_APP_BYTES
            members += b',"%b":%b' % (name.encode(), encoded_word(cut(value, limit)))
    return members


def _level(value: str | None, event: Event | None) -> str | None:
    if value is None and isinstance(event, Gap):
        return GAP_LEVEL
    return _letters(value[: 2 * MAX_LEVEL_BYTES]) if value else None


@lru_cache(256)
def _letters(level: str) -> str:
    # A level has letters only; one that has none is left out.
    return _NO_LETTERS.sub("", level)[:MAX_LEVEL_BYTES].upper()


def _fitting(meta: dict[str, str], room: int) -> bytes:
    """Return the members that fit, shortest first."""
    members: list[bytes] = []
    for member in sorted((encoded({key: one})[1:-1] for key, one in meta.items()), key=len):
        room -= len(member) + 1
        if room < 0:
            break
        members.append(member)
    return b",".join(members)

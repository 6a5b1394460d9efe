"""What wrote an entry, under OpenTelemetry's names: a unit's process, or a container."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b
from types import MappingProxyType

from msgspec import Struct

from penstock.api import Resource, Value
from penstock_source_journald.entry import Fields

KNOWN = 2_048
"""Resources that are remembered; senders choose identifiers, so there may be any number."""

MAX_NAME = 256
MAX_VALUE = 8_192

KEYS = (
    b"_PID",
    b"_SYSTEMD_UNIT",
    b"SYSLOG_IDENTIFIER",
    b"SYSLOG_FACILITY",
    b"_COMM",
    b"_UID",
    b"_HOSTNAME",
    b"_MACHINE_ID",
    b"_TRANSPORT",
    b"_SYSTEMD_USER_UNIT",
    b"_EXE",
    b"CONTAINER_ID_FULL",
    b"CONTAINER_NAME",
    b"IMAGE_NAME",
    b"COM_DOCKER_COMPOSE_SERVICE",
    b"COM_DOCKER_SWARM_SERVICE_NAME",
)
"""The fields that tell one resource from another."""

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp", "ntp", "audit", "alert", "clock"),
    *(f"local{number}" for number in range(8)),
)

_TEMPLATE = re.compile(r"@.*(?=\.)")
_TRANSIENT = re.compile(r"-.*(?=\.scope$)|(?<=^run)-.*(?=\.)")


class Origin(Struct, frozen=True, eq=False):
    """A resource, and what else is the same for all of its entries."""

    resource: Resource
    digest: str
    """The same at every start: names it in a position."""
    is_container: bool
    stream: str
    """The transport; a container's entries have one each, by priority."""


class Resources:
    """Makes resources, one object each for as long as it is remembered."""

    def __init__(self, container_uids: frozenset[bytes]) -> None:
        self._container_uids = container_uids
        self._known: dict[tuple[bytes | None, ...], Origin] = {}

    def of(self, fields: Fields) -> Origin:
        """Return what wrote an entry with these fields."""
        key = tuple(map(fields.get, KEYS))
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            known = self._known[key] = self._make(fields, key)
        return known

    def _make(self, fields: Fields, key: tuple[bytes | None, ...]) -> Origin:
        container = fields.get(b"CONTAINER_ID_FULL", b"")
        is_container = bool(container) and fields.get(b"_UID") in self._container_uids
        if is_container:
            resource = container_resource(fields)
            return Origin(resource, _digest(resource.origin), True, "")
        transport = _text(fields, b"_TRANSPORT", MAX_NAME)
        return Origin(_process_resource(fields, transport), _digest(repr(key)), False, transport)


def container_resource(fields: Fields) -> Resource:
    """Return the resource that the Docker source makes of the same container."""
    runtime = "podman" if fields.get(b"_COMM") == b"conmon" else "docker"
    container = _text(fields, b"CONTAINER_ID_FULL", MAX_NAME)
    folder, slash, last = _text(fields, b"IMAGE_NAME", MAX_NAME).partition("@")[0].rpartition("/")
    last, _, tag = last.partition(":")
    service = _text(fields, b"COM_DOCKER_COMPOSE_SERVICE", MAX_NAME)
    attributes = _present(
        ("container.id", container),
        ("container.runtime", runtime),
        ("container.name", _text(fields, b"CONTAINER_NAME", MAX_NAME)),
        ("container.image.name", folder + slash + last),
        ("container.image.tag", tag),
        ("service.name", service or _text(fields, b"COM_DOCKER_SWARM_SERVICE_NAME", MAX_NAME)),
        ("host.name", _text(fields, b"_HOSTNAME", MAX_NAME)),
    )
    return Resource(f"{runtime}:{container}", MappingProxyType(dict(attributes)))


def journal_resource(machine: str, host: str) -> Resource:
    """Return the resource of a whole journal, for what is said of none of its entries."""
    attributes = _present(("host.name", host), ("host.id", machine))
    return Resource(_named("journald", machine), MappingProxyType(dict(attributes)))


def _process_resource(fields: Fields, transport: str) -> Resource:
    facility = fields.get(b"SYSLOG_FACILITY", b"")
    unit = _text(fields, b"_SYSTEMD_UNIT", MAX_NAME)
    user_unit = _text(fields, b"_SYSTEMD_USER_UNIT", MAX_NAME)
    machine = _text(fields, b"_MACHINE_ID", MAX_NAME)
    attributes = _present(
        ("host.name", _text(fields, b"_HOSTNAME", MAX_NAME)),
        ("host.id", machine),
        ("systemd.unit", unit),
        ("systemd.user_unit", user_unit),
        ("process.pid", _number(fields, b"_PID")),
        ("process.user.id", _number(fields, b"_UID")),
        ("process.executable.name", _text(fields, b"_COMM", MAX_VALUE)),
        ("process.executable.path", _text(fields, b"_EXE", MAX_VALUE)),
        ("syslog.identifier", _text(fields, b"SYSLOG_IDENTIFIER", MAX_NAME)),
        ("syslog.facility", _facility(facility)),
    )
    # Only what no sender chooses, and nothing that is made for one login or one run: every origin
    # has a row in the ledger.
    plain = [_TRANSIENT.sub("", _TEMPLATE.sub("@", name)) for name in (unit, user_unit) if name]
    return Resource(
        _named("journald", machine, *(plain or [transport])), MappingProxyType(dict(attributes))
    )


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _named(*parts: str) -> str:
    return ":".join(part for part in parts if part)


def _present(*pairs: tuple[str, Value | None]) -> Iterator[tuple[str, Value]]:
    for name, value in pairs:
        if value is not None and value != "":
            yield name, value


def _text(fields: Fields, name: bytes, limit: int) -> str:
    return fields.get(name, b"")[: 4 * limit].decode("utf-8", "replace")[:limit]


def _number(fields: Fields, name: bytes) -> int | None:
    value = fields.get(name, b"")
    return int(value) if value.isdigit() and len(value) < 19 else None


def _facility(value: bytes) -> str:
    if value.isdigit() and len(value) < 3 and int(value) < len(FACILITIES):
        return FACILITIES[int(value)]
    return value[:MAX_NAME].decode("utf-8", "replace")

"""The sink: lines grouped by host and tags, and answers that may tell of each line."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from penstock.api import (
    Batch,
    ConfigError,
    Event,
    Gap,
    Log,
    Resource,
    RetryableError,
    Secret,
    Template,
)
from penstock.http import (
    Answer,
    Client,
    Destination,
    Encoded,
    Envelope,
    Limits,
    Owner,
    Parcel,
    PostingSink,
    Section,
    Target,
    Url,
    Verdict,
    check_value,
    events_of,
)
from penstock_sink_mezmo import environment
from penstock_sink_mezmo.limits import (
    MAX_BODY_BYTES,
    MAX_HOSTNAME_BYTES,
    MAX_LINES,
    MAX_TAGS_BYTES,
    USUAL_BODY_BYTES,
    cut,
)
from penstock_sink_mezmo.line import Lines
from penstock_sink_mezmo.settings import MezmoSettings

ENVELOPE = Envelope(head=b'{"lines":[', tail=b"]}", between=b",")
TRY_AGAIN = frozenset({401, 402, 403, 408, 425, 429})
"""Statuses of a line, besides 5xx, that do not speak of the line itself."""

Group = tuple[str, str]
"""A hostname, and tags with commas between them."""

_NO_HOSTNAME = re.compile(r"[^A-Za-z0-9._-]+")
_SEPARATORS = re.compile(r"[,\x00-\x20]+")


class MezmoSink(PostingSink):
    """Mezmo's ingestion API, at Mezmo or on premises."""

    name = "mezmo"
    requires_api = "1.0"
    stability = "beta"
    accepts = frozenset({Log, Gap})
    default_batch = environment.batch(os.environ)

    class Config(MezmoSettings, frozen=True, kw_only=True):
        """See ``settings.py``."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._key = _key(config.api_key)
        self._url = _address(config)
        self._tags = _tags(config)
        self._lines = Lines(config, self.notices)
        self._limits = Limits(max_body_bytes=_body_bytes(config), max_events=MAX_LINES)
        self._groups: WeakKeyDictionary[Resource, Group] = WeakKeyDictionary()

    def destination(self) -> Destination:
        return Destination(
            url=self._url,
            headers={"apikey": self._key.reveal()},
            secrets=(self._key.reveal(),),
            compression=self.config.compression,
            timeout_s=self.config.timeout_s,
            proxy=self.config.proxy,
        )

    def encode(self, batches: Sequence[Batch]) -> Encoded:
        parcels: dict[Group, Parcel] = {}
        encode = self._lines.encode
        for batch in batches:
            resource = batch.resource
            group = self._groups.get(resource) or self._remember(resource)
            parcel = parcels.get(group)
            if parcel is None:
                parcel = parcels[group] = Parcel(self._target(group), [])
            pieces = [encode(resource, event) for event in batch.events]
            parcel.sections.append(Section(list(batch.events), pieces))
        return Encoded(list(parcels.values()))

    def judge(self, answer: Answer, owners: Sequence[Owner]) -> Verdict | None:
        if answer.status != 207:
            return None
        said = answer.json()
        statuses = said.get("status") if isinstance(said, dict) else None
        if not isinstance(statuses, list) or len(statuses) != len(owners):
            raise RetryableError("answered 207 without a status for each line")
        return _verdict(events_of(owners), statuses)

    async def probe(self, client: Client) -> None:
        """Send no lines: a wrong key is refused before it is noticed that there are none."""
        body = ENVELOPE.head + ENVELOPE.tail
        target = self._target((_machine(), ""))
        answer = await client.post(target.url, body, {"Content-Type": target.content_type})
        if not answer.ok and answer.status != 400:
            client.fail(answer)

    def _target(self, group: Group) -> Target:
        hostname, tags = group
        query = {"hostname": hostname, "now": str(time.time_ns() // 1_000_000)}
        if tags:
            query["tags"] = tags
        return Target(
            url=self._url.reveal(urlencode(query)),
            content_type="application/json",
            envelope=ENVELOPE,
            limits=self._limits,
        )

    def _remember(self, resource: Resource) -> Group:
        own = [f"{key}:{value}" if value else key for key, value in resource.tags.items()]
        added = [one.render(resource, None) or "" for one in self._tags]
        words = dict.fromkeys(_SEPARATORS.sub("_", word.strip()) for word in (*added, *own))
        hostname = _hostname(self.config.hostname.render(resource, None) or "") or _machine()
        group = (hostname, _joined(words))
        self._groups[resource] = group
        return group


def _key(key: Secret | None) -> Secret:
    key = key or environment.api_key(os.environ)
    if not key:
        raise ConfigError(
            "api_key: required: the ingestion key of your account; "
            "or set MEZMO_KEY or LOGDNA_KEY in the environment"
        )
    try:
        check_value(key.reveal())
    except ValueError as error:
        raise ConfigError(f"api_key: {error}") from None
    return key


def _address(config: MezmoSettings) -> Url:
    return (config.url or environment.url(os.environ)).with_path(environment.PATH)


def _tags(config: MezmoSettings) -> Sequence[Template]:
    tags = environment.tags(os.environ) if config.tags is None else config.tags
    for key, one in (("hostname", config.hostname), *(("tags", tag) for tag in tags)):
        if not one.per_resource:
            raise ConfigError(
                f"{key}: a request is for one host and its tags, so {one.text} cannot differ "
                "between the lines of a container; use meta for that"
            )
    return tags


def _body_bytes(config: MezmoSettings) -> int:
    own = config.max_body_bytes
    if own is not None and not 65_536 <= own <= MAX_BODY_BYTES:
        raise ConfigError(f"max_body_bytes: Mezmo takes 65536 to {MAX_BODY_BYTES}")
    return own or environment.max_body_bytes(os.environ, USUAL_BODY_BYTES)


@lru_cache(1)
def _machine() -> str:
    return _hostname(socket.gethostname()) or "unknown"


def _hostname(text: str) -> str:
    """Make a lawful hostname, empty if nothing of it is."""
    return cut(_NO_HOSTNAME.sub("-", text).strip("-._"), MAX_HOSTNAME_BYTES)


def _joined(words: dict[str, None]) -> str:
    joined = ""
    for word in words:
        longer = f"{joined},{word}" if joined else word
        if word and len(longer.encode(errors="replace")) <= MAX_TAGS_BYTES:
            joined = longer
    return joined.encode(errors="replace").decode()


def _verdict(events: Sequence[Event], statuses: Sequence[object]) -> Verdict:
    rejected: dict[Event, str] = {}
    retry: list[Event] = []
    for event, status in zip(events, statuses, strict=True):
        if isinstance(status, int) and 200 <= status < 300:
            continue
        if isinstance(status, int) and 400 <= status < 500 and status not in TRY_AGAIN:
            rejected[event] = f"refused with {status}"
        else:
            retry.append(event)
    return Verdict(rejected, retry, "answered 207: no line was taken")

"""Elasticsearch and OpenSearch: the ``_bulk`` API, where a success may hold refused items."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec
from msgspec import Struct

from penstock.api import Batch, Event, Resource, RetryableError, encode_events, event_id
from penstock.http import Answer, Client, Limits, Owner, Section, Url, Verdict, encoded, events_of
from penstock_sink_http.format import Format, one_section

MAX_ID_BYTES = 512
MAX_INDEX_BYTES = 255
_FILTER = "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"
_WAITS = frozenset({401, 403, 404, 429})
_ILLEGAL = re.compile(r'[\x00-\x20"*\\<|,>/?#:]')


class _Error(Struct):
    type: str = ""
    reason: str = ""


class _Item(Struct):
    status: int
    error: _Error | str | None = None


class _Bulk(Struct):
    errors: bool
    items: list[dict[str, _Item]] = []


class Elasticsearch(Format):
    """Each event as a document of the one vocabulary, with ``@timestamp`` as data streams ask.

    Documents are created under the event's id: one that is there already was delivered before.
    """

    content_type = "application/x-ndjson"
    limits = Limits(max_body_bytes=15_000_000)

    def address(self, url: Url) -> str:
        return url.below("/_bulk").reveal(_FILTER)

    def sections(self, batch: Batch) -> list[Section]:
        resource, index = batch.resource, self.config.index
        shared = self._index(resource, None) if index.per_resource else ""
        pieces = []
        for event, record in zip(batch.events, encode_events(resource, batch.events), strict=True):
            action = self._action(resource, event, shared or self._index(resource, event))
            # The record begins with its timestamp, which a data stream wants under this name.
            pieces.append(b'%b\n{"@%b\n' % (action, record[2:]))
        return one_section(batch, pieces)

    def _index(self, resource: Resource, event: Event | None) -> str:
        # Cut before it is remembered: what strangers write may be long.
        return _index_name((self.config.index.render(resource, event) or "")[:MAX_INDEX_BYTES])

    def _action(self, resource: Resource, event: Event, index: str) -> bytes:
        if not self.config.event_id:
            return b'{"create":{"_index":%b}}' % encoded(index)
        ident = event_id(resource.origin, event)
        if len(ident) > MAX_ID_BYTES // 4:
            ident = hashlib.sha256(ident.encode(errors="replace")).hexdigest()
        return b'{"create":{"_index":%b,"_id":%b}}' % (encoded(index), encoded(ident))

    def judge(self, answer: Answer, owners: Sequence[Owner]) -> Verdict | None:
        if not answer.ok:
            return None
        try:
            bulk = msgspec.json.decode(answer.body, type=_Bulk)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise RetryableError(
                f"answered {answer.status} without the outcome of each item: is this _bulk?"
            ) from None
        if not bulk.errors:
            return None
        if len(bulk.items) != len(owners):
            raise RetryableError("answered with fewer items than it was sent")
        return self._verdict(bulk, events_of(owners))

    def _verdict(self, bulk: _Bulk, events: Sequence[Event]) -> Verdict:
        rejected: dict[Event, str] = {}
        retry: list[Event] = []
        reason = ""
        for event, outcome in zip(events, bulk.items, strict=True):
            (item,) = outcome.values()
            if item.status < 300 or (item.status == 409 and self.config.event_id):
                continue
            if item.status >= 500 or item.status in _WAITS:
                retry.append(event)
                reason = reason or _why(item)
            else:
                rejected[event] = _why(item)
        return Verdict(rejected, retry, reason)

    async def probe(self, client: Client) -> bool:
        url = client.destination.url
        root = url.at(url.path.rstrip("/").removesuffix("/_bulk") + "/")
        answer = await client.request("GET", root.reveal(), client.destination.headers)
        if not answer.ok:
            client.fail(answer)
        return True


def _why(item: _Item) -> str:
    error = item.error if isinstance(item.error, _Error) else _Error(str(item.error or ""))
    return f"{item.status} {error.type}: {error.reason}"


@lru_cache(1024)
def _index_name(text: str) -> str:
    """Make a lawful name of what may come from an event: it can name no other kind of thing."""
    name = _ILLEGAL.sub("-", text.lower().encode(errors="replace").decode()).lstrip("-_+.")
    while len(name.encode()) > MAX_INDEX_BYTES:
        name = name[:-1]
    return name or "penstock"

"""Events as entries of Redis streams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from typing import Annotated, TypeVar

from msgspec import Meta, Struct
from penstock.api import (
    KINDS,
    Batch,
    Event,
    Report,
    RetryableError,
    Secret,
    Sink,
    Template,
    encode_events,
    event_id,
)
from redis.asyncio import Redis
from redis.exceptions import RedisError

from penstock_sink_redis.address import Address
from penstock_sink_redis.client import connect
from penstock_sink_redis.errors import recovery, words

T = TypeVar("T")

MAX_KEY_BYTES = 1024
"""Names come from strangers: a longer key is refused rather than made."""


class Entry(Struct, frozen=True):
    """What is appended for an event: under which key, its id, and the event as JSON."""

    event: Event
    key: bytes
    id: bytes
    body: bytes


class RedisSink(Sink):
    """Appends events to Redis streams, one transaction for each write.

    All of a transaction is done or none of it, but for the commands that Redis refuses one by one:
    so what has to be written again was not written, and order is kept.
    """

    name = "redis"
    requires_api = "1.0"
    accepts = frozenset(KINDS)
    uses_tls = True

    class Config(Sink.Config, frozen=True, kw_only=True):
        """Which server, which streams, and how long they may grow."""

        url: Annotated[
            Address, Meta(description="redis://host:6379/0, rediss://… with TLS, or unix:///path.")
        ]
        username: Annotated[str, Meta(description="ACL user; empty = the default user.")] = ""
        password: Annotated[Secret | None, Meta(description="The user's password.")] = None
        stream: Annotated[
            Template, Meta(description="Key of the stream that an event is appended to.")
        ] = Template('logs:{service.name|container.name|"other"}')
        max_entries: Annotated[
            int, Meta(ge=0, description="About how many entries a stream keeps; 0 = no limit.")
        ] = 0
        timeout_s: Annotated[float, Meta(gt=0, description="How long an answer may take.")] = 10.0

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._client: Redis | None = None

    async def open(self) -> None:
        self._client = self._connect()
        await self._answer(self._client.ping())

    async def check(self) -> None:
        client = self._connect()
        try:
            await self._answer(client.ping())
        finally:
            await client.aclose()

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        if self._client is None:
            raise RetryableError("not open")
        rejected: dict[Event, str] = {}
        entries: list[Entry] = []
        for batch in batches:
            for entry in self._entries(batch):
                if why := _fault(entry.key):
                    rejected[entry.event] = why
                else:
                    entries.append(entry)
        rejected |= await self._append(self._client, entries)
        return Report(rejected) if rejected else None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _entries(self, batch: Batch) -> Iterator[Entry]:
        render, resource, events = self.config.stream.render, batch.resource, batch.events
        shared = render(resource, None) if self.config.stream.per_resource else None
        for event, body in zip(events, encode_events(resource, events), strict=True):
            key = render(resource, event) if shared is None else shared
            yield Entry(event, _bytes(key or ""), _bytes(event_id(resource.origin, event)), body)

    async def _append(self, client: Redis, entries: Sequence[Entry]) -> dict[Event, str]:
        """Append all entries at once; return those that Redis refused, and why."""
        async with client.pipeline(transaction=True) as transaction:
            for one in entries:
                transaction.xadd(
                    one.key,
                    {b"id": one.id, b"event": one.body},
                    maxlen=self.config.max_entries or None,
                )
            answers = await self._answer(transaction.execute(raise_on_error=False))
        return {
            one.event: f"{one.key!r}: {words(answer)}"
            for one, answer in zip(entries, answers, strict=True)
            if isinstance(answer, Exception)
        }

    def _connect(self) -> Redis:
        config = self.config
        return connect(
            config.url,
            username=config.username,
            password=config.password,
            tls=self.context.tls,
            timeout_s=config.timeout_s,
        )

    async def _answer(self, call: Awaitable[T]) -> T:
        """Wait for what the server answers, or raise what that means."""
        url, seconds = self.config.url, self.config.timeout_s
        try:
            async with asyncio.timeout(seconds):
                return await call
        except TimeoutError as error:
            raise RetryableError(f"{url}: no answer within {seconds:g} s") from error
        except RedisError as error:
            raise recovery(error, url) from error


def _fault(key: bytes) -> str:
    """Say why nothing can be appended under a key; empty if it can."""
    if not key:
        return "stream: the event has none of the template's fields"
    if len(key) > MAX_KEY_BYTES:
        return f"stream: the key has {len(key)} bytes, at most {MAX_KEY_BYTES} are taken"
    return ""


def _bytes(text: str) -> bytes:
    # Half a surrogate pair, which no encoding takes, is input from strangers as well.
    return text.encode(errors="replace")

"""The gateway of the reverse log proxy: v2 envelopes as server-sent events."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from penstock.api.event import EMPTY
from tests.loggregator.front import Asked, Front, Reply, Wire, bearer
from tests.loggregator.pacing import paced
from tests.loggregator.selection import names_of, selectors
from tests.loggregator.stream import Stream
from tests.loggregator.uaa import FIREHOSE, LOGS_ADMIN, Uaa

_ROOM = 1000
"""How many envelopes wait for a stream before ``replay`` waits for it."""
_PATH = "/v2/read"
Envelope = dict[str, Any]


class RlpGateway(Front):
    """``streams`` are all that ever were; ``unheard`` counts what nobody was there for."""

    def __init__(
        self,
        *,
        uaa: Uaa | None = None,
        app_access: Mapping[str, int] = EMPTY,
        tls: ssl.SSLContext | None = None,
        pace: float = 1.0,
        stream_timeout_s: float = 840.0,
        heartbeat_s: float = 15.0,
        seed: int = 1,
    ) -> None:
        super().__init__(tls=tls)
        self.stream_timeout_s = stream_timeout_s * pace
        self.heartbeat_s = heartbeat_s * pace
        self.streams: list[Stream] = []
        self.unheard = 0
        self.silent = False
        self._uaa, self._app_access = uaa, app_access
        self._random = random.Random(seed)

    @property
    def live(self) -> list[Stream]:
        """The streams that are open."""
        return [one for one in self.streams if one.open]

    @property
    def sent(self) -> list[Envelope]:
        """All that any stream got."""
        return [envelope for one in self.streams for envelope in one.sent]

    # --- what the Dopplers bring ---------------------------------------------------------------

    def emit(self, *envelopes: Envelope) -> None:
        """Send envelopes: each to one stream of each shard, or to all that have none."""
        for envelope in envelopes:
            groups: dict[object, list[Stream]] = {}
            for stream in self.live:
                if stream.takes(envelope):
                    alone = stream if not stream.shard_id else None
                    key = (stream.shard_id, stream.selectors, alone)
                    groups.setdefault(key, []).append(stream)
            for streams in groups.values():
                self._choose(streams, envelope).put(envelope)
            self.unheard += not groups

    def _choose(self, streams: list[Stream], envelope: Envelope) -> Stream:
        """By a counter's or gauge's name where the streams have names, else any of them."""
        names = names_of(envelope)
        if not names or not all(one.deterministic_name for one in streams):
            return self._random.choice(streams)
        ordered = sorted(streams, key=lambda one: one.deterministic_name)
        # The real one sums CRC-64 values; all that can be seen is that a name stays where it is.
        return ordered[sum(zlib.crc32(name.encode()) for name in names) % len(ordered)]

    async def replay(self, envelopes: Iterable[Envelope], rate: float = 0.0) -> None:
        """Send envelopes at a rate a second; 0: as fast as the streams take them."""

        def is_full() -> bool:
            return any(one.queued > _ROOM for one in self.live)

        async for envelope in paced(envelopes, rate, is_full):
            self.emit(envelope)

    async def flushed(self) -> None:
        """Wait until the live streams have all that is for them."""
        while any(one.queued for one in self.live):
            await asyncio.sleep(0.005)

    def replay_sse(self, body: bytes) -> None:
        """Write a captured body to all streams as it is."""
        self.raw(body)

    # --- misbehaviour --------------------------------------------------------------------------

    def close_streams(self) -> None:
        """End all streams as after their time."""
        for stream in self.live:
            stream.finish()

    def drop(self, *, reset: bool = False) -> None:
        """End all streams at once."""
        for stream in self.live:
            stream.end("dropped", reset=reset)

    def raw(self, data: bytes) -> None:
        """Write these bytes into all bodies."""
        for stream in self.live:
            stream.raw(data)

    def half_line(self, envelope: Envelope) -> None:
        """Write half of a line to all streams, and end them."""
        for stream in self.live:
            line = stream.encoded([envelope])
            stream.raw(line[: len(line) // 2])
            stream.end("dropped")

    # --- requests ------------------------------------------------------------------------------

    async def answer(self, asked: Asked, wire: Wire) -> bool:
        if refusal := self._refusal(asked):
            return await self.reply(asked, wire, refusal)
        self.note(asked, 200)
        stream = Stream(self, asked, wire)
        self.streams.append(stream)
        await stream.serve()
        return False

    def _refusal(self, asked: Asked) -> Reply | None:
        if asked.path != _PATH or not self._allowed(asked):
            return _said(404, "not_found", "resource not found")
        if asked.method != "GET":
            return _said(405, "method_not_allowed", "method not permitted")
        if not asked.query:
            return _said(400, "empty_query", "query cannot be empty")
        if not selectors(asked.query):
            what = "query must provide at least one envelope type"
            return _said(400, "missing_envelope_type", what)
        return None

    def _allowed(self, asked: Asked) -> bool:
        """Admins see everything; others name the sources that they may see."""
        if self._uaa is None:
            return True
        scopes = self._uaa.scopes_of(bearer(asked))
        if scopes is None:
            return False
        if {FIREHOSE, LOGS_ADMIN} & {*scopes}:
            return True
        sources = asked.query.get("source_id", [])
        return bool(sources) and all(self._app_access.get(one) == 200 for one in sources)


def _said(status: int, error: str, message: str) -> Reply:
    body = json.dumps({"message": message, "error": error}, separators=(",", ":"))
    kind = {"Content-Type": "text/plain; charset=utf-8"}
    return Reply(status=status, body=f"{body}\n\n".encode(), headers=kind)

"""One answer of the RLP gateway: server-sent events until the stream's time is over."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.loggregator.front import Asked, Reply, Wire
from tests.loggregator.selection import Selector, selectors

if TYPE_CHECKING:
    from tests.loggregator.rlp_gateway import RlpGateway

_BATCH = 100
_ROOM = 10_000
_HEAD = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "Connection": "keep-alive",
    "Transfer-Encoding": "chunked",
}


class Stream:
    """``sent`` are the envelopes that the kernel took; ``dropped`` what found no room.

    ``ended`` says why it is over: ``timeout``, ``client``, ``dropped``.
    """

    def __init__(self, house: RlpGateway, asked: Asked, wire: Wire) -> None:
        self.query = asked.query
        self.headers = asked.headers
        self.selectors: tuple[Selector, ...] = selectors(asked.query)
        self.shard_id = asked.query.get("shard_id", [""])[0]
        self.deterministic_name = asked.query.get("deterministic_name", [""])[0]
        self.sent: list[dict[str, Any]] = []
        self.heartbeats = 0
        self.dropped = 0
        self.ended = ""
        self._house, self._wire = house, wire
        self._queue: deque[dict[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._over = False
        self._spaces = random.Random(len(house.streams))

    @property
    def open(self) -> bool:
        return not self.ended

    @property
    def queued(self) -> int:
        return len(self._queue)

    def takes(self, envelope: Mapping[str, Any]) -> bool:
        """Say whether one of the selectors selects it."""
        return any(one.takes(envelope) for one in self.selectors)

    def put(self, envelope: dict[str, Any]) -> None:
        """Have it sent; without room it is lost: who is slow is never cut off."""
        if len(self._queue) >= _ROOM:
            self.dropped += 1
            return
        self._queue.append(envelope)
        self._wake.set()

    def finish(self) -> None:
        """Have it end as after its time, behind what is queued."""
        self._over = True
        self._wake.set()

    def end(self, why: str, *, reset: bool = False) -> None:
        """End it at once."""
        self.ended = self.ended or why
        self._wire.reset() if reset else self._wire.end()

    def raw(self, data: bytes) -> None:
        """Write these bytes into the body as they are."""
        self._wire.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def serve(self) -> None:
        """Be a stream until it ends."""
        self._wire.write(Reply(headers=_HEAD).head())
        timer = asyncio.get_running_loop().call_later(self._house.stream_timeout_s, self.finish)
        gone = asyncio.create_task(self._watch())
        events = asyncio.create_task(self._events())
        try:
            await asyncio.wait((gone, events), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            for task in (gone, events):
                task.cancel()
            await asyncio.gather(gone, events, return_exceptions=True)
            self.ended = self.ended or "client"

    async def _watch(self) -> None:
        """Return when the client is gone."""
        with suppress(OSError):
            while await self._wire.reader.read(65536):
                pass

    async def _events(self) -> None:
        while self._queue or not self._over:
            if self._queue and not self._house.silent:
                await self._send_some()
                continue
            self._wake.clear()
            try:
                async with asyncio.timeout(self._house.heartbeat_s):
                    await self._wake.wait()
            except TimeoutError:
                self._beat()
        self.raw(b"event: closing\ndata: closing due to stream timeout\n\n")
        self._wire.write(b"0\r\n\r\n")
        await self._wire.drain()
        self.ended = self.ended or "timeout"

    def _beat(self) -> None:
        if not self._house.silent:
            self.heartbeats += 1
            self.raw(b"event: heartbeat\ndata: %d\n\n" % time.time())

    async def _send_some(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
        self.raw(self.encoded(batch))
        await self._wire.drain()
        self.sent += batch

    def encoded(self, batch: list[dict[str, Any]]) -> bytes:
        """Return a batch's event; behind commas there is a space, or none, as the build has it."""
        comma = ", " if self._spaces.random() < 0.5 else ","
        text = json.dumps({"batch": batch}, ensure_ascii=False, separators=(comma, ":"))
        return f"data: {text}\n\n".encode()

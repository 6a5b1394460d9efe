"""One WebSocket of the Traffic Controller: keep-alive, slow consumer, and what it got."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from tests.loggregator import websocket as ws
from tests.loggregator.front import Asked, Wire

if TYPE_CHECKING:
    from tests.loggregator.traffic_controller import TrafficController

PING_S, PONG_S, SLOW_S, DEADLINE_S = 15.0, 30.0, 5.0, 1.0
SILENT = "Client did not respond to ping before keep-alive timeout expired."
_AT_ONCE = 64
_AT_ONCE_BYTES = 65536


class Client:
    """``sent`` are the payloads that the kernel took whole, in order.

    ``closed`` is what the client's close frame said; ``ended`` why it is over: ``client``,
    ``slow``, ``keep-alive``, ``dropped``, ``closed``, ``broke`` (the client broke the protocol).
    """

    def __init__(
        self, house: TrafficController, asked: Asked, wire: Wire, subscription: tuple[str, str]
    ) -> None:
        self.target = asked.target
        self.headers: Mapping[str, str] = asked.headers
        self.subscription = subscription
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self.pings = 0
        self.pongs = 0
        self.dropped = 0
        self.closed: ws.Close | None = None
        self.ended = ""
        self._house = house
        self._wire = wire
        self._queue: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._ponged = asyncio.Event()
        self._closed = asyncio.Event()
        self._farewell: asyncio.Task[None] | None = None
        self._under_way: deque[tuple[int, bytes]] = deque()

    @property
    def open(self) -> bool:
        return not self.ended

    @property
    def queued(self) -> int:
        """How many messages wait to be written."""
        return len(self._queue) + len(self._under_way)

    def put(self, payload: bytes) -> None:
        """Have a message sent; where the ring is full, all of it is lost, as in a Doppler."""
        if self._house.ring and len(self._queue) >= self._house.ring:
            self.dropped += len(self._queue)
            self._queue.clear()
        self._queue.append(payload)
        self._filled.set()

    async def serve(self) -> None:
        """Be a connection until it ends."""
        tasks = [
            asyncio.create_task(one) for one in (self._read(), self._write(), self._keep_alive())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks += [self._farewell] if self._farewell else []
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._settle()
            self.ended = self.ended or "client"
            self._wire.end()

    def end(self, why: str, *, reset: bool = False) -> None:
        """End it at once, without a close frame."""
        self._settle()
        self.ended = self.ended or why
        self._wire.reset() if reset else self._wire.end()

    def close(self, code: int, reason: str = "") -> None:
        """Write a close frame behind what was written, and end the connection."""
        if self.open:
            self._farewell = asyncio.create_task(self._close(code, reason, "closed"))

    async def _close(self, code: int, reason: str, why: str) -> None:
        """Say so and end it; a socket that takes no more gets a moment, then the plain end."""
        self.ended = self.ended or why
        self._queue.clear()
        self.raw(ws.closing(code, reason))
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(DEADLINE_S * self._house.pace):
                await self._wire.drain()
                await self._closed.wait()
        self.end(why)

    def raw(self, data: bytes) -> None:
        """Write these bytes as they are."""
        self._wire.write(data)

    async def _read(self) -> None:
        """Take pongs and the close; anything else is kept and ignored."""
        try:
            while True:
                await self._house.hearing.wait()
                frame = await ws.read(self._wire.reader)
                if frame.opcode == ws.PONG:
                    self.pongs += 1
                    self._ponged.set()
                elif frame.opcode == ws.PING:
                    self.raw(ws.frame(ws.PONG, frame.payload))
                elif frame.opcode == ws.CLOSE:
                    return self._said_goodbye(frame.payload)
                else:
                    self.received.append(frame.payload)
        except ws.ProtocolError as error:
            self._house.violations.append(str(error))
            await self._close(ws.PROTOCOL, str(error), "broke")

    def _said_goodbye(self, payload: bytes) -> None:
        self.closed = ws.Close.of(payload)
        self._closed.set()
        if self.open:
            self.raw(ws.frame(ws.CLOSE, payload[:2]))

    async def _write(self) -> None:
        """Write what is queued; who blocks a message for five seconds is cut off."""
        while True:
            if not self._queue or self._house.silent:
                self._filled.clear()
                await self._filled.wait()
                continue
            self._write_some()
            before = self._wire.unsent
            while before:
                try:
                    async with asyncio.timeout(SLOW_S * self._house.pace):
                        await self._wire.drain()
                    break
                except TimeoutError:
                    if self._wire.unsent >= before:
                        return await self._close(ws.NORMAL, "", "slow")
                    before = self._wire.unsent
            self._settle()

    def _write_some(self) -> None:
        taken, size = 0, 0
        for payload in islice(self._queue, _AT_ONCE):
            taken, size = taken + 1, size + len(payload)
            if size > _AT_ONCE_BYTES:
                break
        payloads = [self._queue.popleft() for _ in range(taken)]
        end, pieces = self._wire.written, []
        for payload in payloads:
            piece = ws.frame(ws.BINARY, payload)
            end += len(piece)
            self._under_way.append((end, payload))
            pieces.append(piece)
        self._wire.write(b"".join(pieces))

    def _settle(self) -> None:
        """Note which messages the kernel has whole."""
        if self._wire.closing:
            return
        taken = self._wire.written - self._wire.unsent
        while self._under_way and self._under_way[0][0] <= taken:
            self.sent.append(self._under_way.popleft()[1])

    async def _keep_alive(self) -> None:
        """Ping at once and fifteen seconds after each pong; thirty seconds without one end it."""
        while True:
            while not self._house.pings or self._house.silent:
                await asyncio.sleep(0.05 * self._house.pace)
            self._ponged.clear()
            self.pings += 1
            self.raw(ws.frame(ws.PING))
            try:
                async with asyncio.timeout(PONG_S * self._house.pace):
                    await self._ponged.wait()
            except TimeoutError:
                return await self._close(ws.POLICY, SILENT, "keep-alive")
            await asyncio.sleep(PING_S * self._house.pace)

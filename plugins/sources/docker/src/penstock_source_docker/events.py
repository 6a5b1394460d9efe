"""The engine's events, one by one."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from penstock_source_docker.answers import EngineEvent
from penstock_source_docker.errors import AwayError
from penstock_source_docker.stream import Stream

MAX_EVENT_BYTES = 8_388_608
"""An event carries all labels of its container; a longer one is left to the next list."""

RECORD_SEPARATOR = b"\x1e"


class Events:
    """A subscription. Events are a hint: what is missed or not understood, the list repairs."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._ready: deque[EngineEvent] = deque()
        self._rest = b""

    async def next(self, timeout: float) -> EngineEvent | None:
        """Return the next event, None if there was none in the time; raise where they end."""
        while not self._ready:
            try:
                async with asyncio.timeout(timeout):
                    data = await self._stream.read()
            except TimeoutError:
                return None
            if not data:
                raise AwayError("the engine ended its events")
            self._split(data)
        return self._ready.popleft()

    def close(self) -> None:
        """End the subscription."""
        self._stream.close()

    def _split(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_EVENT_BYTES:
            self._rest = b""
        for line in lines:
            try:
                event = msgspec.json.decode(line.strip(RECORD_SEPARATOR), type=EngineEvent)
            except msgspec.DecodeError:
                continue
            self._ready.append(event)

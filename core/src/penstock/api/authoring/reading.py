"""Moves what a generator yields to an outlet, in batches, and no faster than they are taken."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Protocol

from penstock.api.authoring.gathering import Gathering, Parcel
from penstock.api.authoring.positioned import Yielded

LINGER_S = 0.02
"""After a send, events are gathered for so long; the first one after a pause goes at once."""

LAST_SEND_S = 0.4
"""How long a stop waits for room for what cannot be read again; core waits a second in all."""

Send = Callable[[Parcel], Awaitable[None]]


class Items(Protocol):
    """A generator, or a thread that iterates one."""

    def __aiter__(self) -> AsyncIterator[Yielded]: ...

    async def aclose(self) -> None:
        """End it."""


class Reading:
    """One run of a generator: a task iterates it while this one sends.

    The generator is not advanced during a send, nor beyond what one batch may hold.
    """

    def __init__(self, items: Items, gathering: Gathering, send: Send) -> None:
        self._items = items
        self._gathering = gathering
        self._send = send
        self._under_way: deque[Parcel] = deque()
        self._is_sending = self._is_stopping = False
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Return at the generator's end, or raise what it raised, when all of it is sent."""
        reader = asyncio.create_task(self._read())
        try:
            while not reader.done():
                await self._wake.wait()
                self._wake.clear()
                await self._hand_over()
                await self._linger()
        finally:
            self._is_stopping = True
            reader.cancel()
            await asyncio.wait([reader])
        await self._hand_over()
        reader.result()

    async def hand_over_rest(self, rest: Iterable[Yielded], log: logging.Logger) -> None:
        """Send what was read before a stop and cannot be read again, or say how much that is."""
        for item in rest:
            self._gathering.add(item)
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SEND_S):
                await self._hand_over()
        left = sum(len(parcel.made().events) for parcel in self._under_way)
        if left:
            log.error("%d events were read and could not be handed over before the stop", left)

    async def _read(self) -> None:
        try:
            async for item in self._items:
                self._gathering.add(item)
                self._wake.set()
                if self._is_stopping:
                    return  # Its cancellation was swallowed by the generator.
                await self._until_room()
        finally:
            await self._items.aclose()
            self._full.set()
            self._wake.set()

    async def _until_room(self) -> None:
        if self._gathering.is_full:
            self._full.set()
        while self._is_sending or self._gathering.is_full:
            self._room.clear()
            await self._room.wait()

    async def _hand_over(self) -> None:
        self._is_sending = True
        self._under_way += self._gathering.take()
        self._full.clear()
        try:
            while self._under_way:
                await self._send(self._under_way[0])
                self._under_way.popleft()
        finally:
            self._is_sending = False
            self._room.set()

    async def _linger(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                await self._full.wait()

"""Keeps streams open: each connects anew when it ends, and says what that may have cost."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from penstock.api import ConfigError, RetryableError
from penstock_source_firehose.client import Client
from penstock_source_firehose.credentials import Credentials
from penstock_source_firehose.discovery import Found, find
from penstock_source_firehose.errors import RefusedError
from penstock_source_firehose.feed import DeniedError, Feed, Stream
from penstock_source_firehose.sending import Sending
from penstock_source_firehose.settings import Settings

FIRST_S = 0.5
MOST_S = 30.0
STEADY_S = 30.0
"""A stream that lasted this long is followed by another one at once."""
BRIEF_S = 0.1
"""The same where its end was announced."""


class Backoff:
    """Seconds to wait, doubling up to a ceiling, with jitter."""

    def __init__(self) -> None:
        self._ceiling = 0.0

    def next(self) -> float:
        """Return the next wait: none the first time."""
        ceiling = self._ceiling
        self._ceiling = min(max(ceiling * 2, FIRST_S), MOST_S)
        return ceiling * random.uniform(0.5, 1.0)  # noqa: S311

    def reset(self) -> None:
        """Begin again, after a stream that lasted."""
        self._ceiling = 0.0


class Access:
    """Opens streams: finds where they are, proves who asks, and tries once more if refused."""

    def __init__(
        self, settings: Settings, client: Client, credentials: Credentials, feed: Feed
    ) -> None:
        self._settings = settings
        self._client = client
        self._credentials = credentials
        self._feed = feed
        self._found: Found | None = None

    async def connect(self) -> Stream:
        """Return an open stream; ``RetryableError`` and ``ConfigError`` say why there is none."""
        try:
            return await self._try_twice()
        except (RetryableError, ConfigError):
            self._found = None  # It may be somewhere else now.
            raise

    async def _try_twice(self) -> Stream:
        found = self._found = self._found or await find(self._client, self._settings)
        try:
            return await self._try(found)
        except DeniedError as error:
            if not self._credentials.renew():
                raise self._denied(error) from None
        try:
            return await self._try(found)
        except DeniedError as error:
            raise self._denied(error) from None

    async def _try(self, found: Found) -> Stream:
        header = await self._credentials.header(self._client, found.uaa)
        return await self._feed.connect(self._client, found, header)

    def _denied(self, error: DeniedError) -> RefusedError:
        return RefusedError(f"{error}; {self._credentials.remedy}")


class Streams:
    """All streams of a source, ``connections`` of them at a time."""

    def __init__(self, access: Access, sending: Sending, log: logging.Logger) -> None:
        self._access = access
        self._sending = sending
        self._log = log
        self._open: set[Stream] = set()

    async def close(self) -> None:
        """Hang up what is open: a task that was cancelled before it began did not."""
        while self._open:
            await self._open.pop().close()

    async def keep(self, tasks: asyncio.TaskGroup) -> None:
        """Have one stream open at any time, or two while one follows another, until cancelled.

        Raises why there is none only if no other one is open: what is open reads on.
        """
        backoff = Backoff()
        former: asyncio.Task[None] | None = None
        while True:
            stream = await self._connected(backoff)
            began = time.monotonic()
            reading = tasks.create_task(self._read(stream))
            leaving = asyncio.create_task(stream.leaving.wait())
            try:
                await asyncio.wait((reading, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
            if time.monotonic() - began >= (BRIEF_S if stream.leaving.is_set() else STEADY_S):
                backoff.reset()
            if former:  # One that said that it leaves, and stays, would have a crowd behind it.
                await asyncio.wait((reading, former), return_when=asyncio.FIRST_COMPLETED)
            former = reading

    async def _connected(self, backoff: Backoff) -> Stream:
        while True:
            await asyncio.sleep(backoff.next())
            try:
                stream = await self._access.connect()
            except (RetryableError, ConfigError) as error:
                if not self._open:
                    raise
                self._log.warning("one of its streams is not open: %s", error)
            else:
                self._open.add(stream)
                return stream

    async def _read(self, stream: Stream) -> None:
        why = ""
        try:
            why = await stream.read(self._sending)
        finally:
            self._open.discard(stream)
            await stream.close()
        if why:
            self._log.warning("stream ended: %s", why)
        elif not self._open:
            why = "upstream: a stream came to its announced end before the next one was open"
        if why:
            self._sending.cut(why)

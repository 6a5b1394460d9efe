"""Dead letters: events that a destination refused, kept with the reason."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import NamedTuple, Protocol

from msgspec import Struct

from penstock.api.event import Batch, Event, Resource, heap_size
from penstock.api.settings import DeadLetterSettings
from penstock.delivery.journal import Journal
from penstock.log import Quiet
from penstock.state import letters
from penstock.state.unit import LetterRow, StateError
from penstock.telemetry import LETTERS_DISCARDED, Telemetry

MAX_MEMORY_BYTES = 1_048_576
"""What dead letters that are not on disk may take, whatever their settings say."""

TRIM_EVERY_S = 600.0
"""How often letters that are too old are looked for."""


class Tries(NamedTuple):
    """How often something was tried, and when first in Unix nanoseconds (0: never)."""

    attempts: int = 0
    first_unix_nano: int = 0


UNTRIED = Tries()


class DeadLetter(Struct, frozen=True):
    """One refused event and why; ``response`` is what the destination said, ``reason`` its class.

    Times are Unix nanoseconds: of the first and the last attempt.
    """

    component: str
    resource: Resource
    event: Event
    reason: str
    response: str
    attempts: int
    first_unix_nano: int
    last_unix_nano: int


class DeadLetters(Protocol):
    """A keeper of one component's dead letters."""

    @property
    def count(self) -> int: ...

    @property
    def bytes(self) -> int: ...

    def add(self, letter: DeadLetter) -> None:
        """Keep a letter; the oldest go when there are too many."""

    def trim(self, now: int) -> None:
        """Have the letters deleted that are over the caps; ``now`` in Unix nanoseconds."""


class MemoryDeadLetters:
    """Dead letters that last as long as the process, capped in bytes of heap and in age."""

    def __init__(self, table: str, settings: DeadLetterSettings, telemetry: Telemetry) -> None:
        self._table = table
        self._telemetry = telemetry
        self._log = logging.getLogger(f"penstock.{table}")
        self._quiet = Quiet()
        self._enabled = settings.enabled
        self._max_bytes = min(settings.max_bytes, MAX_MEMORY_BYTES)
        self._max_age_s = settings.max_age_s
        self.bytes = 0
        self.letters: deque[DeadLetter] = deque()

    @property
    def count(self) -> int:
        return len(self.letters)

    def add(self, letter: DeadLetter) -> None:
        if not self._enabled:
            return
        self.letters.append(letter)
        self.bytes += heap_size((letter.event,))
        while self.bytes > self._max_bytes:
            self._discard("size", "max_bytes")

    def trim(self, now: int) -> None:
        before = now - self._max_age_s * 10**9
        while self._max_age_s and self.letters and self.letters[0].last_unix_nano < before:
            self._discard("age", "max_age_s")

    def _discard(self, reason: str, cap: str) -> None:
        self.bytes -= heap_size((self.letters.popleft().event,))
        self._telemetry.add(LETTERS_DISCARDED, (self._table, reason), 1)
        if self._quiet.allows(reason):
            self._log.warning("dead letters were discarded by their cap", extra={"cap": cap})


class StoredDeadLetters:
    """Dead letters on disk: capped in bytes and in age, and counted when a cap bites."""

    def __init__(
        self,
        table: str,
        settings: DeadLetterSettings,
        *,
        journal: Journal,
        telemetry: Telemetry,
        configuration: str,
    ) -> None:
        self._table = table
        self._settings = settings
        self._journal = journal
        self._telemetry = telemetry
        self._configuration = configuration
        self._trimming: asyncio.Task[None] | None = None
        self._trim_at = 0
        self._log = logging.getLogger(f"penstock.{table}")

    @property
    def count(self) -> int:
        return self._journal.letters.get(self._table, (0, 0))[0]

    @property
    def bytes(self) -> int:
        return self._journal.letters.get(self._table, (0, 0))[1]

    def add(self, letter: DeadLetter) -> None:
        if not self._settings.enabled:
            return
        size = heap_size((letter.event,))
        batch = Batch(letter.resource, (letter.event,), size)
        self._journal.add_letter(
            LetterRow(
                sink=self._table,
                origin=letter.resource.origin,
                reason=letter.reason,
                response=letter.response,
                attempts=letter.attempts,
                first_unix_nano=letter.first_unix_nano,
                last_unix_nano=letter.last_unix_nano,
                configuration=self._configuration,
                size=size,
                batch=batch,
            )
        )
        if self.bytes > self._settings.max_bytes:
            self.trim(letter.last_unix_nano)

    def trim(self, now: int) -> None:
        self._trim_at = now
        if self.count and (self._trimming is None or self._trimming.done()):
            self._trimming = asyncio.create_task(self._trim(), name=f"{self._table} trims")

    async def _trim(self) -> None:
        age = self._settings.max_age_s
        while self._trim_at:  # Set anew when letters came while others were discarded.
            now, self._trim_at = self._trim_at, 0
            async with self._journal.choosing:
                await self._discard_old(now - age * 10**9 if age else 0)

    async def _discard_old(self, before: int) -> None:
        try:
            await self._journal.flush()
            excess = self.bytes - self._settings.max_bytes
            old = await self._journal.store.call(
                lambda connection: letters.oldest(connection, self._table, excess, before)
            )
        except StateError as error:
            self._log.warning("dead letters cannot be read: %s", error)
            return
        self._discard([one for one in old if one.last_unix_nano < before], "age", "max_age_s")
        self._discard([one for one in old if one.last_unix_nano >= before], "size", "max_bytes")

    def _discard(self, over: list[letters.Letter], reason: str, cap: str) -> None:
        if not over:
            return
        self._journal.delete_letters(over)
        self._telemetry.add(LETTERS_DISCARDED, (self._table, reason), len(over))
        extra = {"letters": len(over), "cap": cap}
        self._log.warning("dead letters were discarded by their cap", extra=extra)

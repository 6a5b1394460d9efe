"""Dead letters: events that a destination refused, kept with the reason."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from msgspec import Struct

from penstock.api.event import Event, Resource, heap_size
from penstock.api.settings import DeadLetterSettings


class DeadLetter(Struct, frozen=True):
    """One refused event and why it was refused."""

    component: str
    resource: Resource
    event: Event
    reason: str
    time_unix_nano: int


class DeadLetters(Protocol):
    """A keeper of dead letters."""

    def add(self, letter: DeadLetter) -> None:
        """Keep a letter; the oldest go when there are too many."""


class MemoryDeadLetters:
    """Dead letters that last as long as the process, bounded in bytes of heap."""

    def __init__(self, settings: DeadLetterSettings, *, max_bytes: int = 1_048_576) -> None:
        self._enabled = settings.enabled
        self._max_bytes = min(settings.max_bytes, max_bytes)
        self._bytes = 0
        self.letters: deque[DeadLetter] = deque()
        self.forgotten = 0

    def add(self, letter: DeadLetter) -> None:
        if not self._enabled:
            return
        self.letters.append(letter)
        self._bytes += heap_size((letter.event,))
        while self._bytes > self._max_bytes:
            self._bytes -= heap_size((self.letters.popleft().event,))
            self.forgotten += 1

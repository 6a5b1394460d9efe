"""What the pass over a batch asks of a way to join lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.api import Event, Log
from penstock_transform_multiline.assembly import Assembly, Limits


class Look(Protocol):
    """A reader's view of one batch; ``at`` is a line's index in it."""

    @property
    def is_clean(self) -> bool:
        """Whether no line of the batch begins an entry."""

    def next(self, at: int) -> int:
        """Return the first index, from this one on, where an entry may begin."""

    def begin(self, at: int, line: Log) -> Assembly | None:
        """Return an entry that begins with a line, if it does."""

    def take(self, at: int, line: Log, entry: Assembly) -> bool:
        """Add a line to an entry, if it may belong to it."""

    def follow(self, at: int, entry: Assembly, limits: Limits) -> int:
        """Add all lines from here on that certainly go on with an entry, as far as it has room.

        Return the index behind them.
        """

    def passed(self, event: Event) -> None:
        """Learn what lines between entries look like, of which this is the last so far."""

    def ends(self, at: int) -> bool:
        """Whether a line that was just taken ends its entry."""


class Reader(Protocol):
    """A way to join lines, with what it remembers of one container."""

    def look(self, events: Sequence[Event]) -> Look:
        """Look at a batch's events."""

    def settled(self, entry: Assembly) -> None:
        """Learn from an entry that is whole."""

"""What the source needs of a journal, wherever it is."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from penstock_source_journald.entry import Entry
from penstock_source_journald.export import Export


class Query(Struct, frozen=True, kw_only=True):
    """Which entries: from a cursor on, that entry included, else from the first one.

    ``first`` and ``last`` are how many, 0 for all. Not ``filtered``: whatever the settings leave
    out as well. ``machine`` is the id of the one that wrote them, empty for any.
    """

    cursor: str = ""
    follow: bool = False
    first: int = 0
    last: int = 0
    filtered: bool = True
    machine: str = ""


class Stream(Protocol):
    """Entries in the journal's export format, on their way."""

    async def read(self) -> bytes:
        """Return what comes next, nothing at the end; ``AwayError`` if that is not the end."""

    async def close(self) -> None:
        """Stop reading. Safe twice."""


class Journal(Protocol):
    """A journal, or several that are read as one."""

    is_split: bool
    """Whether it holds the journals of several machines."""

    async def check(self) -> None:
        """Make sure that it can be read."""

    async def read(self, query: Query) -> Stream:
        """Begin to read."""

    async def machines(self) -> list[str]:
        """Return the ids of all machines that have entries."""

    async def values(self, field: str) -> list[str]:
        """Return all values that a field has."""

    async def close(self) -> None:
        """Let go of everything."""


async def one(journal: Journal, query: Query) -> Entry | None:
    """Return the first entry of an answer, None if there is none."""
    stream = await journal.read(query)
    export = Export(4_096)
    try:
        while data := await stream.read():
            if entries := export.feed(data):
                return entries[0]
        return None
    finally:
        await stream.close()

"""Finds out what became of the entry to go on from, when the journal does not begin with it."""

from __future__ import annotations

from msgspec import Struct

from penstock_source_journald.cursor import Cursor
from penstock_source_journald.entry import Entry
from penstock_source_journald.errors import GarbageError
from penstock_source_journald.journal import Journal, Query, one

VACUUMED = "the journal no longer has what came after the last entry: it was vacuumed or rotated"
FOREIGN = "the journal does not have the last entry: it is another one, or a file of it is gone"
FUTURE = (
    "the journal does not have the last entry, and all of it is older: it is another one, or the "
    "clock was set back; it is read from its beginning"
)
EMPTY = "the journal is empty: it was vacuumed, or is another one"


class Lost(Struct, frozen=True):
    """What cannot be had, in Unix nanoseconds, and the entry to go on from, none for the first."""

    reason: str
    start: int
    end: int
    go_on: str = ""


async def find_again(journal: Journal, last: Cursor, machine: str) -> Lost | None:
    """Return what is lost behind an entry that was sent; None if the entry is there."""
    found = await one(journal, Query(cursor=last.text, first=1, filtered=False, machine=machine))
    if found is None:
        newest = await one(journal, Query(last=1, filtered=False, machine=machine))
        if newest is None:
            return Lost(EMPTY, last.time_unix_nano, 0)
        # Nothing of it is certain to have been sent, and repetitions have the ids they had.
        return Lost(FUTURE, last.time_unix_nano, 0)
    if (place := cursor_of(found)).text == last.text:
        return None
    oldest = await one(journal, Query(first=1, filtered=False, machine=machine))
    is_newer = oldest is None or cursor_of(oldest).time_unix_nano > last.time_unix_nano
    reason = VACUUMED if is_newer else FOREIGN
    return Lost(reason, last.time_unix_nano, place.time_unix_nano, place.text)


def cursor_of(entry: Entry) -> Cursor:
    """Return an entry's place."""
    try:
        return Cursor.parse(entry.place)
    except ValueError as error:
        raise GarbageError(f"an entry of the journal has no place: {error}") from None

"""What is written to the state file in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from penstock.api.event import Batch
from penstock.state.pages import PageHead, PageRow


class StateError(OSError):
    """The disk does not let us read or write the state; it may later."""


LaneKey = tuple[str, str]
"""A lane's name in the whole process: ``(source table, lane)``."""

RowKey = tuple[str, str]
"""A ledger row's name: ``(sink table, origin)``."""

PageKey = tuple[str, int]
"""A page's name: ``(sink table, number)``; numbers of one sink are in the order of its events."""


class LetterRow(Struct, frozen=True):
    """One event that a destination refused, and why; times are Unix nanoseconds."""

    sink: str
    origin: str
    reason: str
    response: str
    attempts: int
    first_unix_nano: int
    last_unix_nano: int
    configuration: str
    size: int
    batch: Batch


class Unit(Struct, kw_only=True):
    """One group of changes: all of it is on disk, or nothing. None as a value deletes."""

    pages: Sequence[PageRow] = ()
    deleted_pages: Sequence[PageKey] = ()
    letters: Sequence[LetterRow] = ()
    deleted_letters: Sequence[int] = ()
    positions: Mapping[LaneKey, bytes | None] = {}
    ledger: Mapping[RowKey, bytes | None] = {}
    sources: Mapping[str, bytes] = {}


class Written(Struct, frozen=True):
    """What came of a unit: the bytes of each page's blob, in the unit's order."""

    page_bytes: Sequence[int]


class Contents(Struct, frozen=True, kw_only=True):
    """What a state file held when it was opened; positions and ledger rows as they were written."""

    positions: Mapping[LaneKey, bytes] = {}
    ledger: Mapping[RowKey, bytes] = {}
    sources: Mapping[str, bytes] = {}
    pages: Mapping[str, Sequence[PageHead]] = {}
    letters: Mapping[str, tuple[int, int]] = {}
    """Number and bytes of the dead letters by sink."""

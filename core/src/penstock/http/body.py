"""Bodies of requests: cut from encoded events so that each keeps within its destination's limits.

Every event is encoded once, into a piece of bytes; a body is made of pieces and what goes around
them, and one that turns out to be too large is cut again from the same pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from penstock.api import EMPTY, Event

Owner = Event | tuple[Event, ...]
"""The event of a piece; several where they were added up."""


class Limits(Struct, frozen=True, kw_only=True):
    """What a destination takes in one request, in bytes before compression.

    ``max_event_bytes`` bounds a single piece: a longer one is refused here, by name.
    """

    max_body_bytes: int = 10_000_000
    max_events: int = 10_000
    max_event_bytes: int = 10_000_000


class Envelope(Struct, frozen=True, kw_only=True):
    """What goes around a body, and between its pieces and its sections alike."""

    head: bytes = b""
    tail: bytes = b""
    between: bytes = b""


class Target(Struct, frozen=True, kw_only=True):
    """Where a request goes and in which shape."""

    url: str
    content_type: str
    envelope: Envelope
    limits: Limits = Limits()
    headers: Mapping[str, str] = EMPTY


class Section(Struct):
    """Pieces that share something, such as a resource: it is repeated where they are cut apart."""

    owners: list[Owner]
    pieces: list[bytes]
    head: bytes = b""
    tail: bytes = b""


class Parcel(Struct, frozen=True):
    """All that goes to one target."""

    target: Target
    sections: list[Section]


class Body(Struct, frozen=True):
    """One request's worth: sections that fit."""

    target: Target
    sections: Sequence[Section]
    size: int

    @property
    def owners(self) -> list[Owner]:
        return [owner for section in self.sections for owner in section.owners]

    def data(self) -> bytes:
        """Return the bytes to send."""
        envelope = self.target.envelope
        parts: list[bytes] = []
        for section in self.sections:
            # What goes around is added to the pieces at the ends: a body is copied once, as each
            # further copy of it costs as much as encoding a quarter of it.
            first = len(parts)
            parts += section.pieces
            parts[first] = section.head + parts[first]
            parts[-1] += section.tail
        parts[0] = envelope.head + parts[0]
        parts[-1] += envelope.tail
        return envelope.between.join(parts)


def events_of(owners: Sequence[Owner]) -> list[Event]:
    """Return the events of some pieces."""
    events: list[Event] = []
    for owner in owners:
        if isinstance(owner, tuple):
            events += owner
        else:
            events.append(owner)
    return events


def refuse_oversized(parcel: Parcel) -> tuple[Parcel, dict[Event, str]]:
    """Take out the pieces that no request can carry; return the rest, and why not."""
    limits, envelope = parcel.target.limits, parcel.target.envelope
    around = len(envelope.head) + len(envelope.tail)
    refused: dict[Event, str] = {}
    sections = []
    for section in parcel.sections:
        frame = around + len(section.head) + len(section.tail)
        most = min(limits.max_event_bytes, limits.max_body_bytes - frame)
        if max(map(len, section.pieces), default=0) <= most:
            sections.append(section)
            continue
        kept = Section([], [], section.head, section.tail)
        for owner, piece in zip(section.owners, section.pieces, strict=True):
            if len(piece) <= most:
                kept.owners.append(owner)
                kept.pieces.append(piece)
            else:
                why = f"{len(piece)} bytes encoded, and the destination takes {max(most, 0)}"
                refused |= dict.fromkeys(events_of([owner]), why)
        sections.append(kept)
    return Parcel(parcel.target, sections), refused


def bodies(target: Target, sections: Sequence[Section], max_bytes: int) -> Iterator[Body]:
    """Cut sections into bodies of so many bytes at most, in their order.

    A piece that is longer than that has a body of its own.
    """
    limit = min(max_bytes, target.limits.max_body_bytes)
    cutter = _Cutter(target, limit)
    for section in sections:
        yield from cutter.take(section)
    yield from cutter.finish()


class _Cutter:
    """Gathers pieces until the next one would not fit."""

    def __init__(self, target: Target, limit: int) -> None:
        self._target = target
        self._limit = limit
        self._around = len(target.envelope.head) + len(target.envelope.tail)
        self._between = len(target.envelope.between)
        self._begin()

    def take(self, section: Section) -> Iterator[Body]:
        """Add a section, and return the bodies that became full."""
        start, between = 0, self._between
        frame = len(section.head) + len(section.tail) + self._between
        size = self._size + frame
        pieces = section.pieces
        whole = size + sum(map(len, pieces)) + between * (len(pieces) - 1)
        if whole <= self._limit and self._count + len(pieces) <= self._target.limits.max_events:
            self._add(section, 0, len(pieces), whole)
            return
        for index, piece in enumerate(pieces):
            grown = size + len(piece) + (between if index > start else 0)
            count = self._count + index - start
            full = grown > self._limit or count >= self._target.limits.max_events
            if full and count:
                self._add(section, start, index, size)
                yield self._flush()
                start, grown = index, self._size + frame + len(piece)
            size = grown
        self._add(section, start, len(pieces), size)

    def finish(self) -> Iterator[Body]:
        if self._count:
            yield self._flush()

    def _add(self, section: Section, start: int, end: int, size: int) -> None:
        if start == end:
            return
        if end - start < len(section.pieces):
            owners, pieces = section.owners[start:end], section.pieces[start:end]
            section = Section(owners, pieces, section.head, section.tail)
        self._sections.append(section)
        self._count += end - start
        self._size = size

    def _flush(self) -> Body:
        body = Body(self._target, self._sections, self._size)
        self._begin()
        return body

    def _begin(self) -> None:
        self._sections: list[Section] = []
        self._count = 0
        self._size = self._around

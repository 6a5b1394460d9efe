"""One write to a sink: the batches that go together, and how often they were tried."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from penstock.api.event import Batch, Event, heap_size
from penstock.bus.buffer import split
from penstock.delivery.dead_letters import Tries
from penstock.delivery.evidence import Evidence, Record

DOUBTFUL_AFTER = 5
"""Failed attempts after which a write itself may be at fault."""


class Write:
    """Batches for one call of ``Sink.write``.

    ``number`` orders writes by when they were first started; the parts of one that was divided
    come where it was. A ``suspect`` is part of one that failed often while others succeeded.
    """

    __slots__ = ("attempts", "batches", "evidence", "first_unix_nano", "number", "suspect")

    def __init__(
        self,
        number: tuple[int, ...],
        batches: Sequence[Batch],
        record: Record,
        *,
        attempts: int = 0,
        suspect: bool = False,
    ) -> None:
        self.number = number
        self.batches = batches
        self.evidence = Evidence(record)
        self.attempts = attempts
        self.suspect = suspect
        self.first_unix_nano = 0
        """When it was tried first; 0: not yet."""

    def __lt__(self, other: Write) -> bool:
        return self.number < other.number

    @property
    def size(self) -> int:
        return sum(batch.size for batch in self.batches)

    @property
    def events(self) -> int:
        return sum(len(batch.events) for batch in self.batches)

    @property
    def origins(self) -> set[str]:
        return {batch.resource.origin for batch in self.batches}

    @property
    def tries(self) -> Tries:
        return Tries(self.attempts, self.first_unix_nano)

    @property
    def is_doubtful(self) -> bool:
        """Whether it failed so often that it may be the write's fault."""
        return self.suspect or self.attempts >= DOUBTFUL_AFTER

    def rest(self, batches: Sequence[Batch], record: Record) -> Write:
        """Return a write of what is left of this one, with its history."""
        rest = Write(self.number, batches, record, attempts=self.attempts, suspect=self.suspect)
        rest.first_unix_nano = self.first_unix_nano
        return rest

    def halves(self, record: Record, *, suspect: bool = False) -> tuple[Write, Write]:
        """Divide it in two; the receipts of a batch that is cut are held by both parts.

        The parts begin with no attempts: a destination that fails now and then must not bury an
        event for the failures of the write that it came in.
        """
        left: list[Batch] = []
        right: list[Batch] = []
        room = self.events // 2
        for batch in self.batches:
            if room >= len(batch.events):
                left.append(batch)
            elif room > 0:
                head, tail = split(batch, room)
                left.append(head)
                right.append(tail)
            else:
                right.append(batch)
            room -= len(batch.events)
        return (
            Write((*self.number, 0), left, record, suspect=suspect),
            Write((*self.number, 1), right, record, suspect=suspect),
        )


def only(batch: Batch, wanted: Collection[Event]) -> Batch | None:
    """Return the batch with only these of its events, None if it has none of them."""
    events = tuple([event for event in batch.events if event in wanted])
    if not events:
        return None
    return Batch(batch.resource, events, min(heap_size(events), batch.size), batch.trail)

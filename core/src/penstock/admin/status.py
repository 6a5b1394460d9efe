"""What ``penstock status`` tells; every field's name is one of the JSON form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct


class Process(Struct, frozen=True, kw_only=True):
    """One process; ``ready`` is what ``penstock health`` says.

    ``trouble`` is why the state cannot be written, if it cannot.
    """

    pid: int
    version: str
    uptime_s: float
    ready: bool
    state_dir: str
    trouble: str
    listen: str
    """Where metrics and health are had over HTTP, empty if nowhere."""


class Buffered(Struct, frozen=True, kw_only=True):
    """What waits in a buffer, by where it is; what is being written counts as in memory."""

    memory_bytes: int
    queued_events: int
    disk_bytes: int
    disk_events: int


class SourceStatus(Struct, frozen=True, kw_only=True):
    """One source. ``state``: running, waiting, not open, ended, broken, or gone: not configured.

    ``trouble`` is what keeps it from running. ``lag_s`` is the age of the newest event when it
    was handed over; ``time_to_loss_s`` the least of all that it reads; None where unknown.
    """

    table: str
    type: str
    state: str
    trouble: str = ""
    blocked_on: str = ""
    received: int = 0
    duplicates: int = 0
    gaps: int = 0
    lag_s: float | None = None
    time_to_loss_s: float | None = None
    buffer: Buffered | None = None


class Letters(Struct, frozen=True, kw_only=True):
    """How many dead letters are kept, and the heap bytes of their events."""

    count: int
    bytes: int


class SinkStatus(Struct, frozen=True, kw_only=True):
    """One sink. ``broken`` is why it will never be written to, ``trouble`` what failed last.

    ``circuit`` is closed, open (``wait_s`` are left), half-open, or held for an operator.
    """

    table: str
    type: str
    open: bool
    broken: str
    circuit: str
    wait_s: float
    trouble: str
    retries: Mapping[str, int]
    buffer: Buffered
    dead_letters: Letters


class Ended(Struct, frozen=True):
    """How many events came to an end, and why."""

    outcome: str
    reason: str
    events: int


class InFlight(Struct, frozen=True):
    """How many events have not come to an end, by where they are."""

    memory: int
    spool: int


class LedgerRow(Struct, frozen=True, kw_only=True):
    """One account: read + created + carried in + replayed = outcomes + in flight + residue."""

    table: str
    origin: str
    read: int
    created: int
    carried_in: int
    replayed: int
    outcomes: Sequence[Ended]
    in_flight: InFlight
    residue: int


class Orphan(Struct, frozen=True, kw_only=True):
    """Events on disk whose sink is in no pipeline any more."""

    table: str
    events: int
    disk_bytes: int


class Problem(Struct, frozen=True):
    """What keeps Penstock from being ready: ``what`` is one of few phrases, ``why`` is free text.

    ``table`` is empty where it concerns the whole process.
    """

    table: str
    what: str
    why: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.table, self.what, self.why) if part)


class Health(Struct, frozen=True):
    """Whether Penstock is ready, and what keeps it from that."""

    ready: bool
    problems: Sequence[Problem]


class Status(Struct, frozen=True, kw_only=True):
    """Everything at one moment."""

    process: Process
    problems: Sequence[Problem]
    sources: Sequence[SourceStatus]
    sinks: Sequence[SinkStatus]
    ledger: Sequence[LedgerRow]
    orphans: Sequence[Orphan]

    @property
    def residues(self) -> list[LedgerRow]:
        """The rows that do not add up."""
        return [row for row in self.ledger if row.residue]

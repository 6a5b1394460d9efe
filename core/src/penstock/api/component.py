"""Source, Transform and Sink: the three kinds of plugin, and what core asks of each."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from msgspec import Struct

from penstock.api.delivery import Outlet, Report
from penstock.api.event import Batch, Event, Log
from penstock.api.settings import BatchSettings, BufferSettings, TlsSettings
from penstock.api.tally import Hold, Tally


class Context(Struct, frozen=True, kw_only=True):
    """What core tells a component about its place, after construction and before ``open``."""

    table: str = ""
    """The component's table, such as ``sinks.central``."""
    log: logging.Logger = logging.getLogger("penstock")
    """Penstock's own log, with the table as its name."""
    tls: TlsSettings = TlsSettings()
    """The ``tls`` sub-table, for components that set ``uses_tls``."""
    open_bytes: int = 16_777_216
    """Heap bytes (``Batch.size``) that a sink's open writes may hold together.

    Core starts no write beyond it. A sink whose writes return only after later ones has to let
    the oldest return before that much is open, or it would wait for itself.
    """


class Component:
    """What the three kinds share.

    Construction does no I/O and only looks at ``config``; what is wrong with it is a
    ``ConfigError`` there. ``open`` may fail with ``RetryableError`` (tried again with backoff) or
    ``ConfigError`` (stops the start). ``close`` is safe without ``open`` and twice.
    """

    name: ClassVar[str]
    """The type, as in ``type = "…"``; equals the entry point's name behind its kind."""
    requires_api: ClassVar[str] = ""
    """The ``API_VERSION`` that it was written against, such as ``"1.0"``; empty: not stated.

    It loads where the major number is the same and the minor one at least that.
    """
    stability: ClassVar[Literal["experimental", "beta", "stable"]] = "experimental"
    """What its users may rely on: docs/compatibility.md."""
    uses_tls: ClassVar[bool] = False
    """Whether the table takes a ``tls`` sub-table."""

    class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """The component's settings; subclass it as ``Config`` in the component."""

    config: Config
    context: Context = Context()

    def __init__(self, config: Config) -> None:
        self.config = config


class Source(Component):
    """Reads events from the outside and sends them in batches."""

    replayable: ClassVar[bool] = True
    """Whether events can be read again from a position; False: their ids are not stable.

    A source that is not replayable has an intake, a buffer of its own in which its events are
    kept before anything else: its ``send`` waits for no sink.
    """
    default_buffer: ClassVar[BufferSettings] = BufferSettings(type="disk", when_full="drop_oldest")
    """What the ``buffer`` sub-table of a source that is not replayable defaults to."""
    kinds: frozenset[type[Event]] = frozenset({Log})
    """The kinds of event that it sends; gaps may come besides.

    Set it on the class or, where it depends on the settings, on the instance: ``check`` finds out
    by it which kinds no sink would carry.
    """
    trouble: str = ""
    """What keeps ``run`` from reading at the moment, set and emptied by itself; ``status`` and
    ``health`` show it. What ``run`` raises is shown without that.
    """

    async def open(self) -> None:
        """Make ready. Fail here if nothing will ever come."""

    async def run(self, out: Outlet) -> None:
        """Send batches until cancelled, which means stop, or until the end of input: return.

        ``RetryableError`` has ``run`` called again, after a backoff, with the same object.
        """
        raise TypeError(f"{type(self).__name__} has no run()")

    async def check(self) -> None:
        """Try the connection once, for ``penstock check --connect``; send nothing."""
        await self.open()

    async def close(self) -> None:
        """Let go of everything. Safe without ``open``, and twice."""


class Transform(Component):
    """Changes batches on their way: pure and synchronous, no I/O.

    What goes in comes out, or is accounted for: use ``keep`` to leave events out, ``hold`` and
    ``emit`` to keep some for later or to join them. Core checks after every call that
    in + held before + created = out + filtered + merged + held after.
    """

    stateful: ClassVar[bool] = False
    """Whether it holds events between calls. Its ``flush`` is then called a few times a second."""

    def __init__(self, config: Component.Config) -> None:
        super().__init__(config)
        self.tally = Tally()

    def apply(self, batch: Batch) -> Batch | Iterable[Batch]:
        """Return the batch, changed or not, or several. ``return batch`` costs nothing."""
        raise TypeError(f"{type(self).__name__} has no apply()")

    def flush(self, now: float, final: bool) -> Iterable[Batch]:
        """Give up what was held long enough (``now``: monotonic seconds), or all if ``final``."""
        return ()

    def passes(self, kinds: frozenset[type[Event]]) -> frozenset[type[Event]]:
        """Say which kinds of event can come out where these come in, by the settings alone.

        For ``check``: name too many rather than too few.
        """
        return kinds

    def keep(self, batch: Batch, events: Sequence[Event], rule: str) -> Batch:
        """Return the batch with only these of its events; the rest is filtered by ``rule``."""
        return self.tally.keep(batch, events, rule)

    def hold(self, batch: Batch, events: Sequence[Event]) -> Hold:
        """Keep these events of a batch for a later ``emit``; their receipts wait with them."""
        return self.tally.hold(batch, events)

    def emit(
        self,
        like: Batch | Hold,
        events: Sequence[Event],
        *spent: Hold,
        merged: int = 0,
        created: int = 0,
    ) -> Batch:
        """Make a batch of new events that stands for ``like`` and for the holds it spends.

        ``merged`` counts the events that went into others, ``created`` those from nowhere.
        """
        return self.tally.emit(like, events, *spent, merged=merged, created=created)


class Sink(Component):
    """Writes events to a destination.

    Core calls ``write`` with batches in order, retries what fails, and settles what succeeds.
    These may be set on the class or, where they depend on the settings, on the instance.
    """

    accepts: frozenset[type[Event]] = frozenset({Log})
    """The kinds of event that it can carry; core counts the others as filtered."""
    accepts_more: str = ""
    """What an operator can change so that it carries more kinds, for the messages of ``check``."""
    order: Literal["stream", "resource", "none"] = "resource"
    """What must keep its order: everything, each resource's events, or nothing.

    ``stream``: writes may overlap but start in order; after one fails, those behind it that fail
    too are sent again from the first. When its connection breaks, the sink fails all open writes
    and takes none before they have returned. ``resource``: one write at a time holds a resource.
    """
    in_flight: int = 1
    """How many ``write`` calls core keeps open; they always start in order."""
    write_timeout_s: float | None = 60.0
    """How long a write may take before it counts as failed; None: for ever."""
    default_batch: ClassVar[BatchSettings] = BatchSettings()
    """What the ``batch`` sub-table defaults to."""
    default_buffer: ClassVar[BufferSettings] = BufferSettings()
    """What the ``buffer`` sub-table defaults to."""

    async def open(self) -> None:
        """Make ready."""

    async def check(self) -> None:
        """Try the destination once, for ``penstock check --connect``; write nothing."""

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        """Deliver the batches; returning None means that all of it was delivered.

        Raise ``RetryableError`` (all of it will come again), ``RejectedError`` (core bisects until
        it has the event), ``ConfigError`` (an operator has to see to it: core leaves the
        destination alone until settings or secrets change), or return a ``Report``. May be
        cancelled at any await.
        """
        raise TypeError(f"{type(self).__name__} has no write()")

    async def drain(self) -> None:
        """Have the open writes return soon: none starts before they have.

        Called at a stop, and before a ``stream`` goes back to a write that failed.
        """

    async def close(self) -> None:
        """Let go of everything; nothing is sent afterwards. Safe without ``open``, and twice."""

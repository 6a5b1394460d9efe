"""Turns what Docker sends of one container into log events; the framing is left to others."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence

from penstock.api import EMPTY, EVENT_OVERHEAD_BYTES, Log, heap_size
from penstock_source_docker.budget import Budgets
from penstock_source_docker.history import History
from penstock_source_docker.partials import Line, Partials
from penstock_source_docker.position import STDERR, STDOUT, STREAMS, Position
from penstock_source_docker.recent import Recent

CUT_BYTES = "penstock.cut_bytes"
"""The attribute that says how many bytes of a line are missing."""


class LineFormat:
    """What is the same for all lines of a container.

    ``severities`` by the number of the stream; ``limit`` in bytes of a line; ``same_stamp``:
    whether all frames of a line have one stamp, true of every driver but journald.
    """

    __slots__ = ("budgets", "limit", "same_stamp", "severities")

    def __init__(
        self, severities: Sequence[int], limit: int, budgets: Budgets, *, same_stamp: bool = True
    ) -> None:
        self.severities = severities
        self.limit = limit
        self.budgets = budgets
        self.same_stamp = same_stamp


class Lines:
    """The lines of one stream, from a position on; ``closed`` until its last line came back.

    What cannot be a frame, or is the engine's own complaint, ends it: ``broken`` says why. What
    came before is returned all the same, or a damaged log would never be got past.
    """

    def __init__(
        self,
        form: LineFormat,
        position: Position,
        recent: Recent,
        *,
        closed: bool = False,
        lenient: bool = False,
    ) -> None:
        self.form = form
        self.history = History(position, recent, closed=closed, lenient=lenient)
        self.partials = Partials(form.limit, form.budgets.partials, same_stamp=form.same_stamp)
        self.broken = ""
        self.unstamped = 0
        """Frames that came without a readable stamp."""
        self.size = 0
        """The heap bytes of what was last returned, estimated."""
        self._recent = recent
        self._rest = b""
        self._carried = 0

    @property
    def stopped(self) -> bool:
        """Whether nothing more is taken."""
        return bool(self.broken) or self.history.doubt

    @property
    def newest(self) -> int:
        """The newest stamp of all that came, lines that are open included; 0 if nothing came."""
        stamps = [partial.stamp for partial in self.partials.open if partial]
        return max(*self.history.times, *stamps)

    @property
    def waiting(self) -> bool:
        """Whether something came that is no whole line yet."""
        return any(self.partials.open)

    @property
    def position(self) -> Position:
        """How far the events that were returned go."""
        return self.history.position(self.partials.start(STDOUT), self.partials.start(STDERR))

    def feed(self, data: bytes) -> list[Log]:
        """Take the next bytes of the stream; return the lines that end in them."""
        if self._rest:
            data = self._rest + data
        events: list[Log] = []
        end = self._read(data, events)
        self._rest = data[end:]
        self.size = end + self._carried + EVENT_OVERHEAD_BYTES * len(events)
        if events:
            self._carried = 0
            self._recent.keep(data)
        return events

    def stale(self, seconds: float) -> list[Log]:
        """End the lines that had no continuation for so long; what comes later is another event."""
        events: list[Log] = []
        for kind, partial in enumerate(self.partials.open):
            if partial and clock.monotonic() - partial.touched >= seconds:
                self._emit(kind, self.partials.close(kind), events, in_order=False)
                self.history.cut(kind, partial.stamp)
        self.size = heap_size(events)
        return events

    def finish(self) -> list[Log]:
        """End what is open, as nothing more will come."""
        events: list[Log] = []
        for kind, partial in enumerate(self.partials.open):
            if partial:
                self._emit(kind, self.partials.close(kind), events, in_order=False)
        self.size = heap_size(events)
        return events

    def close(self) -> None:
        """Forget what is open: it will be read again."""
        self.partials.discard()

    def _read(self, data: bytes, events: list[Log]) -> int:
        """Append the lines of all whole frames; return where the rest begins."""
        raise NotImplementedError

    def _take(
        self, kind: int, time: int, text: bytes, events: list[Log], *, missing: int = 0
    ) -> None:
        """Take the text of a new frame, of which ``missing`` bytes are left out already."""
        for line in self.partials.add(kind, time, text, missing):
            self._emit(kind, line, events, in_order=line.stamp == time)

    def _emit(self, kind: int, line: Line, events: list[Log], *, in_order: bool) -> None:
        ordinal = self.history.ended(kind, line.stamp, line.frames, line.digest, in_order=in_order)
        if in_order:
            self.partials.overtake(kind)
        body, missing = line.body(self.form.limit)
        self._carried += len(body)
        severity = self.form.severities[kind]
        attributes = {CUT_BYTES: missing} if missing else EMPTY
        events.append(Log(line.time, body, STREAMS[kind], severity, ordinal, attributes=attributes))

    def _take_unstamped(self, kind: int, text: bytes, events: list[Log]) -> None:
        """Deliver text that has no time of its own; no position can point behind it."""
        self.unstamped += 1
        time = self.history.times[kind] or clock.time_ns()
        line = Line(time, time, 1, 0, text)
        body, _ = line.body(self.form.limit)
        severity = self.form.severities[kind]
        events.append(Log(time, body, STREAMS[kind], severity, self.unstamped))

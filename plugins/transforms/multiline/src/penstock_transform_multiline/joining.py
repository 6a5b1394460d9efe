"""One pass over one batch."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.api import Batch, Event, Gap, Log, Transform
from penstock_transform_multiline.assembly import Assembly, Limits
from penstock_transform_multiline.reader import Look, Reader


class Container:
    """What is known of one container: how its lines are joined, and its open entries by stream."""

    __slots__ = ("entries", "held", "reader")

    def __init__(self, reader: Reader | None) -> None:
        self.reader = reader
        self.entries: dict[str, Assembly] = {}
        self.held = 0
        """Bytes of the lines that are held."""


class Pass:
    """Goes over a batch once; stretches in which no entry can begin are passed on as they are.

    What was held is emitted in batches of its own, so that nothing else waits for its receipts.
    """

    def __init__(
        self,
        transform: Transform,
        batch: Batch,
        container: Container,
        reader: Reader,
        limits: Limits,
    ) -> None:
        self._transform = transform
        self._batch = batch
        self._entries = container.entries
        self._reader = reader
        self._limits = limits
        self._out: list[Event] = []
        self._made: list[Batch] = []
        self._merged = 0
        self._changed = False
        self._next = -1

    def run(self, look: Look) -> Batch | Sequence[Batch]:
        """Return what becomes of the batch."""
        events, entries, out = self._batch.events, self._entries, self._out
        at, end = 0, len(events)
        while at < end:
            if not entries:
                self._next = start = look.next(at)
                if start > at:
                    out += events[at:start]
                    look.passed(events[start - 1])
                if start == end:
                    break
                at = start
            event = events[at]
            if type(event) is Log:
                at = self._line(look, at, event)
            else:
                self._other(event)
                at += 1
        return self._finish()

    def _line(self, look: Look, at: int, line: Log) -> int:
        """Do with a line what is to be done; return the index behind it, and what follows it."""
        stream = line.stream
        entry = self._entries.get(stream)
        if entry is not None and look.take(at, line, entry):
            limits = self._limits
            is_large = entry.count > limits.max_lines or entry.size > limits.max_bytes
            if is_large and entry.count > 1 and not self._cut(entry, stream):
                return at + 1
        else:
            if entry is not None:
                self._close(stream)
            entry = self._begin(look, at, line)
            if entry is None:
                self._out.append(line)
                look.passed(line)
                return at + 1
            self._entries[stream] = entry
        if look.ends(at):
            self._close(stream)
            return at + 1
        return look.follow(at + 1, entry, self._limits)

    def _begin(self, look: Look, at: int, line: Log) -> Assembly | None:
        if self._next < at:
            self._next = look.next(at)
        if self._next > at:
            return None
        return look.begin(at, line)

    def _other(self, event: Event) -> None:
        """Pass on what is no log; a gap ends the entries of the stream that has it."""
        if type(event) is Gap:
            for stream in [event.stream] if event.stream else list(self._entries):
                if stream in self._entries:
                    self._close(stream)
        self._out.append(event)

    def _cut(self, entry: Assembly, stream: str) -> bool:
        """Emit an entry that has become too large; its last line begins the next part.

        Return whether there is one: not if nobody is sure that the line belongs to it.
        """
        if entry.sure < entry.count:
            self._close(stream)
            return False
        line = entry.lines.pop()
        entry.sure = entry.count = entry.count - 1
        entry.part = max(entry.part, 1)
        self._emit(entry)
        entry.next_part()
        entry.add(line)
        entry.sure = 1
        return True

    def _close(self, stream: str) -> None:
        entry = self._entries.pop(stream)
        if entry.count:
            self._emit(entry)
            self._reader.settled(entry)

    def _emit(self, entry: Assembly) -> None:
        if not entry.holds:
            self._out += entry.events(self._limits.separator)
            self._merged += max(entry.sure, 1) - 1
            self._changed = self._changed or entry.sure > 1 or entry.part > 0
            return
        self._hold(entry)
        self._made.append(emit_held(self._transform, entry, self._limits))

    def _hold(self, entry: Assembly) -> None:
        if entry.lines:
            entry.holds.append(self._transform.hold(self._batch, entry.lines))
            entry.lines = []
            if entry.sure != entry.told:
                entry.fresh, entry.told = True, entry.sure

    def _finish(self) -> Batch | Sequence[Batch]:
        for entry in self._entries.values():
            self._hold(entry)
        batch, out = self._batch, self._out
        if len(out) == len(batch.events) and not self._changed:
            # Nothing was joined, and nothing is held: what comes out is what came in.
            return [*self._made, batch] if self._made else batch
        if out:
            emitted = self._transform.emit(batch, out, merged=self._merged)
            self._made.append(emitted)
        return self._made


def emit_held(transform: Transform, entry: Assembly, limits: Limits) -> Batch:
    """Emit an entry of which all lines are held."""
    events = entry.events(limits.separator)
    merged = max(entry.sure, 1) - 1
    return transform.emit(entry.holds[0], events, *entry.holds, merged=merged)

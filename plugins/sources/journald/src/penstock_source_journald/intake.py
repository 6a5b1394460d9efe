"""Makes groups of events of what was read: one for each unit's process or container."""

from __future__ import annotations

from collections.abc import Container, Sequence

from msgspec import Struct

from penstock.api import EVENT_OVERHEAD_BYTES, Log, Resource, Value
from penstock_source_journald.cursor import Cursor
from penstock_source_journald.entry import Entry
from penstock_source_journald.errors import GarbageError
from penstock_source_journald.mapping import Shape, Shapes, event_time
from penstock_source_journald.partials import Partials, line_key
from penstock_source_journald.position import Position
from penstock_source_journald.text import decode_cut

CUT_BYTES = "penstock.cut_bytes"
FIELDS_CUT_BYTES = "penstock.attributes_cut_bytes"


class Group(Struct, eq=False):
    """Events of one resource; ``digest`` names it in positions."""

    resource: Resource
    digest: str
    events: list[Log]
    size: int = 0


class Intake:
    """Makes events of entries, but of Penstock's own; joins the parts of containers' lines."""

    def __init__(self, shapes: Shapes, message_bytes: int) -> None:
        self.partials = Partials(message_bytes)
        self._shapes = shapes
        self._message_bytes = message_bytes

    def take(self, entries: Sequence[Entry], sent: Container[str] = ()) -> list[Group]:
        """Return the groups of entries, but those that were sent, in the order of the first."""
        groups: dict[str, Group] = {}
        shapes = self._shapes
        try:
            for entry in entries:
                shape = shapes.of(entry)
                if shape.is_own and shapes.own.wrote(entry):
                    continue
                if sent and shape.origin.digest in sent:
                    continue
                if shape.is_part or (shape.origin.is_container and self.partials):
                    for line in self.partials.feed(entry, shape.origin):
                        self._add(line, shapes.of(line), groups)
                else:
                    self._add(entry, shape, groups)
        except (KeyError, ValueError) as error:
            raise GarbageError(f"an entry of the journal is not understood: {error!r}") from None
        return list(groups.values())

    def stale(self) -> list[Group]:
        """Return one line, if its end has not come for so long that it will not."""
        groups: dict[str, Group] = {}
        if line := self.partials.stale():
            self._add(line, self._shapes.of(line), groups)
        return list(groups.values())

    def reopen(self, entry: Entry, lines: dict[bytes, str], opened: set[str]) -> None:
        """Take an entry that was read before: only parts of lines that are open are of use.

        ``lines`` has the key of each by the cursor of its first part; ``opened`` those that began.
        """
        origin = self._shapes.of(entry).origin
        key = line_key(entry.block.fields, origin)
        if lines.get(entry.cursor) == key:
            opened.add(key)
        if key in opened:
            self.partials.feed(entry, origin)

    def _add(self, entry: Entry, shape: Shape, groups: dict[str, Group]) -> None:
        cursor, message = entry.cursor, entry.message
        attributes = shape.attributes
        origin = shape.origin
        if len(message) > self._message_bytes or entry.cut or entry.left_out:
            text, attributes = self._bounded(entry, shape)
        else:
            text = message.decode("utf-8", "replace")
        log = Log(
            event_time(entry, shape),
            text,
            shape.stream,
            shape.severity,
            int(cursor[37 : cursor.index(b";", 37)], 16),
            0,
            attributes,
        )
        group = groups.get(origin.digest)
        if group is None:
            group = groups[origin.digest] = Group(origin.resource, origin.digest, [])
        group.events.append(log)
        group.size += len(text) + EVENT_OVERHEAD_BYTES + shape.size

    def _bounded(self, entry: Entry, shape: Shape) -> tuple[str, dict[str, Value]]:
        """Return the text and the attributes of an entry of which not all can be had."""
        attributes = dict(shape.attributes)
        text = entry.message.decode("utf-8", "replace")
        if len(entry.message) > self._message_bytes or entry.cut:
            text, missing = decode_cut(entry.message, entry.cut, self._message_bytes)
            attributes[CUT_BYTES] = missing
        if entry.left_out:
            attributes[FIELDS_CUT_BYTES] = entry.left_out
        return text, attributes


NOWHERE = Cursor("", "", 0, "", 0)


class Rewind:
    """The way from the first part of the oldest open line to where everything else goes on."""

    def __init__(self, position: Position, intake: Intake) -> None:
        intake.partials.clear()
        self.start = min(position.open.values(), key=_time, default=position.cursor)
        self.is_over = not position.cursor
        self._cursor = position.cursor.encode()
        self._place = Cursor.parse(position.cursor) if position.open else NOWHERE
        self._lines = {cursor.encode(): key for key, cursor in position.open.items()}
        self._opened: set[str] = set()
        self._intake = intake

    def pass_over(self, entries: list[Entry]) -> list[Entry]:
        """Return the entries behind the position; take the parts of open lines from the others."""
        for index, entry in enumerate(entries):
            if self._lines:
                self._intake.reopen(entry, self._lines, self._opened)
            if entry.cursor == self._cursor:
                self.is_over = True
                return entries[index + 1 :]
            # The position's own entry may be filtered out by now.
            if self._lines and Cursor.parse(entry.place).is_behind(self._place):
                self.is_over = True
                return entries[index:]
        return []


def _time(cursor: str) -> int:
    return Cursor.parse(cursor).time_unix_nano

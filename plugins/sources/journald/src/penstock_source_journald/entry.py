"""One entry of a journal: what is its own, and what it has in common with others."""

from __future__ import annotations

Fields = dict[bytes, bytes]
"""Fields by name, as the journal has them."""


class Block:
    """The fields that many entries of one process have alike; ``shape`` is for who maps them."""

    __slots__ = ("fields", "shape")

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.shape: object = None


class Entry:
    """An entry: its place, its times in microseconds, its message, and all else in the block.

    ``time`` is when the journal received it, ``written`` when it was written, empty if that is
    not known. ``cut`` and ``left_out`` are bytes missing of the message and of other fields.
    """

    __slots__ = ("block", "cursor", "cut", "left_out", "message", "time", "written")

    def __init__(
        self, cursor: bytes, time: bytes, written: bytes, message: bytes, block: Block
    ) -> None:
        self.cursor = cursor
        self.time = time
        self.written = written
        self.message = message
        self.block = block
        self.cut = 0
        self.left_out = 0

    @property
    def place(self) -> str:
        """The cursor as text."""
        return self.cursor.decode("ascii", "replace")

"""What an envelope has in common with others, without reading its fields one by one.

Everything but the time and the content is labels, and Loggregator writes the fields in the order
of their numbers: what is before the time and what is behind the content.
"""

from __future__ import annotations

from struct import Struct

_ORIGIN, _TYPE, _TIME = 0x0A, 0x10, 0x30
_CONTENTS = frozenset({0x3A, 0x42, 0x4A, 0x52, 0x5A, 0x62})
"""The tags of the fields: their number and how they are written."""

_HEAD = 4
"""The origin's and the type's field, beside the origin's text."""

_CONTENT = 12
"""From behind them to the content: a time of our days, and the content's tag and size."""

_middle = Struct("<BBBQBBB")
"""Type, time and content: the tags of their fields, and what these begin with."""

_fields = _middle.unpack_from
_GO_ON = 0x8080808080808080
"""All bytes of such a time but the last one say that another one follows."""


def labels_of(data: bytes) -> bytes | None:
    """Return all of an envelope but time and content; None if it is written in another way."""
    if len(data) < 2 or len(data) <= data[1] + _HEAD + _CONTENT:
        return None
    head = data[1] + _HEAD
    type_, kind, time, begun, last, content, size = _fields(data, head - 2)
    if data[0] != _ORIGIN or type_ != _TYPE or time != _TIME or content not in _CONTENTS:
        return None
    if begun & _GO_ON != _GO_ON or (data[1] | kind | last) > 127:
        return None
    end = head + _CONTENT + size
    if size > 127:
        high = data[head + _CONTENT]
        if high > 127:
            return None
        end += 1 - 128 + (high << 7)
    return data[:head] + data[end:]

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
_TIME_BYTES = 10
"""What a time of our days takes, its field's tag included."""

_eight_bytes = Struct("<Q").unpack_from
_GO_ON = 0x8080808080808080
"""All bytes of such a time but the last one say that another one follows."""


def labels_of(data: bytes) -> bytes | None:
    """Return all of an envelope but time and content; None if it is written in another way."""
    if len(data) < _HEAD + _TIME_BYTES or data[0] != _ORIGIN or data[1] > 127:
        return None
    head = data[1] + _HEAD
    content = head + _TIME_BYTES
    if len(data) < content + 3 or data[head - 2] != _TYPE or data[head] != _TIME:
        return None
    if data[head - 1] > 127 or data[content - 1] > 127:
        return None
    if _eight_bytes(data, head + 1)[0] & _GO_ON != _GO_ON:
        return None
    size = data[content + 1]
    if size < 128:
        end = content + 2 + size
    else:
        high = data[content + 2]
        end = content + 3 + (size & 127) + (high << 7)
        if high > 127:
            return None
    return data[:head] + data[end:] if data[content] in _CONTENTS else None

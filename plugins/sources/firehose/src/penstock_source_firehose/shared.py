"""What many envelopes have in common: their tags, and the origin that these name."""

from __future__ import annotations

from collections.abc import Mapping

from penstock_source_firehose.cache import Cache
from penstock_source_firehose.origins import Origin
from penstock_source_firehose.text import NAME_CHARS, text_of

MOST_SHARED = 16_384
SHARED_BYTES = 4_096
"""Tags that are longer are not remembered."""

GAUGE_BYTES = 200
"""Heap bytes of one reading of a gauge, beside what every event costs."""

TAG_BYTES = 110
"""Heap bytes of a tag beside its name and value."""

MOST_NAMES = 8_192

OUT = "stdout"
ERR = "stderr"
INFO = 9
ERROR = 17


class Shared:
    """Attributes, one object for all events that have them alike, and the origin."""

    __slots__ = ("attributes", "origin")

    def __init__(self, attributes: Mapping[str, str], origin: Origin) -> None:
        self.attributes = attributes
        self.origin = origin


def tags_size(tags: Mapping[str, str]) -> int:
    """Estimate the heap bytes of tags."""
    return sum([TAG_BYTES + len(name) + len(value) for name, value in tags.items()])


class Names:
    """Names of metrics and their units as text, decoded once."""

    def __init__(self) -> None:
        self._known: Cache[bytes, str] = Cache(MOST_NAMES)

    def text(self, data: bytes) -> str:
        """Return a name as text."""
        return self._known.recent.get(data) or self._remember(data)

    def _remember(self, data: bytes) -> str:
        known = self._known.get(data)
        if known is None:
            known = text_of(data, NAME_CHARS)
            if len(data) <= SHARED_BYTES:
                self._known.put(data, known)
        return known

"""What was lost before it could be read: said once it is known from when to when."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from penstock.api import Counter
from penstock_source_firehose.cache import Cache
from penstock_source_firehose.origins import Origin

MOST_COUNTERS = 4_096

SLOW = "events may be lost, as when a reader is too slow"
AWAY = "not connected: Penstock was stopped, or what it reads from was away"
DEFECT = "not connected: reading ended by a defect of Penstock's own"

_AGENT = "loggregator.metron"
_SENDERS = ("loggregator.doppler", "loggregator.rlp", _AGENT)
_TRUNCATED = "TruncatingBuffer.DroppedMessages"
_METRON = "DroppedCounter.droppedMessageCount"

NOTICES = frozenset({_TRUNCATED, _METRON, "dropped"})
"""Names of counters that may tell of a loss."""

Key = tuple[str, ...]


class Loss(Struct, frozen=True):
    """Something that cannot be had any more; ``count`` is None where nobody knows."""

    reason: str
    start: int
    end: int
    count: int | None = None


class Losses:
    """Notes where streams were cut, and what Loggregator itself says that it dropped."""

    def __init__(self, say: Callable[[Loss], None]) -> None:
        self.last = 0
        """The time of the last event that was read."""
        self.cuts: dict[str, int] = {}
        """Why streams were cut, and the last event's time before; until something comes."""
        self._say = say
        self._counters: Cache[Key, tuple[int, int]] = Cache(MOST_COUNTERS)

    def cut(self, reason: str, start: int = 0) -> None:
        """Note that a stream ended in a way that may have cost events."""
        self.cuts.setdefault(reason, start or self.last)

    def came(self, time: int) -> None:
        """Say what was cut, now that the first event behind it is here."""
        cuts, self.cuts = self.cuts, {}
        for reason, start in cuts.items():
            self._say(Loss(reason, start, max(time, start)))

    def end(self) -> None:
        """Say what was cut although nothing came behind it; a later start says that it was away."""
        for reason, start in self.cuts.items():
            if reason != AWAY:
                self._say(Loss(reason, start, 0))
        self.cuts = {}

    def look(self, counter: Counter, origin: Origin) -> None:
        """Look whether a counter tells of a loss; what it counts first without a delta is old."""
        tags = counter.attributes
        sender = str(tags.get("origin", ""))
        if not _tells(counter.name, sender):
            return
        direction = str(tags.get("direction", ""))
        parts = (tags.get(name, "") for name in ("deployment", "job", "index", "ip"))
        key = (origin.resource.origin, sender, counter.name, direction, *map(str, parts))
        known, before = self._counters.get(key) or (None, 0)
        total = counter.total
        self._counters.put(key, (total or 0, counter.time_unix_nano))
        count = counter.delta
        if not count and total and known is not None and total > known:
            count = total - known
        if count:
            reason = _reason(counter.name, sender, direction)
            self._say(Loss(reason, before, counter.time_unix_nano, count))


def _tells(name: str, sender: str) -> bool:
    if name == _TRUNCATED:
        return sender == "doppler"
    return name == _METRON or sender in _SENDERS


def _reason(name: str, sender: str, direction: str) -> str:
    if name == _TRUNCATED:
        return "upstream: a Doppler threw away what this reader was too slow for"
    if name == _METRON or sender == _AGENT:
        return "upstream: an agent (Metron) dropped messages for its Doppler"
    of = {"ingress": "of what came in", "egress": "for one of its readers, which may be this one"}
    return f"upstream: {sender} dropped envelopes {of.get(direction, '')}".rstrip()

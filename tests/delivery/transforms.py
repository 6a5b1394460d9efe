"""Transforms that the delivery tests put into pipelines."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.api import Batch, Event, Hold, Log, Transform


def text(event: Event) -> str:
    """Return the text of a log, "" of any other kind."""
    return event.body if type(event) is Log else ""


class Grep(Transform):
    """Leaves out lines that hold the word ``drop``."""

    name = "grep"

    def apply(self, batch: Batch) -> Batch:
        return self.keep(batch, [one for one in batch.events if "drop" not in text(one)], "drop")


class Join(Transform):
    """Joins lines that begin with a blank to the line before, per resource: a small multiline."""

    name = "join"
    stateful = True
    wait_s = 0.05

    def __init__(self, config: Transform.Config) -> None:
        super().__init__(config)
        self._held: dict[str, list[Hold]] = {}
        self._since: dict[str, float] = {}

    def apply(self, batch: Batch) -> Iterable[Batch]:
        made = []
        for event in batch.events:
            origin = batch.resource.origin
            if not text(event).startswith(" ") and origin in self._held:
                made.append(self._release(origin))
            self._held.setdefault(origin, []).append(self.hold(batch, (event,)))
        return made

    def flush(self, now: float, final: bool) -> Iterable[Batch]:
        for origin in tuple(self._held):
            since = self._since.setdefault(origin, now)
            if final or now - since >= self.wait_s:
                yield self._release(origin)

    def _release(self, origin: str) -> Batch:
        self._since.pop(origin, None)
        holds = self._held.pop(origin)
        first = holds[0].events[0]
        assert type(first) is Log
        body = "\n".join(text(hold.events[0]) for hold in holds)
        joined = Log(first.time_unix_nano, body, first.stream, merged=len(holds) - 1)
        return self.emit(holds[0], (joined,), *holds, merged=len(holds) - 1)


class Pairs(Transform):
    """Joins each two lines of a resource that follow each other."""

    name = "pairs"
    stateful = True

    def __init__(self, config: Transform.Config) -> None:
        super().__init__(config)
        self._held: dict[str, Hold] = {}

    def apply(self, batch: Batch) -> Iterable[Batch]:
        origin = batch.resource.origin
        for event in batch.events:
            first = self._held.pop(origin, None)
            if first is None:
                self._held[origin] = self.hold(batch, (event,))
                continue
            joined = Log(event.time_unix_nano, f"{text(first.events[0])}+{text(event)}")
            yield self.emit(batch, (joined,), first, merged=1)

    def flush(self, now: float, final: bool) -> Iterable[Batch]:
        while final and self._held:
            hold = self._held.popitem()[1]
            yield self.emit(hold, hold.events, hold)


class Fragile(Join):
    """Joins, but raises on a line that holds ``bang``."""

    name = "fragile"

    def apply(self, batch: Batch) -> Iterable[Batch]:
        made = list(super().apply(batch))
        if any("bang" in text(event) for event in batch.events):
            raise ValueError("bang")
        return made


class Touchy(Transform):
    """Raises on ``bang``, loses ``lose`` and invents an event at ``invent``, without account."""

    name = "touchy"

    def apply(self, batch: Batch) -> Batch:
        events = [event for event in batch.events if "lose" not in text(event)]
        for event in tuple(events):
            if "bang" in text(event):
                raise ValueError("bang")
            if "invent" in text(event):
                events.append(Log(1, "invented"))
        return Batch(batch.resource, events, batch.size, batch.trail)


class Forgetful(Transform):
    """Makes batches that no receipt waits for."""

    name = "forgetful"

    def apply(self, batch: Batch) -> Batch:
        return Batch(batch.resource, batch.events, batch.size)

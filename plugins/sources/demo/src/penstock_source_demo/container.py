"""One made-up container: its description, and its endless log."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from penstock.api import Batch, Log, Resource, heap_size
from penstock_source_demo.lines import KINDS, Line, lines_of

CYCLE = 1000
"""How many entries are made up; then they begin again, which keeps benchmarks cheap."""

BATCH = 512
"""The most events of a batch, but for the rest of a stack trace; less than a cycle."""

TRACE_STEP_NS = 1000
"""The time between two lines of a stack trace, where the rate does not ask for less."""

IMAGES = {
    "web": ("nginx", "1.27"),
    "api": ("ghcr.io/example/api", "2.4.1"),
    "worker": ("ghcr.io/example/worker", "2.4.1"),
    "billing": ("registry.example.com:5000/billing", "11"),
}


class Position(Struct, frozen=True):
    """How far a log was read: line ``number`` is the next, due at ``start + number * step``.

    All times follow from it, so what is read again is the same to the nanosecond.
    """

    start: int
    number: int
    step: int


class Container:
    """The log of one container; ``total`` is its number of lines, None for an endless one."""

    def __init__(self, index: int, seed: int, position: Position, total: int | None) -> None:
        service, name = service_and_name(index)
        self.name = name
        self.resource = _resource(service, name, seed)
        self.position = position
        self._total = total
        self._cycle = _cycle(service, seed, position.step)
        self._first = self._cycle.starts[37 * index % CYCLE]

    @property
    def due_at(self) -> int | None:
        """The time of the next line, in Unix nanoseconds; None after the last."""
        if self._total is not None and self.position.number >= self._total:
            return None
        return self._slot(self.position.number)

    def take(self, now: int | None = None) -> tuple[Batch, Position] | None:
        """Return the next lines that are due ``now`` (all, if it is None) and where they end.

        All lines of a stack trace are due with its first. None: nothing is due. Without ``go_on``
        the same lines come again.
        """
        position = self.position
        end = position.number + BATCH
        if now is not None:
            end = min(end, (now - position.start) // position.step + 1)
        end = self._until_entry_ends(end)
        if self._total is not None:
            end = min(end, self._total)
        if end <= position.number:
            return None
        events = self._logs(position.number, end)
        return Batch(self.resource, events, heap_size(events)), replace(position, number=end)

    def go_on(self, position: Position) -> None:
        """Have what was taken behind it."""
        self.position = position

    def skip(self, count: int) -> tuple[int, int]:
        """Leave out the next lines; return the time of the last one before and the first after."""
        last = self.position.number - 1
        self.position = replace(self.position, number=self.position.number + count)
        return self._slot(last), self._slot(self.position.number)

    def _slot(self, number: int) -> int:
        return self.position.start + number * self.position.step

    def _until_entry_ends(self, end: int) -> int:
        if end > self.position.number:
            while self._cycle.lines[self._at(end)].behind:
                end += 1
        return end

    def _at(self, number: int) -> int:
        return (self._first + number) % len(self._cycle.lines)

    def _logs(self, first: int, end: int) -> list[Log]:
        times = range(self._slot(first), self._slot(end), self.position.step)
        at = self._at(first)
        return [
            Log(time - early, body, stream, severity)
            for time, (early, body, stream, severity) in zip(
                times, self._cycle.events[at : at + end - first], strict=True
            )
        ]


class _Cycle(NamedTuple):
    """The lines that all containers of a service print, each beginning at another entry.

    ``events`` has them twice, so that a batch is one slice wherever it begins: how much earlier
    than its slot a line comes, its text, its stream and its severity.
    """

    lines: list[Line]
    starts: list[int]
    events: list[tuple[int, str, str, int]]


@lru_cache(len(KINDS))
def _cycle(service: str, seed: int, step: int) -> _Cycle:
    lines = lines_of(KINDS[service], Random(f"{seed}/{service}"), CYCLE)  # noqa: S311
    hurry = max(step - TRACE_STEP_NS, 0)
    events = [(one.behind * hurry, one.body, one.stream, one.severity_number) for one in lines]
    starts = [at for at, line in enumerate(lines) if not line.behind]
    return _Cycle(lines, starts, events * 2)


def service_and_name(index: int) -> tuple[str, str]:
    """Return what the container of an index belongs to, and its name."""
    services = tuple(KINDS)
    service = services[index % len(services)]
    return service, f"demo-{service}-{index // len(services) + 1}"


def _resource(service: str, name: str, seed: int) -> Resource:
    image, tag = IMAGES[service]
    attributes = {
        "container.id": sha256(f"{seed}/{name}".encode()).hexdigest(),
        "container.name": name,
        "container.image.name": image,
        "container.image.tag": tag,
        "container.runtime": "demo",
        "container.label.com.docker.compose.project": "demo",
        "container.label.com.docker.compose.service": service,
        "container.label.com.example.team": "shop" if service in ("web", "api") else "back-office",
        "service.name": service,
    }
    return Resource(f"demo:{name}", MappingProxyType(attributes))

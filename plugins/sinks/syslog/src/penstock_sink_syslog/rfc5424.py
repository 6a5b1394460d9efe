"""RFC 5424: ``<14>1 2026-01-02T03:04:05.678901Z host app 77 - [id@1 k="v"] message``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from weakref import WeakKeyDictionary

from penstock.api import Batch, Event, Gap, Log, Resource, Template
from penstock_sink_syslog.header import hostname, printable
from penstock_sink_syslog.layout import (
    Clean,
    Field,
    Layout,
    Tail,
    Templates,
    between,
    by_attributes,
    joined,
    remembered,
)
from penstock_sink_syslog.loggregator import KINDS, Loggregator, Tags, parts
from penstock_sink_syslog.memory import Memory
from penstock_sink_syslog.severity import Facility
from penstock_sink_syslog.stamp import DIGITS, rfc5424_second
from penstock_sink_syslog.structured import Structure

LATER = 1 << 200
"""Later than any time: with it as the base, the first event begins a second."""

_FIELDS: Mapping[str, Field] = {
    "hostname": hostname,
    "app_name": partial(printable, limit=48),
    "proc_id": partial(printable, limit=128),
    "msg_id": partial(printable, limit=32),
}


class Rfc5424(Layout):
    """Messages of RFC 5424, times in UTC with microseconds.

    MSG has no byte order mark: without one it may be any octets, UTF-8 included, and receivers
    keep a mark as part of the text.
    """

    def __init__(
        self,
        templates: Templates,
        facility: Facility,
        structure: Structure,
        loggregator: Loggregator,
    ) -> None:
        super().__init__(templates, facility, "<%d>1 ")
        self._structure = structure
        self._loggregator = loggregator
        fields: Sequence[Template] = [getattr(templates, name) for name in _FIELDS]
        self._by_attributes = by_attributes(fields)
        self._headers: WeakKeyDictionary[Resource, Tail] = WeakKeyDictionary()
        self._shared: Memory[tuple[Tail, Tags]] = Memory()
        self._known_headers: Memory[str] = Memory()
        self._known_tails: Memory[str] = Memory()

    def texts(self, batch: Batch, clean: Clean | None = None) -> list[str]:
        resource = batch.resource
        tail = self._tail(resource)
        fixed = tail if type(tail) is str else ""
        plain = self._message is None and clean is None and fixed
        heads, info, error = self._heads, self._info, self._error
        texts: list[str] = []
        add = texts.append
        stamp, base = "", LATER
        for event in batch.events:
            micros = event.time_unix_nano // 1000 - base
            if not 0 <= micros < 1_000_000:
                stamp, base = _second(event.time_unix_nano)
                micros = event.time_unix_nano // 1000 - base
            if type(event) is not Log:
                texts += self._others(resource, event, f"{stamp}{micros:06}", clean)
                continue
            number = event.severity_number
            head = (
                heads.get(number, info) if number else (error if event.stream == "stderr" else info)
            )
            if plain:
                add(f"{head}{stamp}{micros:06}{fixed}{event.body}")
                continue
            middle = fixed or between(tail, resource, event)
            body = self._body(resource, event)
            add(f"{head}{stamp}{micros:06}{middle}{clean(body) if clean else body}")
        return texts

    def counted(self, batch: Batch, limit: int) -> list[str] | None:
        tail = self._tail(batch.resource)
        if self._message is not None or type(tail) is not str:
            return None
        fixed_size = len("2026-01-02T03:04:05.678901") + len(tail.encode())
        heads, info, error = self._heads, self._info, self._error
        framed: list[str] = []
        add, digits = framed.append, DIGITS
        stamp, base = "", LATER
        for event in batch.events:
            if type(event) is not Log:
                return None
            micros = event.time_unix_nano // 1000 - base
            if not 0 <= micros < 1_000_000:
                stamp, base = _second(event.time_unix_nano)
                micros = event.time_unix_nano // 1000 - base
            number = event.severity_number
            head = (
                heads.get(number, info) if number else (error if event.stream == "stderr" else info)
            )
            body = event.body
            # isascii() knows the answer without looking: it is a flag of the string.
            size = len(body) if body.isascii() else len(body.encode())
            size += fixed_size + len(head)
            if size > limit:
                return None
            milli, micro = digits[micros // 1000], digits[micros % 1000]
            add(f"{size} {head}{stamp}{milli}{micro}{tail}{body}")
        return framed

    def _others(
        self, resource: Resource, event: Event, time: str, clean: Clean | None
    ) -> list[str]:
        if type(event) in KINDS:
            return self._metrics(resource, event, time)
        head = self._warning if isinstance(event, Gap) else self._info
        body = self._wording(event)
        middle = between(self._tail(resource), resource, event)
        return [f"{head}{time}{middle}{clean(body) if clean else body}"]

    def _metrics(self, resource: Resource, event: Event, time: str) -> list[str]:
        """Return a metric's messages; like Loggregator's they end with the space before MSG."""
        shared = self._shared.find(resource, event.attributes) or self._share(resource, event)
        header, tags = shared
        start = f"{self._info}{time}{between(header, resource, event)}"
        elements, behind = self._loggregator.elements(event, tags), tags.text
        structure = self._structure
        if not structure.has_beside:
            return [f"{start}{own}{behind} " for own in elements]
        return [
            f"{start}{own}{behind}{structure.beside(resource, event, part)} "
            for own, part in zip(elements, parts(event), strict=True)
        ]

    def _share(self, resource: Resource, event: Event) -> tuple[Tail, Tags]:
        """Make what metrics of one resource share that have the same attributes."""
        header = self._headers.get(resource)
        if header is None:
            header = self._headers[resource] = self._make_header(resource)
        if self._by_attributes:
            header = between(header, resource, event)
        tags = self._loggregator.tags(resource, event.attributes)
        return self._shared.keep(resource, event.attributes, (header, tags))

    def _make_header(self, resource: Resource) -> Tail:
        parts: list[Tail] = ["Z "]
        for name, bounded in _FIELDS.items():
            parts += [self._field(name, resource, bounded), " "]
        header = joined(parts)
        return remembered(header, self._known_headers) if self._by_attributes else header

    def _make_tail(self, resource: Resource) -> Tail:
        structure = self._structure
        data: Tail = structure.render
        if structure.per_resource:
            data = structure.render(resource, None)
        tail = joined([self._make_header(resource), data, " "])
        if self._by_attributes and structure.by_attributes:
            return remembered(tail, self._known_tails)
        return tail


def _second(time_unix_nano: int) -> tuple[str, int]:
    """Return the text of a time's second, and when it began in microseconds."""
    second = time_unix_nano // 1_000_000_000
    return rfc5424_second(second), second * 1_000_000

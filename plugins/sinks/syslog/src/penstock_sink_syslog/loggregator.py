"""Metrics and titled events as Loggregator's syslog agents write them: structured data, no text.

``[counter@47450 name="requests" total="17" delta="3"][tags@47450 job="router"]``, and a message
for each reading of a gauge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from weakref import WeakKeyDictionary

from msgspec import Struct

from penstock.api import Counter, Event, Gauge, Resource, Timer, TitledEvent, Value
from penstock_sink_syslog.header import are_plain, fitted_value, param_name, param_value

KINDS: frozenset[type[Event]] = frozenset({Counter, Gauge, Timer, TitledEvent})
"""The kinds that have such a form."""
TAGS = "tags@47450"
ELEMENTS = frozenset(
    {TAGS, "counter@47450", "gauge@47450", "timer@47450", "event@47450"},
)

VALUE_BYTES = 1024
"""Longest value of a tag, a name or a title where not everything fits."""
MAX_KNOWN = 64
"""Maps of attributes whose tags are remembered for a resource."""

Params = Sequence[tuple[str, str]]


class _Tags(Struct, frozen=True):
    """The element of one map of attributes, and whether all of it found room."""

    attributes: Mapping[str, Value]
    text: str
    whole: bool


class Loggregator:
    """Makes the elements of a message, in all at most ``limit`` bytes.

    What does not fit is cut or left out, and ``on_cut`` is told.
    """

    def __init__(self, limit: int, on_cut: Callable[[], None]) -> None:
        self._limit = limit
        self._on_cut = on_cut
        self._known: WeakKeyDictionary[Resource, dict[int, _Tags]] = WeakKeyDictionary()

    def elements(self, resource: Resource, event: Event) -> Iterator[tuple[str, str]]:
        """Yield what names each message among those of its event, and its elements."""
        tags = self._tags(resource, event.attributes)
        room = self._limit - len(tags.text.encode())
        for part, name, params in _own(event):
            own, whole = _element(name, params, room)
            if not (whole and tags.whole):
                self._on_cut()
            yield part, own + tags.text

    def _tags(self, resource: Resource, attributes: Mapping[str, Value]) -> _Tags:
        known = self._known.get(resource)
        if known is None:
            known = self._known[resource] = {}
        made = known.get(id(attributes))
        if made is None:
            if len(known) >= MAX_KNOWN:
                known.clear()
            # It keeps the map, so that no other one can get its address.
            made = known[id(attributes)] = self._make_tags(resource, attributes)
        return made

    def _make_tags(self, resource: Resource, attributes: Mapping[str, Value]) -> _Tags:
        texts = {**resource.tags, **attributes}
        if not texts:
            return _Tags(attributes, "", True)
        params = _distinct(sorted(texts.items()))
        text, whole = _element(TAGS, params, self._limit // 2)
        return _Tags(attributes, text, whole)


def _own(event: Event) -> Iterator[tuple[str, str, Params]]:
    """Yield for each message what names it, the id of its element and the parameters."""
    if isinstance(event, Counter):
        total = [] if event.total is None else [("total", str(event.total))]
        yield "", "counter@47450", [("name", event.name), *total, ("delta", str(event.delta))]
    elif isinstance(event, Gauge):
        for name, one in event.values.items() or (("", None),):
            reading = [("value", number(one.value)), ("unit", one.unit)] if one else []
            part = name if len(event.values) > 1 else ""
            yield part, "gauge@47450", [("name", name), *reading]
    elif isinstance(event, Timer):
        times = [("start", str(event.start)), ("stop", str(event.stop))]
        yield "", "timer@47450", [("name", event.name), *times]
    elif isinstance(event, TitledEvent):
        yield "", "event@47450", [("title", event.title), ("body", event.body)]


def _distinct(tags: Iterable[tuple[str, Value]]) -> Params:
    """Give every tag a lawful name of its own: two may be the same but for what is unlawful."""
    made: dict[str, str] = {}
    for key, value in tags:
        name = plain = _name(key)
        number = 2
        while name in made:
            name, number = f"{plain[: 30 - len(str(number))]}~{number}", number + 1
        made[name] = value if type(value) is str else _text(value)
    return list(made.items())


@lru_cache(1024)
def _name(key: str) -> str:
    return param_name(key) or "_"


def _element(name: str, params: Params, room: int) -> tuple[str, bool]:
    """Return an element of at most ``room`` bytes, and whether all of its values are whole."""
    fixed = len(name) + 2 + sum([len(param) + 4 for param, _ in params])
    if not are_plain([value for _, value in params], room - fixed):
        escaped = _escaped(params)
        if fixed + sum([len(value.encode()) for _, value in escaped]) > room:
            return _bounded(name, params, room)
        params = escaped
    texts = [f' {param}="{value}"' for param, value in params]
    return f"[{name}{''.join(texts)}]", True


def _escaped(params: Params) -> Params:
    return [(param, param_value(value, len(value))) for param, value in params]


def _bounded(name: str, params: Params, room: int) -> tuple[str, bool]:
    room -= len(name) + 2
    texts, whole = [], True
    for param, value in params:
        longest = room if param == "body" else min(VALUE_BYTES, room // 2)
        text, is_whole = fitted_value(value, longest - len(param) - 4)
        whole = whole and is_whole
        if text is not None:
            texts.append(f' {param}="{text}"')
            room -= len(texts[-1].encode())
    return f"[{name}{''.join(texts)}]", whole


def number(value: float) -> str:
    """Return the shortest text that is exact, as Go's ``%g`` writes it: ``1.048576e+07``."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if value and value.is_integer() and -1e6 < value < 1e6:
        return str(int(value))
    plain = repr(float(value))
    digits = plain.partition("e")[0].replace(".", "").strip("-0")
    scientific = f"{value:.{max(len(digits) - 1, 0)}e}"
    exponent = int(scientific.partition("e")[2])
    return plain.removesuffix(".0") if -5 < exponent < 6 else scientific


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Metrics and titled events as Loggregator's syslog agents write them: structured data, no text.

``[counter@47450 name="requests" total="17" delta="3"][tags@47450 job="router"]``, and a message
for each reading of a gauge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct

from penstock.api import Counter, Event, Gauge, Resource, Timer, TitledEvent, Value
from penstock_sink_syslog.header import fitted_value, is_plain, param_name, param_value

KINDS: frozenset[type[Event]] = frozenset({Counter, Gauge, Timer, TitledEvent})
"""The kinds that have such a form."""
TAGS = "tags@47450"
ELEMENTS = frozenset(
    {TAGS, "counter@47450", "gauge@47450", "timer@47450", "event@47450"},
)

VALUE_BYTES = 1024
"""Longest value of a tag, a name or a title where not everything fits."""
SHORT = 64
"""Longest name or unit whose escaped form is remembered."""
MOST_SHORT = 4096
"""How many of those."""
MOST_KEYS = 4096
"""So many characters of keys at most are remembered together."""

Params = Sequence[tuple[str, str]]


class Tags(Struct, frozen=True):
    """The element of all tags, its bytes, and whether all of it found room."""

    text: str
    size: int
    whole: bool


class Loggregator:
    """Makes the elements of a message, in all at most ``limit`` bytes.

    What does not fit is cut or left out, and ``on_cut`` is told.
    """

    def __init__(self, limit: int, on_cut: Callable[[], None]) -> None:
        self._limit = limit
        self._on_cut = on_cut

    def elements(self, event: Event, tags: Tags) -> list[str]:
        """Return the event's own element for each message that it becomes."""
        room = self._limit - tags.size
        made = _MAKERS[type(event)](event)
        # No character takes more than four bytes.
        if tags.whole and max(map(len, made)) * 4 <= room:
            return made
        return [self._fitted(*one, room, tags.whole) for one in _own(event)]

    def _fitted(self, name: str, params: Params, room: int, whole: bool) -> str:
        text, fits = _element(name, params, room)
        if not (fits and whole):
            self._on_cut()
        return text

    def tags(self, resource: Resource, attributes: Mapping[str, Value]) -> Tags:
        """Return the element that stands behind each of an event's own."""
        texts = {**resource.tags, **attributes} if resource.tags else attributes
        if not texts:
            return Tags("", 0, True)
        keys = tuple(sorted(texts))
        names, form = (_form if len("".join(keys)) <= MOST_KEYS else _make_form)(keys)
        values = [one if type(one := texts[key]) is str else _text(one) for key in keys]
        text, whole = _filled(form, values), True
        half = self._limit // 2
        if _size(text) > half:
            text, whole = _bounded(TAGS, list(zip(names, values, strict=True)), half)
        return Tags(text, _size(text), whole)


def _filled(form: str, values: Sequence[str]) -> str:
    """Put values into a form, escaped; in most there is nothing to escape but line breaks.

    Those are in ``forwarded``, which every request through the router has.
    """
    if is_plain("".join(values).replace("\n", "")):
        return (form % tuple(values)).replace("\n", "#012")
    return form % tuple([param_value(value) for value in values])


def _make_form(keys: tuple[str, ...]) -> tuple[Sequence[str], str]:
    """Return names for the parameters of tags with such keys, and the element but for its values.

    Each has a lawful name of its own: two keys may be the same but for what is unlawful.
    """
    names: dict[str, None] = {}
    for key in keys:
        name = plain = param_name(key) or "_"
        number = 2
        while name in names:
            name, number = f"{plain[: 30 - len(str(number))]}~{number}", number + 1
        names[name] = None
    params = [f' {name.replace("%", "%%")}="%s"' for name in names]
    return tuple(names), f"[{TAGS}{''.join(params)}]"


_form = lru_cache(256)(_make_form)

# --- an event's own element ------------------------------------------------------------------


class _Escaped(dict[str, str]):
    """The escaped forms of what comes again and again, names and units: made when asked for."""

    def __missing__(self, text: str) -> str:
        made = param_value(text)
        if len(text) <= SHORT:
            if len(self) >= MOST_SHORT:
                self.clear()
            self[text] = made
        return made


_escaped = _Escaped()


def _counter(event: Counter) -> list[str]:
    total = "" if event.total is None else f' total="{event.total}"'
    return [f'[counter@47450 name="{_escaped[event.name]}"{total} delta="{event.delta}"]']


def _gauge(event: Gauge) -> list[str]:
    return [
        f'[gauge@47450 name="{_escaped[name]}" value="{number(one.value)}"'
        f' unit="{_escaped[one.unit]}"]'
        for name, one in event.values.items()
    ] or ['[gauge@47450 name=""]']


def _timer(event: Timer) -> list[str]:
    name = _escaped[event.name]
    return [f'[timer@47450 name="{name}" start="{event.start}" stop="{event.stop}"]']


def _titled(event: TitledEvent) -> list[str]:
    title, body = param_value(event.title), param_value(event.body)
    return [f'[event@47450 title="{title}" body="{body}"]']


_MAKERS: Mapping[type, Callable[..., list[str]]] = {
    Counter: _counter,
    Gauge: _gauge,
    Timer: _timer,
    TitledEvent: _titled,
}
"""Make the elements of an event's messages where nothing has to be cut."""


def parts(event: Event) -> Sequence[str]:
    """Return what tells the messages of an event apart: a gauge's readings."""
    return list(event.values) if isinstance(event, Gauge) and len(event.values) > 1 else [""]


def _own(event: Event) -> Iterator[tuple[str, Params]]:
    """Yield the same taken apart, for what may have to be cut."""
    if isinstance(event, Counter):
        total = [] if event.total is None else [("total", str(event.total))]
        yield "counter@47450", [("name", event.name), *total, ("delta", str(event.delta))]
    elif isinstance(event, Gauge):
        for name, one in event.values.items() or (("", None),):
            reading = [("value", number(one.value)), ("unit", one.unit)] if one else []
            yield "gauge@47450", [("name", name), *reading]
    elif isinstance(event, Timer):
        times = [("start", str(event.start)), ("stop", str(event.stop))]
        yield "timer@47450", [("name", event.name), *times]
    elif isinstance(event, TitledEvent):
        yield "event@47450", [("title", event.title), ("body", event.body)]


def _element(name: str, params: Params, room: int) -> tuple[str, bool]:
    """Return an element of at most ``room`` bytes, and whether all of its values are whole."""
    texts = [f' {param}="{param_value(value)}"' for param, value in params]
    text = f"[{name}{''.join(texts)}]"
    return (text, True) if _size(text) <= room else _bounded(name, params, room)


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


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def number(value: float) -> str:
    """Return the shortest text that is exact, as Go's ``%g`` writes it: ``1.048576e+07``."""
    text = repr(float(value))
    if -1e6 < value < 1e6:
        return text.removesuffix(".0")
    if "n" in text:
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if "e" in text:
        return text
    sign = "-" if value < 0 else ""
    whole, _, rest = text.removeprefix("-").removesuffix(".0").partition(".")
    digits = (whole + rest).rstrip("0")
    point = "." if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{point}{digits[1:]}e+{len(whole) - 1:02}"


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

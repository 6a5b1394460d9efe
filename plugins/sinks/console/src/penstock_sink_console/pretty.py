"""Events for people: time, container, text."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from weakref import WeakKeyDictionary

from penstock.api import Batch, Event, Gap, Log, Resource
from penstock_sink_console.describe import describe
from penstock_sink_console.safe import safe, without_colours

PALETTE = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
"""ANSI colours of containers, in the order in which they appear; red is for errors."""

RED, YELLOW, DIM = 31, 33, 2
WARN, ERROR = 13, 17
WIDEST_NAME = 24
NAMES = ("container.name", "service.name", "systemd.unit", "host.name")


class Pretty:
    """Formats batches; a container keeps its colour, and the column grows with the names."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._width = 14
        self._colours: dict[str, int] = {}
        self._names: WeakKeyDictionary[Resource, tuple[str, int]] = WeakKeyDictionary()

    def __call__(self, batch: Batch) -> bytes:
        """Return the batch as lines."""
        name, colour = self._names.get(batch.resource) or self._meet(batch.resource)
        today = date.today()  # noqa: DTZ011 -- people read their own clock
        shown = self._paint(name.ljust(self._width), colour)
        lines: list[str] = []
        for event in batch.events:
            seconds, rest = divmod(event.time_unix_nano, 1_000_000_000)
            time = self._paint(f"{_clock(seconds, today)}.{rest // 1_000_000:03}", DIM)
            first, *others = self._text(event)
            lines.append(f"{time} {shown} {self._mark(event)} {first}\n")
            # No other line begins with a blank, so no text can pass for an event of its own.
            lines += [f"{'':12} {shown} {self._mark(event)} {text}\n" for text in others]
        return "".join(lines).encode()

    def _text(self, event: Event) -> list[str]:
        text = describe(event)
        if text.isprintable():
            return [text]
        return [safe(line) for line in without_colours(text).split("\n")]

    def _mark(self, event: Event) -> str:
        """Return the sign between name and text: ``!`` for standard error and for gaps."""
        severity = event.severity_number if type(event) is Log else 0
        is_loud = type(event) is Gap or getattr(event, "stream", "") == "stderr"
        sign = "!" if is_loud else "|"
        if severity >= ERROR or (is_loud and not severity):
            return self._paint(sign, RED)
        return self._paint(sign, YELLOW) if severity >= WARN else sign

    def _meet(self, resource: Resource) -> tuple[str, int]:
        """Give a resource a name to show and a colour."""
        found = (resource.attributes.get(name) for name in NAMES)
        name = str(next(filter(None, found), resource.origin))[: 4 * WIDEST_NAME]
        name = safe(name).replace("\t", " ")
        if len(name) > WIDEST_NAME:
            name = name[: WIDEST_NAME - 1] + "~"
        self._width = max(self._width, len(name))
        if len(self._colours) > 1000:
            self._colours.clear()
        at = self._colours.setdefault(name, len(self._colours))
        known = self._names[resource] = (name, PALETTE[at % len(PALETTE)])
        return known

    def _paint(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text


@lru_cache(256)
def _clock(seconds: int, today: date) -> str:
    """Return the local time, with its date if that is not today's."""
    try:
        moment = datetime.fromtimestamp(seconds)  # noqa: DTZ006 -- people read their own clock
    except (OverflowError, OSError, ValueError):
        return "??:??:??"
    return f"{moment:%H:%M:%S}" if moment.date() == today else f"{moment:%Y-%m-%d %H:%M:%S}"

"""Gathers what a generator yields into batches."""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from penstock.api.authoring.positioned import Positioned
from penstock.api.errors import PluginError
from penstock.api.event import KINDS, Batch, Event, Gap, Resource, heap_size

MAX_EVENTS = 1000
MAX_BYTES = 1_048_576
MOST_RESOURCES = 1000


class Parcel:
    """One send: events of one resource, and the position behind the last of them."""

    __slots__ = ("batch", "events", "position", "resource", "size")

    def __init__(self, resource: Resource, batch: Batch | None = None) -> None:
        self.resource = resource
        self.batch = batch
        self.events: list[Event] = []
        self.size = 0
        self.position: object = None

    def made(self) -> Batch:
        """Return the batch to send."""
        return self.batch or Batch(self.resource, tuple(self.events), self.size)


class Gathering:
    """What was read and not yet sent: parcels in order, the last of them still open."""

    def __init__(self, own: Resource, *, positioned: bool, function: str) -> None:
        self._own = own
        self._positioned = positioned
        self._function = function
        self._resources: dict[str, Resource] = {}
        self._newest = self._ordinal = 0
        self._clear()

    def _clear(self) -> None:
        self._parcels: deque[Parcel] = deque()
        self._open: Parcel | None = None
        self._events = self._bytes = 0

    @property
    def is_empty(self) -> bool:
        return not self._parcels

    @property
    def is_full(self) -> bool:
        """Whether nothing should be read before something is sent."""
        return self._events >= MAX_EVENTS or self._bytes >= MAX_BYTES

    def take(self) -> deque[Parcel]:
        """Return what is to be sent, and begin anew."""
        parcels = self._parcels
        self._clear()
        return parcels

    def add(self, item: object) -> None:
        """Add what a generator yielded; ``PluginError`` if that is nothing to send."""
        if type(item) is Positioned:
            if not self._positioned:
                raise self._wrong("yields Positioned, but has no parameter `position`")
            self._add(item.what)
            self._parcels[-1].position = item.position
        elif item is not None:
            if self._positioned:
                raise self._wrong(
                    f"yields {type(item).__name__} without a position: yield "
                    "Positioned(event, position), or leave out its parameter `position`"
                )
            self._add(item)

    def _add(self, what: object) -> None:
        if type(what) in KINDS:
            self._put(self._own, what)  # type: ignore[arg-type]
        elif type(what) is Batch:
            self._parcels.append(Parcel(what.resource, what))
            self._open = None
            self._count(len(what.events), what.size)
        elif isinstance(what, tuple) and len(what) == 2 and isinstance(what[0], Resource):
            resource, event = what
            if type(event) not in KINDS:
                raise self._wrong(f"yields a resource with {type(event).__name__}, not an event")
            self._put(self._known(resource), event)
        elif what is None:
            self._put(self._own, None)
        else:
            raise self._wrong(
                f"yields {type(what).__name__}: it yields events, (resource, event), batches, "
                "None, or Positioned(one of these, position)"
            )

    def _put(self, resource: Resource, event: Event | None) -> None:
        parcel = self._open
        if parcel is None or parcel.resource is not resource or type(event) is Gap:
            parcel = Parcel(resource)
            self._parcels.append(parcel)
            # A gap stays alone: it is said otherwise than events are sent.
            self._open = None if type(event) is Gap else parcel
        if event is not None:
            size = heap_size((event,))
            parcel.events.append(event if self._positioned else self._numbered(event))
            parcel.size += size
            self._count(1, size)

    def _count(self, events: int, size: int) -> None:
        self._events += events
        self._bytes += size

    def _numbered(self, event: Event) -> Event:
        """Tell apart events whose times do not rise, unless they have ordinals already."""
        if event.time_unix_nano > self._newest:
            self._newest = event.time_unix_nano
        elif not event.ordinal:
            self._ordinal += 1
            return replace(event, ordinal=self._ordinal)
        return event

    def _known(self, resource: Resource) -> Resource:
        """Return the object that already stands for an equal resource: batches are of one."""
        known = self._resources.get(resource.origin)
        if known is resource:
            return known
        if known and (known.attributes, known.tags) == (resource.attributes, resource.tags):
            return known
        if len(self._resources) >= MOST_RESOURCES:
            self._resources.clear()
        self._resources[resource.origin] = resource
        return resource

    def _wrong(self, what: str) -> PluginError:
        return PluginError(f"{self._function} {what}")

"""A source as one generator: what it yields is batched and sent."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias, TypeVar, overload

import msgspec

from penstock.api.authoring.bridge import Bridge
from penstock.api.authoring.functions import (
    annotation,
    make_class,
    parameters,
    place,
    returned_kinds,
)
from penstock.api.authoring.gathering import Gathering, Parcel
from penstock.api.authoring.positioned import Positioned, Read, Yielded
from penstock.api.authoring.reading import Items, Reading
from penstock.api.component import Component, Source
from penstock.api.delivery import Outlet
from penstock.api.errors import PluginError, RetryableError
from penstock.api.event import Gap, Resource

C = TypeVar("C", bound=Component.Config)

_Reads: TypeAlias = AsyncIterator[Read | None] | Iterator[Read | None]
_Places: TypeAlias = AsyncIterator[Positioned | None] | Iterator[Positioned | None]
Plain: TypeAlias = Callable[[], _Reads] | Callable[[Any], _Places]
Configured: TypeAlias = Callable[[C], _Reads] | Callable[[C, Any], _Places]


class FunctionSource(Source):
    """What ``@source`` makes of a generator function."""

    function: ClassVar[Callable[..., Any]]
    """The function itself."""
    wants_config: ClassVar[bool]
    position_type: ClassVar[object]
    """What a position is converted to."""

    def __init__(self, config: Component.Config) -> None:
        super().__init__(config)
        self._sent: object = None

    async def run(self, out: Outlet) -> None:
        """Send what the generator yields until it ends."""
        items = self._items(out)
        gathering = Gathering(
            self._resource(), positioned=self.replayable, function=place(self.function)
        )
        reading = Reading(items, gathering, lambda parcel: self._send(parcel, out))
        try:
            await reading.run()
        except asyncio.CancelledError:
            await self._stop(reading, items)
            raise
        except OSError as error:
            raise RetryableError(str(error) or type(error).__name__) from error

    async def _stop(self, reading: Reading, items: Items) -> None:
        log = self.context.log
        rest: Iterable[Yielded] = items.rest() if isinstance(items, Bridge) else ()
        if isinstance(items, Bridge) and items.is_alive:
            log.warning(
                "%s still waits for its next item and is left behind: give what it waits for a "
                "timeout, and yield None",
                place(self.function),
            )
        if not self.replayable:
            await reading.hand_over_rest(rest, log)

    def _items(self, out: Outlet) -> Items:
        arguments: list[object] = [self.config] if self.wants_config else []
        if self.replayable:
            arguments.append(self._position(out))
        items = self.function(*arguments)
        if isinstance(items, Generator):
            return Bridge(items, f"penstock-{self.context.table or self.name}")
        generator: Items = items
        return generator

    def _position(self, out: Outlet) -> object:
        """Return where to go on: what was sent, though not yet committed, counts too."""
        position = out.position("") if self._sent is None else msgspec.to_builtins(self._sent)
        if position is None:
            return None
        try:
            return msgspec.convert(position, self.position_type)
        except msgspec.ValidationError as error:
            raise PluginError(
                f"{place(self.function)}: the stored position {position!r:.80} is none of its "
                f"own: {error}"
            ) from error

    def _resource(self) -> Resource:
        """Return the resource of events that come without one: the same at every start."""
        table = self.context.table.rpartition(".")[2] or self.name
        return Resource(f"{self.name}:{table}", MappingProxyType({"service.name": table}))

    async def _send(self, parcel: Parcel, out: Outlet) -> None:
        batch, position = parcel.made(), parcel.position
        if len(batch.events) == 1 and type(gap := batch.events[0]) is Gap:
            start, end = gap.from_unix_nano, gap.to_unix_nano
            await out.lost(
                batch.resource, gap.reason, start=start, end=end, count=gap.count, stream=gap.stream
            )
            batch = Parcel(batch.resource).made()
        if batch.events:
            await out.send(batch, position=position)
        elif position is not None:
            out.reached("", position)
        self._sent = self._sent if position is None else position


@overload
def source(function: Plain, /) -> type[FunctionSource]: ...
@overload
def source(
    *, name: str = ..., requires_api: str = ...
) -> Callable[[Plain], type[FunctionSource]]: ...
@overload
def source(
    *, config: type[C], name: str = ..., requires_api: str = ...
) -> Callable[[Configured[C]], type[FunctionSource]]: ...
def source(
    function: Callable[..., Any] | None = None,
    /,
    *,
    config: type[Component.Config] | None = None,
    name: str = "",
    requires_api: str = "",
) -> Any:
    """Make a source of a generator function ``([config][, position])``.

    It yields events, ``(resource, event)``, batches, or None for nothing just now. With a
    parameter ``position`` it can be read again: it gets the position that it came to, None at
    the first start, and yields ``Positioned(event, position)``. The generator ends where the
    input ends, and is closed at a stop. ``RetryableError`` and ``OSError`` have it called again.

    An ``async def`` runs on the loop. A plain ``def`` may block: a thread iterates it, which can
    be stopped only where it yields; so let it wait a quarter of a second at most, and yield None.
    """

    def decorate(function: Callable[..., Any]) -> type[FunctionSource]:
        return _source_of(function, config, name, requires_api)

    return decorate if function is None else decorate(function)


def _source_of(
    function: Callable[..., Any],
    config: type[Component.Config] | None,
    name: str,
    requires_api: str,
) -> type[FunctionSource]:
    if not (inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)):
        raise PluginError(
            f"{place(function)} is no generator: @source goes above a function that yields events"
        )
    form = (
        "(config) or (config, position)"
        if config
        else ("nothing or (position); settings come with @source(config=…)")
    )
    least = 1 if config else 0
    names = parameters(function, least, form)
    is_replayable = len(names) > least
    attributes = {
        "replayable": is_replayable,
        "kinds": returned_kinds(function) or FunctionSource.kinds,
        "requires_api": requires_api,
        "wants_config": config is not None,
        "position_type": annotation(function, names[-1]) if is_replayable else None,
    }
    return make_class(FunctionSource, function, name, config, attributes)

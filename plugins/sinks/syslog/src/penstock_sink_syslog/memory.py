"""What was made of a resource and a map of attributes, remembered for a while."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar
from weakref import ref

from penstock.api import Resource, Value

MOST = 4096
"""So many are remembered, of all resources together, before all of them are forgotten."""

T = TypeVar("T")


class Memory(Generic[T]):
    """Finds again what was made for the same two objects.

    Events share their maps, but of the requests to an application each has its own. Rejected: so
    many maps for each resource. With a thousand instances of applications, which have one resource
    each, those of requests alone took hundreds of megabytes.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[ref[Resource], Mapping[str, Value], T]] = {}

    def find(self, resource: Resource, attributes: Mapping[str, Value]) -> T | None:
        """Return what was kept, None if nothing was."""
        known = self._known.get((id(resource), id(attributes)))
        return known[2] if known is not None and known[0]() is resource else None

    def keep(self, resource: Resource, attributes: Mapping[str, Value], made: T) -> T:
        """Remember what was made, and return it.

        The map is kept too, so that no other one can get its address; the resource is not, and is
        compared instead.
        """
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[id(resource), id(attributes)] = (ref(resource), attributes, made)
        return made

"""What the generator of a source yields."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from penstock.api.event import Batch, Event, Resource

Read: TypeAlias = Event | tuple[Resource, Event] | Batch
"""An event of the source's own resource, an event of another, or a batch that is sent as it is."""


class Positioned(Struct, frozen=True):
    """Something that was read, and the position behind it, from which reading could go on.

    ``what`` None says that there was nothing of interest up to ``position``, which may be
    anything that msgspec encodes.
    """

    what: Read | None
    position: object


Yielded: TypeAlias = Read | Positioned | None
"""None: nothing just now."""

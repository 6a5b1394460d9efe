"""Says what is lost of containers that nobody can be asked about any more."""

from __future__ import annotations

import msgspec

from penstock_source_docker.attributes import origin
from penstock_source_docker.position import Position
from penstock_source_docker.shared import Shared

UNSEEN = "the container was removed before its log could be read"
UNREAD = "the container was removed while Penstock was not reading it"


async def say_departed(shared: Shared, container: str, name: str, *, started: bool) -> None:
    """Say what of a container was not read before it was removed, and forget it.

    Nothing is lost of one that had ended and was read to its end, or that was never started.
    """
    out = shared.out
    known = out.position(container)
    position = _position(known)
    resource = shared.attributes.bare(container, name or position.name)
    if known is None and started:
        await out.lost(resource, UNSEEN, lane=container)
    elif known is not None and not position.finished:
        await out.lost(resource, UNREAD, lane=container, start=position.last_time)
    out.retire(container, origin=origin(container))


def _position(known: object) -> Position:
    try:
        return msgspec.convert(known, Position)
    except msgspec.ValidationError:
        return Position()

"""How often the source looks at its containers, and how long it waits for them."""

from __future__ import annotations

from msgspec import Struct

from penstock_source_docker.risk import BEHIND_NS


class Pace(Struct, frozen=True, kw_only=True):
    """The pace of one source: a real engine has this one, a made-up one need not wait so long."""

    list_every_s: float = 30.0
    """How often containers are listed: an event may not have come."""
    assess_every_s: float = 1.0
    """How often it is looked who is about to lose lines."""
    idle_s: float = 25.0
    """A stream that was silent for so long is probed."""
    patience_s: float = 5.0
    """How long the rest of a line may take that is longer than a frame."""
    behind_ns: int = BEHIND_NS
    """Who is not further behind than this keeps up."""

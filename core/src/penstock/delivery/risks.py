"""How soon sources say that unread events will be lost."""

from __future__ import annotations

import logging

from penstock.api.event import Resource
from penstock.log import Quiet

WARN_BELOW_S = 60.0
"""A time to loss below this is warned about."""

_log = logging.getLogger("penstock.delivery")


class Risks:
    """The time to loss that each source said last of each origin, in seconds."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, str], float] = {}
        self._quiet = Quiet()

    def say(self, source: str, resource: Resource, seconds: float | None) -> None:
        """Note what a source says of an origin; None: nothing is at risk any more."""
        key = (source, resource.origin)
        if seconds is None:
            self._seconds.pop(key, None)
            return
        self._seconds[key] = seconds
        if seconds < WARN_BELOW_S and self._quiet.allows(resource.origin):
            name = resource.attributes.get("container.name", resource.origin)
            extra = {"source": source, "origin": resource.origin, "seconds_to_loss": seconds}
            _log.warning("%s is about to lose unread events", name, extra=extra)

    def forget(self, source: str, origin: str) -> None:
        """Forget an origin that is gone."""
        self._seconds.pop((source, origin), None)

    def of(self, source: str) -> dict[str, float]:
        """Return the seconds by origin that a source gave."""
        return {origin: left for (table, origin), left in self._seconds.items() if table == source}

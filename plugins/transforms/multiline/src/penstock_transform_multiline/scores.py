"""Which language a container speaks, by the traces that it prints."""

from __future__ import annotations

from collections.abc import Callable

ENOUGH = 10
"""After so many traces of one language, and none of another, the others are not tried any more."""


class Scores:
    """Counts a container's traces by preset.

    ``say`` is told when another preset leads, and whether it is the only one tried from then on.
    """

    def __init__(self, say: Callable[[str, bool], None]) -> None:
        self._say = say
        self._counts: dict[str, int] = {}
        self._leader = ""

    def learn(self, preset: str) -> None:
        """Count one trace."""
        counts = self._counts
        counts[preset] = counts.get(preset, 0) + 1
        settled = len(counts) == 1 and counts[preset] == ENOUGH
        leads = preset != self._leader and counts[preset] > counts.get(self._leader, 0)
        if settled or leads:
            self._leader = preset
            self._say(preset, settled)

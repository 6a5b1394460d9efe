"""Where positions are kept: how far each lane of each source has been settled."""

from __future__ import annotations

from typing import Protocol

import msgspec

LaneKey = tuple[str, str]
"""A lane's name in the whole process: ``(source table, lane)``."""


class Positions(Protocol):
    """A keeper of positions, one per lane."""

    def load(self, lane: LaneKey) -> object | None:
        """Return the committed position as plain builtins, None if there is none."""

    def commit(self, lane: LaneKey, position: object) -> None:
        """Remember that everything up to here is settled."""

    def forget(self, lane: LaneKey) -> None:
        """Drop a lane whose origin is gone."""


class MemoryPositions:
    """Positions that last as long as the process."""

    def __init__(self) -> None:
        self._positions: dict[LaneKey, object] = {}

    def load(self, lane: LaneKey) -> object | None:
        position = self._positions.get(lane)
        return None if position is None else msgspec.to_builtins(position)

    def commit(self, lane: LaneKey, position: object) -> None:
        self._positions[lane] = position

    def forget(self, lane: LaneKey) -> None:
        self._positions.pop(lane, None)

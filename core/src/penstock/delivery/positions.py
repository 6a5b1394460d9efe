"""Where positions are kept: how far each lane of each source has been settled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from penstock.state.unit import LaneKey

_log = logging.getLogger("penstock.state")

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


class Positions(Protocol):
    """A keeper of positions, one per lane."""

    def load(self, lane: LaneKey) -> object | None:
        """Return the committed position as plain builtins, None if there is none."""

    def lanes(self, source: str) -> Sequence[str]:
        """Return the lanes of a source that have a position."""

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

    def lanes(self, source: str) -> Sequence[str]:
        return [lane for table, lane in self._positions if table == source]

    def commit(self, lane: LaneKey, position: object) -> None:
        self._positions[lane] = position

    def forget(self, lane: LaneKey) -> None:
        self._positions.pop(lane, None)


class StoredPositions(MemoryPositions):
    """Positions that begin as they are on disk, and tell what has changed since."""

    def __init__(self, stored: Mapping[LaneKey, bytes], on_change: Callable[[], None]) -> None:
        super().__init__()
        for lane, data in stored.items():
            try:
                self._positions[lane] = _decoder.decode(data)
            except ValueError as error:
                _log.error("a position is damaged: %s", error, extra={"lane": " ".join(lane)})
        self._on_change = on_change
        self._changed: dict[LaneKey, None] = {}

    def commit(self, lane: LaneKey, position: object) -> None:
        self._positions[lane] = position
        self._changed[lane] = None
        self._on_change()

    def forget(self, lane: LaneKey) -> None:
        if self._positions.pop(lane, None) is not None:
            self._changed[lane] = None
            self._on_change()

    @property
    def is_changed(self) -> bool:
        return bool(self._changed)

    def changes(self) -> dict[LaneKey, bytes | None]:
        """Return what has to be written since the last call; None for what was forgotten."""
        changed, self._changed = self._changed, {}
        encoded: dict[LaneKey, bytes | None] = {}
        for lane in changed:
            try:
                encoded[lane] = (
                    _encoder.encode(self._positions[lane]) if lane in self._positions else None
                )
            except (TypeError, ValueError, OverflowError, RecursionError) as error:
                extra = {"lane": " ".join(lane)}
                _log.error("a position cannot be kept: %s", error, extra=extra)
        return encoded

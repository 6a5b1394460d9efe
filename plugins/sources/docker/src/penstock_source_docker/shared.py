"""What the containers of one engine share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from msgspec import Struct, field

from penstock.api import Outlet
from penstock_source_docker.attributes import Attributes
from penstock_source_docker.budget import Budgets
from penstock_source_docker.engine import Engine
from penstock_source_docker.pace import Pace
from penstock_source_docker.selection import Selection

ENGINE_LANE = "engine"
"""The lane of what happens to containers; its position is the time of the last event."""

MAX_SCANS = 4
"""Looking for a place in a log costs the engine seconds of CPU per million lines."""


class Shared(Struct, frozen=True, kw_only=True, eq=False):
    """The engine, the way out, and what the settings ask for."""

    engine: Engine
    out: Outlet
    log: logging.Logger
    pace: Pace
    selection: Selection
    attributes: Attributes
    budgets: Budgets
    streams: Mapping[str, bool]
    """Which of ``stdout`` and ``stderr`` are wanted."""
    severities: Sequence[int]
    """By the number of the stream."""
    max_line_bytes: int
    start_at: Literal["end", "beginning"]
    start_lines: int
    began: int
    """The engine's time when the source first began: a container is older, or it is not."""
    troubled: Callable[[str], None]
    """Told what keeps the engine from being read; nothing once it is read again."""
    last_event: int
    """The time of the last event that was heeded, in this process or before."""
    scans: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_SCANS))
    up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the engine is there and its events are subscribed."""

"""Where the log of a container is begun that was never read."""

from __future__ import annotations

from typing import NamedTuple

from penstock_source_docker.answers import Details
from penstock_source_docker.position import Position
from penstock_source_docker.shared import Shared
from penstock_source_docker.stamps import parse_time

ALL = "all"

BEFORE_START_NS = 100_000_000
"""A container's first lines may be stamped before the engine notes that it has started."""


class Beginning(NamedTuple):
    """What is asked for first, and the position until a line was sent."""

    position: Position
    tail: str = ALL


EVERYTHING = Beginning(Position())


def beginning(shared: Shared, container: Details) -> Beginning:
    """Begin at the end only with containers that ran before the source did, if that is wanted.

    One that was stopped then and was started since is read from the end of its earlier run.
    """
    state = container.state
    if shared.start_at == "beginning" or parse_time(container.created) >= shared.began:
        return EVERYTHING
    if state.started >= shared.began:
        if not state.finished:
            return EVERYTHING
        # Only while it runs is the last end certain to be that of an earlier run.
        early = min(shared.began, state.started - BEFORE_START_NS)
        return Beginning(Position(since=state.finished + 1 if state.running else early))
    return Beginning(Position(since=shared.engine.clock.now()), str(shared.start_lines))

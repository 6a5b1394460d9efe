"""Penstock source: the output of every container, from a Docker socket."""

from __future__ import annotations

from penstock.api import Source, hookimpl
from penstock_source_docker.source import Docker


@hookimpl
def penstock_sources() -> list[type[Source]]:
    """Return the source of this package."""
    return [Docker]

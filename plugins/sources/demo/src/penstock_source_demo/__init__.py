"""Penstock source: made-up containers for a first run and for benchmarks."""

from __future__ import annotations

from penstock.api import Source, hookimpl
from penstock_source_demo.demo import Demo


@hookimpl
def penstock_sources() -> list[type[Source]]:
    """Return the source of this package."""
    return [Demo]

"""Penstock transform: keeps and drops events by rule."""

from __future__ import annotations

from penstock.api import Transform, hookimpl
from penstock_transform_filter.filter import Filter


@hookimpl
def penstock_transforms() -> list[type[Transform]]:
    """Return the transform of this package."""
    return [Filter]

"""Penstock transform: adds and removes tags."""

from __future__ import annotations

from penstock.api import Transform, hookimpl
from penstock_transform_tagging.tagging import Tagging


@hookimpl
def penstock_transforms() -> list[type[Transform]]:
    """Return the transform of this package."""
    return [Tagging]

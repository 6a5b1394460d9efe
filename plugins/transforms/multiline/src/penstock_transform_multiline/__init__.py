"""Penstock transform: joins stack traces, and other entries of several lines."""

from __future__ import annotations

from penstock.api import Transform, hookimpl
from penstock_transform_multiline.multiline import Multiline


@hookimpl
def penstock_transforms() -> list[type[Transform]]:
    """Return the transform of this package."""
    return [Multiline]

"""Penstock transform: fills in the name of the host."""

from __future__ import annotations

from penstock.api import Transform, hookimpl
from penstock_transform_hostname.hostname import Hostname


@hookimpl
def penstock_transforms() -> list[type[Transform]]:
    """Return the transform of this package."""
    return [Hostname]

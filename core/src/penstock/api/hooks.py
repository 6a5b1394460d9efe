"""The hooks that a plugin's module may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from penstock.api.component import Sink, Source, Transform

hookspec = pluggy.HookspecMarker("penstock")
hookimpl = pluggy.HookimplMarker("penstock")
"""Marks a plugin's hook functions."""


@hookspec
def penstock_sources() -> list[type[Source]]:  # type: ignore[empty-body]
    """Return the source classes of a ``source-<type>`` entry point."""


@hookspec
def penstock_transforms() -> list[type[Transform]]:  # type: ignore[empty-body]
    """Return the transform classes of a ``transform-<type>`` entry point."""


@hookspec
def penstock_sinks() -> list[type[Sink]]:  # type: ignore[empty-body]
    """Return the sink classes of a ``sink-<type>`` entry point."""

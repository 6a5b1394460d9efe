"""The hooks that a plugin's module may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    import click

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


class Observed(Protocol):
    """A running Penstock as an extension sees it; it may be asked from any thread."""

    def status(self) -> dict[str, Any]:
        """Return what ``penstock status --json`` says."""

    def metrics(self) -> str:
        """Return all metrics, in Prometheus's text format."""


@hookspec
def penstock_started(process: Observed) -> None:
    """Begin to observe, in an ``extension-<name>``; return at once, as it is called on the loop.

    It is called before the sources begin, or when a reload names the extension.
    """


@hookspec
def penstock_stopped(process: Observed) -> None:
    """End what ``penstock_started`` began: everything is delivered, on disk, or counted."""


@hookspec
def penstock_commands() -> list[click.Command]:  # type: ignore[empty-body]
    """Return commands that an ``extension-<name>`` adds to ``penstock``."""

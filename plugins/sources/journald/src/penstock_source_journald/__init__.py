"""Penstock source: the systemd journal, local, from files, or over HTTP."""

from __future__ import annotations

from penstock.api import Source, hookimpl
from penstock_source_journald.source import Journald


@hookimpl
def penstock_sources() -> list[type[Source]]:
    """Return the source of this package."""
    return [Journald]

"""Penstock source: Cloud Foundry's Firehose and application streams, logs and metrics."""

from __future__ import annotations

from penstock.api import Source, hookimpl
from penstock_source_firehose.source import Firehose


@hookimpl
def penstock_sources() -> list[type[Source]]:
    """Return the source of this package."""
    return [Firehose]

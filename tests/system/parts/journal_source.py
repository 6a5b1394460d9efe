"""The journald source alone, in this process, with an outlet that keeps what it gets."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from msgspec.structs import replace

from penstock.testing import RecordingOutlet, configured
from penstock.testing.source_run import SourceRun
from penstock_source_journald.source import Journald


@asynccontextmanager
async def reading(
    settings: Mapping[str, Any],
    positions: Mapping[str, object] | None = None,
    *,
    outlet: RecordingOutlet | None = None,
    log: logging.Logger | None = None,
) -> AsyncIterator[SourceRun]:
    """Run the source as core does; what it sends is settled at once."""
    source = configured(Journald, {"start_at": "beginning", **settings})
    if log:
        source.context = replace(source.context, log=log)
    out = outlet or RecordingOutlet(positions, settle=True)
    async with SourceRun(source, out, patience_s=15.0) as run:
        yield run
        assert run.error is None, run.error


def reasons(run: SourceRun) -> list[str]:
    """Return the reasons of all gaps that came."""
    return [loss.gap.reason for loss in run.outlet.gaps]

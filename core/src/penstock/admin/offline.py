"""Replays and drops dead letters where no process runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from penstock.admin.letters import LetterDesk
from penstock.admin.protocol import Changed, Drop, Replay
from penstock.admin.stored import stored_letters
from penstock.api.event import Batch
from penstock.api.settings import BufferSettings
from penstock.bus.services import Services
from penstock.config.plan import Plan
from penstock.durable import open_services
from penstock.state.letters import Letter

LAST_WRITE_S = 5.0


def change_offline(folder: str, request: Replay | Drop, plan: Plan | None) -> Changed:
    """Take the state folder and carry out a request; ``plan`` tells which sinks there are.

    ``ConfigError``: a process has the folder. ``UnreadableError``: its file cannot be used; that
    is for the next start to set aside, and not for us.
    """
    with stored_letters(folder) as letters:
        if letters is None:
            return Changed(changed=0, missing=sorted(set(request.letters.ids)))
    plan = plan or Plan()
    with open_services(folder, plan.settings.max_disk_bytes) as services:
        return asyncio.run(_change(services, request, buffers(plan)))


def buffers(plan: Plan) -> Mapping[str, BufferSettings]:
    """Return the buffer of every sink that some pipeline has, by table."""
    names = {name for pipeline in plan.pipelines.values() for name in pipeline.sinks}
    return {f"sinks.{name}": sink.buffer for name, sink in plan.sinks.items() if name in names}


async def _change(
    services: Services, request: Replay | Drop, sinks: Mapping[str, BufferSettings]
) -> Changed:
    journal = services.journal
    assert journal is not None  # noqa: S101 - there is a folder
    for table, buffer in sinks.items():
        if spool := services.spool(table):
            spool.max_bytes = buffer.max_disk_bytes

    def objection(letter: Letter, batch: Batch) -> str:
        return "" if letter.sink in sinks else f"no pipeline has {letter.sink}"

    try:
        return await LetterDesk(services, journal).do(request, objection)
    finally:
        await journal.close(LAST_WRITE_S)

"""What a source cannot understand is a dead letter under its own table, and counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.api import BufferSettings, Log, Resource
from penstock.bus.intake import Intake
from penstock.bus.outlet import SourceOutlet
from penstock.bus.services import Services
from penstock.delivery.dead_letters import MemoryDeadLetters
from penstock.durable import open_services

ORIGIN = Resource("hose")
SHOWN = Log(1, "/w==", attributes={"penstock.encoding": "base64"})


@pytest.mark.parametrize("has_intake", [True, False])
def test_it_is_kept_with_its_reason_and_the_ledger_adds_up(has_intake: bool) -> None:
    services = Services(wall_clock=lambda: 7)
    outlet = (
        Intake("sources.x", "hose", services, BufferSettings(type="memory"))
        if has_intake
        else SourceOutlet("sources.x", "hose", services)
    )
    outlet.refused(ORIGIN, SHOWN, "no envelope")
    assert isinstance(outlet.dead_letters, MemoryDeadLetters)
    (letter,) = outlet.dead_letters.letters
    assert (letter.component, letter.resource, letter.event) == ("sources.x", ORIGIN, SHOWN)
    assert (letter.reason, letter.response) == ("unreadable", "no envelope")
    assert (letter.attempts, letter.last_unix_nano) == (1, 7)
    row = services.ledger.row("sources.x", "log")
    assert (row.read, row.outcomes) == (1, {("dead_lettered", "unreadable"): 1})
    assert services.ledger.residues() == []
    assert services.ledger.received == {"sources.x": 1}


async def test_it_is_on_disk_for_the_next_process(tmp_path: Path) -> None:
    for count in (1, 2):
        with open_services(str(tmp_path), 1 << 30) as services:
            assert services.journal is not None
            services.journal.start()
            outlet = SourceOutlet("sources.x", "hose", services)
            outlet.refused(ORIGIN, SHOWN, "no envelope")
            await services.journal.close(5.0)
            assert outlet.dead_letters.count == count

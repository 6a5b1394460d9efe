"""Faults in mid-spill: what is under way goes to disk too, and what is dropped holds nothing up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from penstock.api import BatchSettings, BufferSettings
from tests.delivery.durable_lab import FOREVER, DurableLab
from tests.delivery.load import LANES, Load
from tests.delivery.shelf import Shelf

BUFFER = BufferSettings(type="overflow", max_memory_bytes=80_000, max_disk_bytes=FOREVER)


@pytest.mark.parametrize("fault", ["fail", "hang"])
async def test_a_crash_in_an_outage_repeats_nothing_and_keeps_the_order(
    durable: DurableLab, fault: str
) -> None:
    batch = BatchSettings(max_events=40, max_wait_ms=0)
    durable.settings("x", buffer=BUFFER, batch=batch, write_timeout_s=None)
    far, lines = durable.destination("x"), Load(durable, "a")
    far.fail() if fault == "fail" else far.hang()
    await durable.start(durable.plan(main="a > x"))
    lines.write(3000)
    await durable.until(lambda: durable.spooled("x") == 3000, timeout=20)
    await asyncio.sleep(1)
    kept = await durable.crash()
    lines.check(kept.lines["sinks.x"])
    assert set(kept.positions.values()) == {3000 // len(LANES)}

    far.mend()
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    await far.until_lines(3000)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    assert durable.repeated("x") == []


async def test_a_page_that_is_dropped_before_it_is_on_disk_holds_nothing_up(
    tmp_path: Path,
) -> None:
    shelf = Shelf(tmp_path / "state")
    spool = shelf.spool()
    first = shelf.batch("one", "two", position=1)
    spool.append(first)
    assert spool.drop_oldest() == {"a": 2}
    assert shelf.settled() == {"one"}
    assert (spool.disk_bytes, spool.events) == (0, 0)
    kept = await shelf.close()
    assert kept.lines == {}
    assert kept.positions == {("sources.a", "a"): 1}

"""What a source may learn and say of its lanes beyond its batches."""

from __future__ import annotations

from penstock.api import Outcome
from penstock.delivery.ledger import GONE
from tests.delivery.line import Line, ScriptedSink


async def test_a_position_without_a_batch_waits_for_what_was_sent_before() -> None:
    async with Line(ScriptedSink()) as line:
        line.outlet.reached("a", 1)
        assert line.position() == 1
        await line.send("one", position=2)
        line.outlet.reached("a", 3)
        assert line.position() == 1
        assert line.outlet.position("a") == 3
        await line.drain()
        assert line.position() == 3


async def test_lanes_are_those_that_have_a_position() -> None:
    async with Line(ScriptedSink()) as line:
        line.services.positions.commit(("sources.test", "old"), 1)
        line.services.positions.commit(("sources.other", "foreign"), 1)
        await line.send("one", lane="new", position=1)
        await line.send("one", lane="without")
        assert sorted(line.outlet.lanes()) == ["new", "old"]
        line.outlet.retire("old")
        line.outlet.retire("new")
        # Not all of it is settled, but nobody has to look after it any more.
        assert line.outlet.lanes() == []
        assert line.services.positions.load(("sources.test", "old")) is None


async def test_a_lane_of_an_earlier_process_is_retired_with_its_origin() -> None:
    async with Line(ScriptedSink()) as line:
        line.services.positions.commit(("sources.test", "old"), 1)
        row = line.ledger.row("sinks.0", "test:old")
        row.read = 1
        row.count(Outcome.DELIVERED, "", 1)
        line.outlet.retire("old", origin="test:old")
        assert [origin for _, origin, _ in line.ledger.rows()] == [GONE]

"""Transforms in a pipeline: what they break costs only what it must, and all of it is counted."""

from __future__ import annotations

import pytest

from penstock.api import Outcome, Transform
from tests.delivery.line import Line, ScriptedSink
from tests.delivery.transforms import Forgetful, Fragile, Grep, Join, Pairs, Touchy


async def test_a_filter_counts_under_its_rule() -> None:
    sink = ScriptedSink()
    async with Line(sink, ScriptedSink(), transforms=(Grep,)) as line:
        await line.send("a", "drop", "b", "drop", position=1)
    assert sink.delivered == ["a", "b"]
    for index in range(2):
        assert line.reasons(Outcome.FILTERED, index) == {"transforms.grep: drop": 2}
    assert line.position() == 1


async def test_held_events_are_in_flight_until_they_come_out() -> None:
    sink = ScriptedSink()
    async with Line(sink, transforms=(Join,)) as line:
        await line.send("a", position=1)
        await line.send(" b", "c", position=2)
        assert line.ledger.total("sinks.0").in_flight == 2
        assert line.ledger.residues() == []
        assert line.position() is None
    assert sink.delivered == ["a\n b", "c"]
    assert line.counts() == {"merged": 1, "delivered": 2}
    assert line.position() == 2


async def test_a_chain_of_two_that_hold() -> None:
    sink = ScriptedSink()
    async with Line(sink, transforms=(Join, Pairs)) as line:
        for number, text in enumerate(["a", " b", "c", "d", " e", " f", "g"]):
            await line.send(text, position=number)
    assert sink.delivered == ["a\n b+c", "d\n e\n f+g"]
    assert line.counts() == {"merged": 5, "delivered": 2}
    assert line.position() == 6


async def test_the_second_of_a_chain_may_keep_one_at_the_end() -> None:
    sink = ScriptedSink()
    async with Line(sink, transforms=(Pairs, Join)) as line:
        await line.send("a", "b", "c", position=1)
    assert sink.delivered == ["a+b", "c"]
    assert line.position() == 1


@pytest.mark.parametrize("word", ["bang", "lose", "invent"])
async def test_what_a_transform_breaks_is_one_dead_letter(word: str) -> None:
    sinks = ScriptedSink(), ScriptedSink()
    async with Line(*sinks, transforms=(Touchy, Join)) as line:
        await line.send("a", "b", word, "c", position=1)
        await line.send("d", position=2)
    for index, sink in enumerate(sinks):
        assert sink.delivered == ["a", "b", "c", "d"]
        assert line.letters(index) == [word]
        assert line.reasons(Outcome.DEAD_LETTERED, index) == {"plugin_error": 1}
    assert line.position() == 2


async def test_a_batch_that_loses_its_receipts_is_no_early_commit() -> None:
    sink = ScriptedSink()
    async with Line(sink, transforms=(Forgetful,)) as line:
        await line.send("a", "b", position=1)
    assert line.counts() == {"dead_lettered": 2}
    assert sink.delivered == []


@pytest.mark.parametrize("around", [(), (Pairs,)])
async def test_one_that_loses_its_state_loses_no_event(around: tuple[type[Transform], ...]) -> None:
    sink = ScriptedSink()
    async with Line(sink, transforms=(*around, Fragile, *around)) as line:
        for number in range(10):
            await line.send(f"a{number}", lane="a", position=number)
            await line.send(f"b{number}", f" b{number}", lane="b", position=number)
        await line.send("bang", lane="a", position=10)
        await line.send("after", "all", lane="a", position=11)
    counts = line.counts()
    assert sum(counts.values()) == line.sent
    assert counts["dead_lettered"] >= 2
    assert any("bang" in one for one in line.letters())
    assert line.position("a") == 11
    assert line.position("b") == 9


async def test_a_transform_made_anew_begins_with_nothing() -> None:
    sink = ScriptedSink()
    async with Line(sink, transforms=(Fragile,)) as line:
        await line.send("a", position=1)
        await line.send("bang", position=2)
        assert line.position() == 2
        assert line.letters() == ["a", "bang"]
        await line.send("b", " c", position=3)
    assert sink.delivered == ["b\n c"]

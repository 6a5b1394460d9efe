"""What is over leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Sequence

from penstock.api import Batch, BatchSettings, RejectedError, Report, Resource, RetryableError
from penstock.telemetry import LETTERS_DISCARDED
from penstock.testing import batch
from tests.delivery.lab import Lab
from tests.delivery.line import Line, ScriptedSink
from tests.delivery.transforms import Join, text


async def moody(batches: Sequence[Batch]) -> Report | None:
    """Fail, refuse and postpone, by what the lines say; what failed once is taken then."""
    events = [event for batch in batches for event in batch.events]
    if any("refuse" in text(event) for event in events):
        raise RejectedError("refused")
    later = [event for event in events if text(event) == "later" and event not in seen]
    seen.update(later)
    return Report(retry=later)


seen: set[object] = set()


async def test_events_and_resources_are_freed_once_they_are_settled() -> None:
    sink = ScriptedSink(moody, order="resource", in_flight=3)
    resources: list[weakref.ref[Resource]] = []
    async with Line(sink, transforms=(Join,), batch=BatchSettings(max_events=7)) as line:
        for number in range(50):
            of = Resource(f"test:{number}")
            resources.append(weakref.ref(of))
            made = batch(["a", " b", "later", "c"], of)
            await line.outlet.send(made, lane=str(number), position=1)
            del made
        del of
        await line.drain()
    seen.clear()
    gc.collect()
    assert not [ref for ref in resources if ref() is not None]


async def test_lanes_that_are_gone_cost_nothing() -> None:
    async with Line(ScriptedSink()) as line:
        for number in range(200):
            await line.send("a", lane=str(number), position=number)
            line.outlet.retire(str(number))
        await asyncio.sleep(0.01)
        assert line.services.lanes == {}
        assert [(origin, row.read) for _, origin, row in line.ledger.rows()] == [("(gone)", 200)]
        assert line.position("0") is None


async def test_dead_letters_are_bounded() -> None:
    async def write(batches: Sequence[Batch]) -> Report | None:
        raise RejectedError("no")

    async with Line(ScriptedSink(write)) as line:
        for _ in range(30):
            await line.send("x" * 100_000)
            await asyncio.sleep(0)
    kept = line.runner.settling.dead_letters
    assert line.counts() == {"dead_lettered": 30}
    discarded = line.services.telemetry.value(LETTERS_DISCARDED, ("sinks.0", "size"))
    assert len(kept.letters) + discarded == 30
    assert 5 <= len(kept.letters) <= 10


async def test_no_task_is_left_whatever_went_wrong(lab: Lab) -> None:
    lab.destination("y").open_failure = RetryableError("not there")
    lab.destination("x").fail()
    lab.origin("a").write(["1", "2"])
    lab.origin("b").fail(KeyError("a bug"))
    await lab.start(lab.plan(main="a b > fragile > join > x y z"))
    await asyncio.sleep(1)
    lab.origin("a").write(["bang"])
    assert await lab.stop() == 1
    await lab.pause()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_run_can_follow_another(lab: Lab) -> None:
    for number in range(5):
        lab.origin("a").write([str(number)])
        await lab.start(lab.plan(main="a > join > x"))
        await lab.destination("x").until_lines(number + 1)
        assert await lab.stop() == 0
    assert lab.lines("x") == [str(number) for number in range(5)]

"""Reloads under load: what did not change goes on, and nothing is lost, repeated or overtaken."""

from __future__ import annotations

import asyncio

import pytest

from penstock.api import (
    Batch,
    BatchSettings,
    BufferSettings,
    Log,
    Outlet,
    Resource,
    heap_size,
)
from penstock.testing import MemorySource
from tests.delivery.lab import Lab
from tests.delivery.load import LANES, Load, load


async def test_what_did_not_change_is_the_same(lab: Lab) -> None:
    async with load(lab) as lines:
        runtime = await lab.start(lab.plan(main="a > grep > join > x", other="b > y"))
        before = runtime.graph
        assert await lab.reload(lab.plan(main="a > grep > join > x", other="b > y"))
        after = runtime.graph
        assert after is not before
        assert after.sources == before.sources
        assert after.sinks == before.sinks
        assert after.pipelines == before.pipelines
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))
    assert lab.journal.count("open sources.a") == lab.journal.count("close sources.a") == 1


async def test_a_sink_is_added(lab: Lab) -> None:
    async with load(lab) as lines:
        runtime = await lab.start(lab.plan(main="a > x"))
        before = runtime.graph
        assert await lab.reload(lab.plan(main="a > x y"))
        assert runtime.graph.sources["a"] is before.sources["a"]
        assert runtime.graph.sinks["x"] is before.sinks["x"]
        since = lines.count
        await asyncio.sleep(0.1)
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))
    lines.check(lab.lines("y"), since=since)


async def test_a_sink_that_is_removed_delivers_what_it_has(lab: Lab) -> None:
    async with load(lab) as lines:
        lab.destination("y").slow(1.0)
        runtime = await lab.start(lab.plan(main="a > x y"))
        await asyncio.sleep(0.05)
        sent = runtime.services.ledger.total("sinks.y").read
        assert await lab.reload(lab.plan(main="a > x"))
        assert list(runtime.graph.sinks) == ["x"]
        await lab.until(lambda: lab.journal.count("close sinks.y"))
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))
    assert len(lab.lines("y")) >= sent
    assert lab.counts("y") == {"delivered": len(lab.lines("y"))}


async def test_a_dead_sink_that_is_removed_is_counted_and_holds_up_no_position(lab: Lab) -> None:
    lab.settings("y", buffer=BufferSettings(max_memory_bytes=80_000))
    lab.destination("y").fail()
    runtime = await lab.start(lab.plan(main="a > x y"))
    lines = Load(lab, "a")
    lines.write(3000)
    await lab.until(lambda: runtime.graph.sources["a"].outlet.blocked_on == "sinks.y")
    kept = runtime.services.ledger.total("sinks.y").read
    assert await lab.reload(lab.plan(main="a > x"))
    await lab.until(lambda: len(lab.lines("x")) == 3000, timeout=1)
    await asyncio.sleep(10)
    assert lab.counts("y") == {"abandoned": kept}
    assert [lab.position("a", lane) for lane in LANES] == [1000, 1000, 1000]
    assert await lab.stop() == 1
    lines.check(lab.lines("x"))


async def test_a_sink_that_changes_is_followed_by_its_successor(lab: Lab) -> None:
    async with load(lab) as lines:
        runtime = await lab.start(lab.plan(main="a > x"))
        for number in range(4):
            before = runtime.graph.sinks["x"]
            lab.settings("x", batch=BatchSettings(max_events=10 + number, max_wait_ms=0))
            assert await lab.reload(lab.plan(main="a > x"))
            assert runtime.graph.sinks["x"] is not before
            await asyncio.sleep(0.02)
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))
    assert lab.journal.count("open sinks.x") == lab.journal.count("close sinks.x") == 5


@pytest.mark.parametrize("order", ["stream", "resource"])
async def test_a_successor_waits_and_writes_first_what_was_left(lab: Lab, order: str) -> None:
    lab.settings("x", order=order, write_timeout_s=None, in_flight=2)
    async with load(lab) as lines:
        await lab.start(lab.plan(main="a > x"))
        lab.destination("x").hang()
        await asyncio.sleep(0.1)
        lab.settings("x", batch=BatchSettings(max_events=7, max_wait_ms=0))
        await lab.reload(lab.plan(main="a > x"))
        await asyncio.sleep(0.5)
        assert lab.destination("x").writing <= 2
        assert lab.journal.count("close sinks.x") == 0
        await lab.until(lambda: lab.journal.count("close sinks.x") == 1)
        lab.destination("x").mend()
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))
    assert lab.counts("x") == {"delivered": lines.count}


async def test_a_successor_that_cannot_be_opened_at_all_buries_what_was_left(lab: Lab) -> None:
    lab.settings("x", write_timeout_s=None)
    lines = Load(lab, "a")
    lines.write(30)
    await lab.start(lab.plan(main="a > x"))
    await lab.until(lambda: len(lab.lines("x")) == 30)
    lab.destination("x").hang()
    lines.write(30)
    await asyncio.sleep(0.1)
    lab.destination("x").open_failure = KeyError("a bug")
    lab.settings("x", batch=BatchSettings(max_events=7, max_wait_ms=0))
    await lab.reload(lab.plan(main="a > x"))
    lines.write(30)
    await asyncio.sleep(20)
    assert lab.counts("x") == {"delivered": 30, "dead_lettered": 60}
    assert lab.position("a", "red") == 30
    assert await lab.stop() == 0


async def test_a_source_that_changes_hands_its_lanes_on(lab: Lab) -> None:
    lab.settings("x", write_timeout_s=None)
    async with load(lab) as lines:
        runtime = await lab.start(lab.plan(main="a > join > x"))
        lab.destination("x").hang()
        for number in range(3):
            before = runtime.graph.sources["a"]
            lab.source_settings["a"] = {"batch_events": 5 + number}
            assert await lab.reload(lab.plan(main="a > join > x"))
            assert runtime.graph.sources["a"] is not before
            await asyncio.sleep(0.02)
        lab.destination("x").mend()
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))
    assert lab.journal.count("close sources.a") == 4


async def test_a_source_that_waits_for_a_full_sink_can_change(lab: Lab) -> None:
    lab.settings("x", buffer=BufferSettings(max_memory_bytes=80_000), write_timeout_s=None)
    runtime = await lab.start(lab.plan(main="a > x"))
    lab.destination("x").hang()
    lines = Load(lab, "a")
    lines.write(3000)
    await lab.until(lambda: runtime.graph.sources["a"].outlet.blocked_on)
    lab.source_settings["a"] = {"batch_events": 3}
    assert await lab.reload(lab.plan(main="a > x"))
    await lab.until(lambda: runtime.graph.sources["a"].outlet.blocked_on)
    lab.destination("x").mend()
    await lab.until(lambda: len(lab.lines("x")) == 3000)
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))


async def test_a_source_that_leaves_and_comes_back_repeats_nothing(lab: Lab) -> None:
    lab.settings("x", write_timeout_s=None)
    async with load(lab) as lines:
        await lab.start(lab.plan(main="a b > x"))
        lab.destination("x").hang()
        await asyncio.sleep(0.05)
        assert await lab.reload(lab.plan(main="b > x"))
        await asyncio.sleep(0.05)
        assert await lab.reload(lab.plan(main="a b > x"))
        lab.destination("x").mend()
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))


async def test_a_source_that_ignores_its_cancellation_repeats_nothing(lab: Lab) -> None:
    sent: list[int] = []
    let_go = asyncio.Event()

    class Deaf(MemorySource):
        async def run(self, out: Outlet) -> None:
            position = out.position("d")
            number = position if isinstance(position, int) else 0
            while not let_go.is_set():
                try:
                    logs = (Log(number, f"{number}"),)
                    batch = Batch(Resource("d"), logs, heap_size(logs))
                    await out.send(batch, lane="d", position=number + 1)
                    sent.append(number)
                    number += 1
                    await asyncio.sleep(0.01)
                except asyncio.CancelledError:
                    continue

    lab.sources["d"] = Deaf
    lab.source_settings["d"] = {"origin": "nowhere"}
    await lab.start(lab.plan(main="d > x"))
    await asyncio.sleep(0.1)
    lab.source_settings["d"] = {"origin": "elsewhere"}
    assert await lab.reload(lab.plan(main="d > x"))
    await asyncio.sleep(1)
    assert await lab.stop() == 0
    assert [int(line) for line in lab.lines("x")] == sent == [*range(len(sent))]
    let_go.set()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        if task.get_name() == "sources.d":
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_transform_that_changes_gives_up_what_it_held_first(lab: Lab) -> None:
    lab.origin("a").write(["first", " second"])
    runtime = await lab.start(lab.plan(main="a > join > x", other="a > y"))
    assert lab.lines("x") == []
    other = runtime.graph.pipelines[1]
    assert await lab.reload(lab.plan(main="a > join > grep > x", other="a > y"))
    assert lab.lines("x") == ["first\n second"]
    lab.origin("a").write([" third", "drop"])
    assert runtime.graph.pipelines[1] is other
    assert await lab.stop() == 0
    assert lab.lines("x") == ["first\n second", " third"]
    assert lab.lines("y") == ["first", " second", " third", "drop"]


async def test_a_source_more_does_not_disturb_what_transforms_hold(lab: Lab) -> None:
    lab.origin("a").write(["first"])
    runtime = await lab.start(lab.plan(main="a > join > x"))
    before = runtime.graph.pipelines
    assert await lab.reload(lab.plan(main="a b > join > x"))
    assert runtime.graph.pipelines == before
    lab.origin("a").write([" second"])
    lab.origin("b").write(["of b"], "b")
    assert await lab.stop() == 0
    assert sorted(lab.lines("x")) == ["first\n second", "of b"]


async def test_pipelines_come_and_go(lab: Lab) -> None:
    async with load(lab) as lines, load(lab, "b") as others:
        runtime = await lab.start(lab.plan(one="a > x"))
        assert await lab.reload(lab.plan(one="a > x", two="a b > y"))
        since = lines.count
        await asyncio.sleep(0.05)
        assert {pipeline.name for pipeline in runtime.graph.pipelines} == {"one", "two"}
        assert await lab.reload(lab.plan(two="a b > y"))
        await asyncio.sleep(0.05)
        assert lab.journal.count("close sinks.x") == 1
        assert await lab.reload(lab.plan(two="a b > y", one="a > x"))
        await asyncio.sleep(0.05)
    assert await lab.stop() == 0
    lines.check(lab.lines("y"), since=since)
    others.check(lab.lines("y"))
    arrived = lab.lines("x")
    assert len(arrived) == len(set(arrived))


async def test_everything_at_once(lab: Lab) -> None:
    async with load(lab) as lines, load(lab, "b") as others:
        await lab.start(lab.plan(one="a > join > x", two="b > y"))
        for number in range(6):
            lab.source_settings["a"] = {"batch_events": 3 + number}
            lab.settings("x", batch=BatchSettings(max_events=5 + number, max_wait_ms=0))
            one = "a > join > x" if number % 2 else "a > grep > join > x"
            two = "b > y" if number % 3 else "b a > y z"
            assert await lab.reload(lab.plan(one=one, two=two))
            await asyncio.sleep(0.01 * number)
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))
    others.check(lab.lines("y"))


async def test_a_source_does_not_wait_for_a_sink_that_is_no_longer_its_own(lab: Lab) -> None:
    lab.settings("y", buffer=BufferSettings(type="memory", max_memory_bytes=4000))
    lab.destination("y").hang()
    lab.source_settings["a"] = {"batch_events": 5}
    lab.origin("a").write([f"{number}" for number in range(100)])
    await lab.start(lab.plan(one="a > x y", two="b > y"))
    await asyncio.sleep(5)
    assert len(lab.lines("x")) < 100
    assert await lab.reload(lab.plan(one="a > x", two="b > y"))
    await lab.destination("x").until_lines(100)
    lab.destination("y").mend()
    assert await lab.stop() == 0

"""Several pipelines and sinks: who gets what, and who waits for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from penstock.api import (
    Batch,
    BatchSettings,
    BufferSettings,
    Counter,
    Event,
    Gap,
    Log,
    Outcome,
    Report,
)
from penstock.bus.pipeline import Pipeline
from penstock.testing import one_of_each
from tests.delivery.line import Line, ScriptedSink
from tests.delivery.transforms import Grep

BOUND = 80_000
SMALL = BufferSettings(max_memory_bytes=BOUND)


class Gate:
    """Lets writes through once it is open, and keeps what it got."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.events: list[Event] = []

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        await self.opened.wait()
        self.events += [event for batch in batches for event in batch.events]
        return None


async def steps() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


async def flood(line: Line, lane: str, count: int = 1000) -> None:
    """Send batches of about 1,700 bytes, as fast as they are taken."""
    for number in range(count):
        await line.send(*[f"{lane}{number}"] * 10, lane=lane, position=number)


async def test_all_sinks_get_the_same_events() -> None:
    gates = [Gate(), Gate(), Gate()]
    async with Line(*(ScriptedSink(gate.write) for gate in gates)) as line:
        for gate in gates:
            gate.opened.set()
        await line.send("a", "b")
        await line.send("c")
    first, *others = (gate.events for gate in gates)
    assert len(first) == 3
    for other in others:
        assert all(mine is theirs for mine, theirs in zip(first, other, strict=True))


async def test_a_sink_gets_an_event_once_for_each_pipeline_that_brings_it() -> None:
    sink = ScriptedSink()
    async with Line(sink) as line:
        filtered = Pipeline("filtered", line.runners)
        line.outlet.connect([line.pipeline, filtered])
        line.pipeline.add_stage("transforms.grep", lambda: Grep(Grep.Config()), line.runner.log)
        await line.send("a", "drop b", position=1)
    assert sorted(sink.delivered) == ["a", "a", "drop b"]
    assert line.counts() == {"delivered": 3, "filtered": 1}
    assert line.ledger.total("sinks.0").read == 4
    assert line.ledger.received == {"sources.test": 2}
    assert line.position() == 1


async def test_kinds_that_a_sink_does_not_take_are_counted_as_filtered() -> None:
    every, logs, counters = Gate(), Gate(), Gate()
    events = one_of_each()
    sinks = (
        ScriptedSink(every.write, accepts=frozenset(map(type, events))),
        ScriptedSink(logs.write),
        ScriptedSink(counters.write, accepts=frozenset({Counter, Gap})),
    )
    async with Line(*sinks) as line:
        for gate in (every, logs, counters):
            gate.opened.set()
        await line.send(*events, position=1)
        await line.send(events[1], position=2)
    assert every.events == [*events, events[1]]
    assert {type(event) for event in logs.events} == {Log}
    assert [type(event) for event in counters.events] == [Counter, Gap, Counter]
    assert line.reasons(Outcome.FILTERED, 1) == {
        "kind: counter": 2,
        "kind: gauge": 1,
        "kind: timer": 1,
        "kind: event": 1,
        "kind: gap": 1,
    }
    assert line.counts(2) == {"filtered": 4, "delivered": 3}
    assert line.position() == 2


# --- back-pressure -------------------------------------------------------------------------


async def test_a_dead_sink_holds_its_source_within_bounded_memory() -> None:
    dead, healthy = Gate(), Gate()
    healthy.opened.set()
    sinks = (ScriptedSink(dead.write), ScriptedSink(healthy.write))
    async with Line(*sinks, buffer=SMALL) as line:
        senders = [asyncio.create_task(flood(line, lane, 100)) for lane in "abcdefghijkl"]
        await asyncio.sleep(0.05)
        held = line.runners[0].buffer.queued_bytes + line.runners[0].buffer.open_bytes
        assert BOUND - 2000 <= held <= BOUND
        assert line.outlet.blocked_on == "sinks.0"
        sent = line.ledger.received["sources.test"]
        await asyncio.sleep(0.01)
        assert line.ledger.received["sources.test"] == sent
        assert len(sinks[1].delivered) == sent
        dead.opened.set()
        await asyncio.wait_for(asyncio.gather(*senders), 10)
        assert line.outlet.blocked_on == ""
    assert line.counts(0) == line.counts(1) == {"delivered": 12_000}


async def test_a_noisy_lane_holds_up_no_other() -> None:
    dead = Gate()
    async with Line(ScriptedSink(dead.write), buffer=SMALL) as line:
        noisy = asyncio.create_task(flood(line, "noisy", 100))
        await steps()
        assert line.outlet.blocked_on == "sinks.0"
        quiet = asyncio.create_task(flood(line, "quiet", 2))
        await asyncio.wait_for(quiet, 5)
        assert not noisy.done()
        assert line.outlet.blocked_on == "sinks.0"
        dead.opened.set()
        await asyncio.wait_for(noisy, 10)
    assert line.outlet.blocked_on == ""


async def test_a_slow_sink_blocks_only_the_sources_that_feed_it() -> None:
    dead, healthy = Gate(), Gate()
    healthy.opened.set()
    line = Line(ScriptedSink(dead.write), ScriptedSink(healthy.write), buffer=SMALL)
    free = line.new_outlet()
    free.connect([Pipeline("free", line.runners[1:])])
    async with line:
        blocked = [asyncio.create_task(flood(line, lane, 100)) for lane in "abcdefghijkl"]
        await asyncio.sleep(0.02)
        assert line.outlet.blocked_on == "sinks.0"
        for number in range(300):
            batch = line.batch([str(number)] * 10, "other")
            await asyncio.wait_for(free.send(batch, lane="other"), 5)
        assert free.blocked_on == ""
        dead.opened.set()
        await asyncio.wait_for(asyncio.gather(*blocked), 10)
    assert line.counts(1) == {"delivered": 15_000}


async def test_a_batch_enters_all_buffers_or_none() -> None:
    first, second = Gate(), Gate()
    async with Line(*(ScriptedSink(gate.write) for gate in (first, second)), buffer=SMALL) as line:
        second.opened.set()
        senders = [asyncio.create_task(flood(line, lane, 20)) for lane in "abcdefghijkl"]
        await asyncio.sleep(0.02)
        rows = line.ledger.total("sinks.0"), line.ledger.total("sinks.1")
        assert rows[0].read == rows[1].read == line.ledger.received["sources.test"]
        first.opened.set()
        await asyncio.wait_for(asyncio.gather(*senders), 10)


async def test_a_cancelled_send_leaves_nothing_behind() -> None:
    dead = Gate()
    async with Line(ScriptedSink(dead.write), buffer=SMALL) as line:
        await flood(line, "a", 5)
        await steps()  # These are being written; the next ones fill the lane's share.
        await flood(line, "a", 5)
        sender = asyncio.create_task(line.send("late" * 2000, lane="a", position=99))
        await steps()
        assert line.outlet.blocked_on == "sinks.0"
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        assert line.outlet.blocked_on == ""
        assert line.outlet.position("a") == 4
        dead.opened.set()
    assert line.counts() == {"delivered": 100}


async def test_a_sink_that_drops_blocks_nobody() -> None:
    dead = Gate()
    for policy in ("drop_newest", "drop_oldest"):
        settings = BufferSettings(max_memory_bytes=BOUND, when_full=policy)
        async with Line(ScriptedSink(dead.write, in_flight=3), buffer=settings) as line:
            for lane in "abcdefghijkl":
                await asyncio.wait_for(flood(line, lane, 20), 5)
                await steps()
            assert line.outlet.blocked_on == ""
            held = line.runner.buffer.queued_bytes + line.runner.buffer.open_bytes
            assert held <= BOUND
            dead.opened.set()
        counts = line.counts()
        assert counts["dropped"] + counts["delivered"] == 2400
        assert line.reasons(Outcome.DROPPED) == {policy: counts["dropped"]}
        assert [line.position(lane) for lane in "abcdefghijkl"] == [19] * 12
        dead.opened.clear()


async def test_a_batch_larger_than_the_buffer_comes_through() -> None:
    async with Line(ScriptedSink(), buffer=SMALL, batch=BatchSettings(max_wait_ms=0)) as line:
        await line.send("small", lane="a")
        await asyncio.wait_for(line.send("x" * (BOUND * 3), lane="b", position=1), 5)
        await asyncio.wait_for(line.send("small", lane="b", position=2), 5)
    assert line.counts() == {"delivered": 3}


async def test_lag_is_that_of_the_newest_event() -> None:
    async with Line(ScriptedSink()) as line:
        await line.send(Log(line.services.wall_clock() - 5_000_000_000, "old"))
    lags = [value for metric, _, value in line.services.telemetry.values() if "lag" in metric.name]
    assert 5 <= lags[0] < 60

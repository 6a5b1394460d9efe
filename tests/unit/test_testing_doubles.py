"""The doubles of the kit behave as what they stand for."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import msgspec
import pytest

from penstock.api import (
    BatchSettings,
    Gap,
    Outcome,
    RejectedError,
    Report,
    RetryableError,
    Secret,
    Source,
)
from penstock.api.settings import RetrySettings
from penstock.config.plan import PipelinePlan, Plan, SinkPlan, SourcePlan
from penstock.delivery.governor import Governor
from penstock.delivery.ledger import Ledger
from penstock.runtime import Runtime
from penstock.testing import (
    ManualClock,
    MemoryDestination,
    MemoryOrigin,
    MemorySink,
    MemorySource,
    RecordingOutlet,
    batch,
    configured,
    lines,
    log,
    one_of_each,
    resource,
)

# --- the outlet ----------------------------------------------------------------------------


async def test_an_outlet_records_in_order() -> None:
    outlet = RecordingOutlet()
    await outlet.send(batch(["one", log("two", "stderr")]), lane="a", position={"line": 2})
    await outlet.send(batch(["three"]), lane="b")
    assert outlet.lines() == ["one", "two", "three"]
    assert outlet.lines("stderr") == ["two"]
    assert outlet.lines(lane="b") == ["three"]
    assert [(sent.lane, sent.position) for sent in outlet.sent] == [("a", {"line": 2}), ("b", None)]


async def test_positions_are_committed_in_order_once_settled() -> None:
    class Position(msgspec.Struct):
        line: int

    outlet = RecordingOutlet({"a": Position(1)})
    assert outlet.position("a") == {"line": 1}
    assert outlet.position("b") is None
    receipts = [
        await outlet.send(batch(["x"]), lane="a", position=Position(line)) for line in (2, 3)
    ]
    receipts[1].retain()
    outlet.settle_all()
    assert outlet.committed == {"a": {"line": 2}}
    assert outlet.position("a") == {"line": 2}
    receipts[1].release()
    await receipts[1].settled()
    assert outlet.committed == {"a": {"line": 3}}


async def test_a_full_outlet_has_senders_wait_in_turn() -> None:
    outlet = RecordingOutlet(capacity=1)
    await outlet.send(batch(["first"]))
    senders = [asyncio.create_task(outlet.send(batch([text]))) for text in ("second", "third")]
    await outlet.until(lambda: outlet.waiting == 2)
    assert outlet.lines() == ["first"]
    outlet.settle()
    await outlet.until_lines(2)
    assert (outlet.lines(), outlet.waiting) == (["first", "second"], 1)
    outlet.open()
    await asyncio.gather(*senders)
    assert outlet.lines() == ["first", "second", "third"]
    assert outlet.most_held == 2


async def test_a_cancelled_sender_is_not_recorded() -> None:
    outlet = RecordingOutlet(capacity=0)
    sender = asyncio.create_task(outlet.send(batch(["never"])))
    await outlet.until(lambda: outlet.waiting)
    sender.cancel()
    await asyncio.wait([sender])
    outlet.open()
    await outlet.send(batch(["later"]))
    assert (outlet.lines(), outlet.waiting) == (["later"], 0)


async def test_an_outlet_refuses_positions_that_cannot_be_stored() -> None:
    outlet = RecordingOutlet()
    with pytest.raises(TypeError):
        await outlet.send(batch(["x"]), position=object())
    assert outlet.sent == []


async def test_gaps_duplicates_and_retired_lanes() -> None:
    web = resource("docker:web")
    outlet = RecordingOutlet(settle=True)
    await outlet.send(batch(["x"], web), lane="web", position=7)
    await outlet.lost(web, "rotated", lane="web", start=5, end=9, count=3, stream="stdout")
    outlet.duplicates(web, 2)
    outlet.duplicates(web, 3)
    (loss,) = outlet.gaps
    assert (loss.lane, loss.resource, loss.gap.reason) == ("web", web, "rotated")
    assert (loss.gap.from_unix_nano, loss.gap.to_unix_nano, loss.gap.count) == (5, 9, 3)
    assert outlet.duplicate_counts == {"docker:web": 5}
    assert outlet.committed == {"web": 7}
    outlet.retire("web")
    assert (outlet.retired, outlet.committed) == (["web"], {})


# --- the clock -----------------------------------------------------------------------------


async def test_a_manual_clock_moves_by_sleeping() -> None:
    clock = ManualClock(monotonic=10, wall_unix_nano=5_000_000_000)
    await clock.sleep(2.5)
    assert (clock(), clock.time_ns(), clock.time()) == (12.5, 7_500_000_000, 7.5)
    clock.step_wall(-7)
    assert (clock.monotonic(), clock.time_ns()) == (12.5, 500_000_000)
    assert clock.slept == [2.5]
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


async def test_sleepers_wake_when_their_time_has_come() -> None:
    clock = ManualClock(automatic=False)
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleeper(name, s)) for name, s in (("late", 3), ("soon", 1))]
    await asyncio.sleep(0)
    clock.advance(1)
    await asyncio.wait([tasks[1]])
    assert woken == ["soon"]
    clock.advance(2)
    await asyncio.gather(*tasks)
    assert woken == ["soon", "late"]


def test_core_takes_the_clock() -> None:
    clock = ManualClock()
    governor = Governor(RetrySettings(initial_backoff_ms=500), clock=clock, jitter=lambda: 1.0)
    assert governor.failed() == 0.5
    assert governor.circuit == "open"
    clock.advance(0.5)
    assert governor.circuit == "half-open"


# --- source and sink in the real engine ----------------------------------------------------


async def run_to_the_end(name: str) -> Ledger:
    """Run a memory source into a memory sink, as a process would, and return the ledger."""
    source = SourcePlan(
        table="sources.memory", component=MemorySource, config=MemorySource.Config(origin=name)
    )
    sink = SinkPlan(
        table="sinks.memory",
        component=MemorySink,
        config=MemorySink.Config(destination=name),
        batch=BatchSettings(max_wait_ms=0),
        retry=RetrySettings(initial_backoff_ms=1, max_backoff_ms=5),
    )
    pipeline = PipelinePlan(name="main", sources=("memory",), sinks=("memory",))
    runtime = Runtime(
        Plan(sources={"memory": source}, sinks={"memory": sink}, pipelines={"main": pipeline})
    )
    assert await runtime.main() == 0
    return runtime.services.ledger


async def test_lines_go_from_origin_to_destination() -> None:
    origin, destination = MemoryOrigin.named("way"), MemoryDestination.named("way")
    origin.write([f"web {number}" for number in range(250)], "web")
    origin.write(["db 0", "db 1"], "db")
    origin.end()
    await run_to_the_end("way")
    assert destination.lines("memory:web") == [f"web {number}" for number in range(250)]
    assert destination.lines("memory:db") == ["db 0", "db 1"]


async def test_a_destination_fails_as_told_and_loses_nothing() -> None:
    origin, destination = MemoryOrigin.named("faults"), MemoryDestination.named("faults")
    origin.write([f"line {number}" for number in range(10)])
    origin.end()
    destination.fail(RetryableError("down", retry_after=0.001), times=2)
    destination.refuse(lambda event: event.body == "line 3", "too long")  # type: ignore[union-attr]
    destination.postpone(lambda event: event.body == "line 5")  # type: ignore[union-attr]
    ledger = await run_to_the_end("faults")
    assert destination.lines() == [f"line {n}" for n in range(10) if n not in (3, 5)] + ["line 5"]
    outcomes = ledger.total("sinks.memory").outcomes
    assert outcomes[Outcome.DELIVERED, ""] == 9
    assert outcomes[Outcome.DEAD_LETTERED, "rejected"] == 1


async def test_a_rejecting_destination_has_the_event_found() -> None:
    origin, destination = MemoryOrigin.named("reject"), MemoryDestination.named("reject")
    origin.write([f"line {number}" for number in range(9)])
    origin.end()
    destination.reject(lambda event: event.body == "line 4")  # type: ignore[union-attr]
    await run_to_the_end("reject")
    assert destination.lines() == [f"line {number}" for number in range(9) if number != 4]


async def test_a_destination_that_hangs_goes_on_when_mended() -> None:
    destination = MemoryDestination.named("hang")
    sink = configured(MemorySink, {"destination": "hang"})
    destination.hang()
    write = asyncio.create_task(sink.write([batch(["x"])]))
    await destination.until(lambda: destination.writing)
    assert destination.lines() == []
    destination.mend()
    assert await write is None
    assert await destination.until_lines(1) == ["x"]


async def test_a_destination_raises_what_it_is_given() -> None:
    destination = MemoryDestination.named("raise")
    sink = configured(MemorySink, {"destination": "raise"})
    destination.fail(KeyError("undeclared"), times=1)
    with pytest.raises(KeyError):
        await sink.write([batch(["x"])])
    destination.reject(lambda event: True)
    with pytest.raises(RejectedError):
        await sink.write([batch(["x"])])
    destination.mend()
    destination.refuse(lambda event: True, "no")
    report = await sink.write([batch(["x"])])
    assert isinstance(report, Report)
    assert list(report.rejected.values()) == ["no"]
    assert destination.lines() == []


async def test_a_source_goes_on_from_a_position() -> None:
    origin = MemoryOrigin.named("position")
    origin.write([f"line {number}" for number in range(5)])
    origin.end()
    outlet = RecordingOutlet({"web": 3})
    await configured(MemorySource, {"origin": "position"}).run(outlet)
    assert outlet.lines() == ["line 3", "line 4"]
    outlet.settle_all()
    assert outlet.committed == {"web": 5}


async def test_a_source_fails_as_told_and_goes_on_where_it_was() -> None:
    origin = MemoryOrigin.named("failing")
    source: Source = configured(MemorySource, {"origin": "failing"})
    outlet = RecordingOutlet()
    origin.write(["one"])
    run = asyncio.create_task(source.run(outlet))
    await outlet.until_lines(1)
    origin.fail(RetryableError("gone"))
    with pytest.raises(RetryableError, match="gone"):
        await run
    origin.write(["two"])
    origin.end()
    await source.run(outlet)
    assert outlet.lines() == ["one", "two"]


# --- helpers -------------------------------------------------------------------------------


def test_builders() -> None:
    made = batch(["one", "two"])
    first, second = made.events
    assert lines([made, batch([log("three", "stderr", severity=17)])]) == ["one", "two", "three"]
    assert first.time_unix_nano < second.time_unix_nano
    assert made.size > 165 * 2
    assert len({type(event) for event in one_of_each()}) == 6
    assert isinstance(one_of_each()[-1], Gap)


def test_components_are_configured_from_a_table() -> None:
    class Keyed(MemorySink):
        class Config(MemorySink.Config, frozen=True, kw_only=True):
            key: Secret = Secret("")

    sink = configured(Keyed, {"key": "hunter2", "in_flight": 3})
    assert isinstance(sink.config, Keyed.Config)
    assert sink.config.key.reveal() == "hunter2"
    assert sink.in_flight == 3
    with pytest.raises(msgspec.ValidationError, match="in_fligth"):
        configured(Keyed, {"in_fligth": 3})


def test_the_doubles_need_no_pytest() -> None:
    code = "import sys, penstock.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

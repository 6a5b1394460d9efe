"""Stopping: everything that can be delivered is, and the rest is counted, within the deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from penstock.api import (
    Batch,
    BatchSettings,
    BufferSettings,
    Log,
    Outlet,
    Report,
    Resource,
    RetryableError,
    heap_size,
)
from penstock.testing import MemorySink, MemorySource
from tests.delivery.lab import Lab

SMALL = BufferSettings(max_memory_bytes=80_000)


def lines(count: int, prefix: str = "") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


class Stubborn(MemorySource):
    """Ignores that it is cancelled, and goes on sending."""

    name = "stubborn"
    let_go = False

    async def run(self, out: Outlet) -> None:
        position = 0
        while not type(self).let_go:
            try:
                position += 1
                logs = (Log(position, f"stubborn {position}"),)
                batch = Batch(Resource("stubborn"), logs, heap_size(logs))
                await out.send(batch, lane="s", position=position)
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue


class Window(MemorySink):
    """Its writes return once ``drain`` is called, or when ten are open."""

    name = "window"
    order = "stream"

    def __init__(self, config: MemorySink.Config) -> None:
        super().__init__(config)
        self.waiting: list[asyncio.Future[None]] = []

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        report = await super().write(batches)
        self.waiting.append(asyncio.get_running_loop().create_future())
        while len(self.waiting) >= 10:
            self.waiting.pop(0).set_result(None)
        await self.waiting[-1]
        return report

    async def drain(self) -> None:
        while self.waiting:
            self.waiting.pop(0).set_result(None)


# --- all goes well -------------------------------------------------------------------------


async def test_a_stop_delivers_what_is_under_way(lab: Lab) -> None:
    lab.settings("x", batch=BatchSettings(max_events=1000, max_wait_ms=60_000))
    lab.origin("a").write(lines(100))
    await lab.start(lab.plan(main="a > x y"))
    await lab.until(lambda: len(lab.lines("y")) == 100)
    assert lab.lines("x") == []
    assert await lab.stop() == 0
    assert lab.lines("x") == lines(100)
    assert lab.position("a") == 100
    for table in ("sources.a", "sinks.x", "sinks.y"):
        assert lab.journal.count(f"close {table}") == 1


async def test_a_stop_flushes_what_transforms_hold(lab: Lab) -> None:
    lab.origin("a").write(["a", " b", "c", "d"])
    await lab.start(lab.plan(main="a > pairs > pairs > x"))
    assert await lab.stop() == 0
    assert lab.lines("x") == ["a+ b+c+d"]
    lab.origin("b").write(["e", " f", "g"])
    await lab.start(lab.plan(main="b > join > pairs > x"))
    assert await lab.stop() == 0
    assert lab.lines("x")[1:] == ["e\n f+g"]
    assert lab.position("b") == 3


async def test_the_clock_flushes_while_it_runs(lab: Lab) -> None:
    lab.origin("a").write(["a", " b"])
    await lab.start(lab.plan(main="a > join > x"))
    await lab.destination("x").until_lines(1)
    assert lab.lines("x") == ["a\n b"]
    assert lab.position("a") == 2


async def test_the_end_of_input_drains_without_a_deadline(
    lab: Lab, waited: Callable[[], float]
) -> None:
    lab.drain_timeout_s = 1.0
    lab.origin("a").write(lines(50))
    lab.origin("a").end()
    lab.destination("x").slow(60)
    lab.settings("x", batch=BatchSettings(max_events=10, max_wait_ms=0), write_timeout_s=None)
    await lab.start(lab.plan(main="a > join > x"))
    assert await lab.ended(timeout=1000) == 0
    assert lab.lines("x") == lines(50)
    assert waited() >= 290


async def test_all_sources_have_to_end(lab: Lab) -> None:
    lab.origin("a").write(["1"])
    lab.origin("a").end()
    await lab.start(lab.plan(main="a b > x"))
    await asyncio.sleep(60)
    lab.origin("b").write(["2"])
    lab.origin("b").end()
    assert await lab.ended() == 0
    assert lab.lines("x") == ["1", "2"]


async def test_a_stop_during_the_drain_at_the_end_of_input_sets_a_deadline(
    lab: Lab, waited: Callable[[], float]
) -> None:
    lab.origin("a").write(lines(50))
    lab.origin("a").end()
    lab.destination("x").fail()
    await lab.start(lab.plan(main="a > x"))
    await asyncio.sleep(600)
    assert await lab.stop() == 1
    assert lab.counts("x") == {"abandoned": 50}
    assert 600 <= waited() <= 607


async def test_a_sink_with_a_window_is_told_that_no_more_will_come(
    lab: Lab, waited: Callable[[], float]
) -> None:
    lab.sinks["x"] = Window
    Window.in_flight = 64
    lab.settings("x", batch=BatchSettings(max_events=10, max_wait_ms=0), in_flight=64)
    lab.settings("x", destination=f"x {id(lab)}", order="stream", write_timeout_s=None)
    lab.destination("x")
    lab.origin("a").write(lines(500))
    lab.source_settings["a"] = {"batch_events": 10}
    await lab.start(lab.plan(main="a > x"))
    await lab.destination("x").until_lines(500)
    assert lab.position("a") == 410
    assert await lab.stop() == 0
    assert lab.position("a") == 500
    assert waited() < 1


# --- something is in the way ---------------------------------------------------------------


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("fault", ["fail", "hang", "retry_after", "closed"])
async def test_what_a_dead_sink_leaves_is_counted_exactly(
    lab: Lab, fault: str, in_flight: int, waited: Callable[[], float]
) -> None:
    lab.settings("x", buffer=SMALL, in_flight=in_flight, write_timeout_s=None, order="none")
    far = lab.destination("x")
    if fault == "fail":
        far.fail()
    elif fault == "hang":
        far.hang()
    elif fault == "retry_after":
        far.fail(RetryableError("throttled", retry_after=3600))
    else:
        far.open_failure = RetryableError("not there")
    for lane in "abcdefghijkl":
        lab.origin("a").write(lines(1000, lane), lane)
    runtime = await lab.start(lab.plan(main="a > grep > join > x y"))
    await asyncio.sleep(1)
    assert runtime.graph.sources["a"].outlet.blocked_on == "sinks.x"
    read = lab.services.ledger.received["sources.a"]
    assert await lab.stop() == 1
    assert 4 <= waited() <= 8
    assert lab.services.ledger.received["sources.a"] == read
    assert lab.counts("x") == {"abandoned": read}
    assert lab.counts("y") == {"delivered": read}
    assert lab.position("a", "a") is None
    assert lab.lines("x") == []


async def test_what_was_abandoned_is_read_again_at_the_next_start(lab: Lab) -> None:
    lab.settings("x", order="stream")
    lab.origin("a").write(lines(100))
    await lab.start(lab.plan(main="a > x"))
    await lab.destination("x").until_lines(100)
    lab.destination("x").fail()
    lab.origin("a").write(lines(50, "more "))
    await asyncio.sleep(1)
    assert await lab.stop() == 1
    lab.services.lanes.clear()  # A new process has none.
    lab.destination("x").mend()
    await lab.start(lab.plan(main="a > x"))
    assert await lab.stop() == 0
    assert lab.lines("x") == lines(100) + lines(50, "more ")


async def test_a_second_stop_ends_at_once(
    lab: Lab, waited: Callable[[], float], caplog: pytest.LogCaptureFixture
) -> None:
    lab.drain_timeout_s = 3600
    lab.destination("x").hang()
    lab.settings("x", write_timeout_s=None)
    lab.origin("a").write(lines(100))
    runtime = await lab.start(lab.plan(main="a > x y"))
    runtime.stop()
    await asyncio.sleep(10)
    assert lab.lines("y") == lines(100)
    runtime.stop()
    assert await lab.ended() == 1
    assert waited() < 12
    assert lab.counts("x") == {"abandoned": 100}
    assert "undeclared error" not in caplog.text
    assert lab.journal.count("close sinks.x") == 1


async def test_two_stops_at_once_still_close_everything(lab: Lab) -> None:
    class Slow(MemorySink):
        async def close(self) -> None:
            await asyncio.sleep(0.1)
            lab.journal.note(self, "closed")

    lab.sinks["x"] = Slow
    lab.settings("x", destination="nowhere")
    runtime = await lab.start(lab.plan(main="a > x y"))
    runtime.stop()
    runtime.stop()
    assert await lab.ended() == 0
    assert lab.journal.count("closed sinks.x") == 1
    assert lab.journal.count("close sources.a") == 1


async def test_a_close_that_hangs_or_raises_holds_up_no_stop(
    lab: Lab, waited: Callable[[], float]
) -> None:
    class Hanging(MemorySink):
        async def close(self) -> None:
            await asyncio.sleep(3600)

    class Raising(MemorySource):
        async def close(self) -> None:
            raise KeyError("a bug")

    lab.sinks["x"] = Hanging
    lab.sources["b"] = Raising
    lab.settings("x", destination=f"x {id(lab)}")
    lab.destination("x")
    lab.origin("a").write(lines(10))
    await lab.start(lab.plan(main="a b > x"))
    assert await lab.stop() == 0
    assert lab.lines("x") == lines(10)
    assert waited() < 7


async def test_a_source_that_ignores_its_cancellation_holds_up_no_stop(
    lab: Lab, waited: Callable[[], float]
) -> None:
    Stubborn.let_go = False
    lab.sources["s"] = Stubborn
    runtime = await lab.start(lab.plan(main="s > x"))
    await lab.destination("x").until_lines(10)
    assert await lab.stop() == 0
    assert waited() < 5
    read = lab.services.ledger.received["sources.s"]
    await asyncio.sleep(10)
    assert lab.services.ledger.received["sources.s"] == read
    assert lab.counts("x") == {"delivered": read}
    assert lab.position("s", "s") == read
    assert runtime.graph.sinks["x"].buffer.is_empty
    Stubborn.let_go = True
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        if task.get_name() == "sources.s":
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_a_write_that_ignores_its_cancellation_settles_nothing_afterwards(
    lab: Lab, in_flight: int
) -> None:
    let_go = asyncio.Event()
    ends: list[str] = []

    class Deaf(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            while not let_go.is_set():
                try:
                    await let_go.wait()
                except asyncio.CancelledError:
                    continue
            ends.append("returned")
            return None

    lab.sinks["x"] = Deaf
    lab.settings("x", destination="nowhere", in_flight=in_flight, write_timeout_s=None)
    lab.origin("a").write(lines(100))
    await lab.start(lab.plan(main="a > x"))
    assert await lab.stop() == 1
    assert lab.counts("x") == {"abandoned": 100}
    let_go.set()
    await lab.until(lambda: ends)
    await lab.pause()
    assert lab.counts("x") == {"abandoned": 100}
    assert lab.position("a") is None


async def test_a_write_that_swallows_its_cancellation_gets_no_other(lab: Lab) -> None:
    writes: list[int] = []

    class Swallowing(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            writes.append(len(batches))
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                await asyncio.sleep(0.01)
            return None

    lab.sinks["x"] = Swallowing
    lab.settings("x", destination="nowhere", write_timeout_s=None)
    lab.settings("x", batch=BatchSettings(max_events=10, max_wait_ms=0))
    lab.origin("a").write(lines(100))
    await lab.start(lab.plan(main="a > x"))
    assert await lab.stop() == 1
    assert lab.counts("x") == {"delivered": 10, "abandoned": 90}
    assert len(writes) == 1


async def test_a_drain_that_raises_is_said(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    class Ugly(Window):
        async def drain(self) -> None:
            await super().drain()
            raise KeyError("a bug")

    lab.sinks["x"] = Ugly
    lab.settings("x", destination="nowhere", in_flight=4, write_timeout_s=None)
    lab.origin("a").write(lines(5))
    await lab.start(lab.plan(main="a > x"))
    assert await lab.stop() == 0
    assert "drain failed" in caplog.text
    assert lab.counts("x") == {"delivered": 5}


async def test_a_sink_that_is_down_with_nothing_to_deliver_holds_up_no_stop(
    lab: Lab, waited: Callable[[], float]
) -> None:
    lab.destination("x").open_failure = RetryableError("not there")
    await lab.start(lab.plan(main="a > x"))
    await asyncio.sleep(100)
    assert await lab.stop() == 0
    assert waited() < 101


async def test_a_reload_during_the_drain_is_ignored(lab: Lab) -> None:
    lab.destination("x").slow(0.5)
    lab.origin("a").write(lines(10))
    runtime = await lab.start(lab.plan(main="a > x"))
    runtime.stop()
    lab.hang_up(lab.plan(main="b > y"))
    assert await lab.ended() == 0
    assert lab.lines("x") == lines(10)
    assert lab.journal.count("open sources.b") == 0

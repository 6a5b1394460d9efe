"""What keeps its order at the far end, while writes fail."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from penstock.api import Batch, BatchSettings, Context, Event, RejectedError, Report, RetryableError
from tests.delivery.line import Line, ScriptedSink
from tests.delivery.transforms import text

LANES = "abcd"


class Stream:
    """The far end of a stream: a connection, and a window of writes that have not returned.

    What is written arrives in order, or not at all. When the connection breaks, every open write
    fails: some of what it carried may have arrived. There is no new connection before all of
    them have returned, or a write that core had started meanwhile would overtake them.
    """

    def __init__(self, window: int = 1, break_after: Sequence[int] = ()) -> None:
        self.received: list[str] = []
        self.window = window
        self.open: list[asyncio.Future[None]] = []
        self.breaks = list(break_after)
        self.written = 0
        self.calls = 0
        self.is_broken = False

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        self.calls += 1
        try:
            return await self._write(batches)
        finally:
            self.calls -= 1
            self.is_broken = self.is_broken and self.calls > 0

    async def _write(self, batches: Sequence[Batch]) -> Report | None:
        if self.is_broken:
            raise RetryableError("connection lost")
        self.received += [text(event) for batch in batches for event in batch.events]
        self.written += 1
        mine = asyncio.get_running_loop().create_future()
        self.open.append(mine)
        if self.breaks and self.written >= self.breaks[0]:
            self.breaks.pop(0)
            self.is_broken = True
            self.end(RetryableError("connection lost"))
        while len(self.open) > self.window:
            self.open.pop(0).set_result(None)
        await mine
        return None

    def end(self, error: Exception | None = None) -> None:
        """Have all open writes return, or fail."""
        for one in self.open:
            if error:
                one.set_exception(error)
            else:
                one.set_result(None)
        self.open.clear()


class StreamSink(ScriptedSink):
    """A sink on a stream: ``drain`` has its window return."""

    def __init__(self, far: Stream, **settings: object) -> None:
        super().__init__(far.write, order="stream", write_timeout_s=None, **settings)
        self.far = far

    async def drain(self) -> None:
        await super().drain()
        self.far.end()


def first_times(lines: list[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def per_lane(lines: list[str]) -> dict[str, list[str]]:
    return {lane: [line for line in lines if line[0] == lane] for lane in LANES}


async def feed(line: Line, count: int, lanes: str = LANES) -> list[str]:
    """Send lines of several lanes, letting the sink work in between."""
    sent = []
    for number in range(count):
        lane = lanes[number % len(lanes)]
        sent.append(f"{lane}{number}")
        await line.send(sent[-1], lane=lane, position=number)
        if number % 3 == 0:
            await asyncio.sleep(0)
    return sent


# --- stream --------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [0, 1, 3, 7])
@pytest.mark.parametrize("in_flight", [8, 64])
async def test_a_stream_is_sent_again_in_order_from_the_first_that_failed(
    window: int, in_flight: int
) -> None:
    far = Stream(window, break_after=[1, 5, 6, 20, 21, 22, 50])
    sink = StreamSink(far, in_flight=in_flight)
    async with Line(sink, batch=BatchSettings(max_events=2, max_wait_ms=0)) as line:
        sent = await feed(line, 200)
    assert first_times(far.received) == sent
    assert sink.delivered == sent
    assert line.counts() == {"delivered": 200}
    assert not far.breaks


async def test_a_window_that_returns_late_does_not_stop_the_stream() -> None:
    far = Stream(window=3)
    sink = StreamSink(far, in_flight=4)
    async with Line(sink, batch=BatchSettings(max_events=1, max_wait_ms=0)) as line:
        sent = await feed(line, 50)
        while len(sink.delivered) < 47:
            await asyncio.sleep(0)
        assert sink.drains == 0
    assert sink.drains == 1
    assert far.received == sent


async def test_a_window_as_large_as_open_bytes_does_not_stop_the_stream() -> None:
    far = Stream(window=1000)
    sink = StreamSink(far, in_flight=1000, context=Context(open_bytes=2000))

    async def write(batches: Sequence[Batch]) -> Report | None:
        mine = sum(batch.size for batch in batches)
        while (len(far.open) + 1) * mine >= sink.context.open_bytes:
            far.open.pop(0).set_result(None)
        return await far.write(batches)

    sink.script = write
    async with Line(sink, batch=BatchSettings(max_events=1, max_wait_ms=0)) as line:
        sent = await feed(line, 200)
        while len(sink.delivered) < 180:
            await asyncio.sleep(0)
        assert sink.drains == 0
    assert far.received == sent


async def test_one_failure_in_a_window_does_not_wait_for_itself() -> None:
    """Those behind it return only after later ones, and none may start before they have."""
    far = Stream(window=3)
    sink = StreamSink(far, in_flight=8)
    fails = True

    async def write(batches: Sequence[Batch]) -> Report | None:
        nonlocal fails
        if fails and "a4" in sink.writes[-1]:
            fails = False
            await asyncio.sleep(0.01)
            raise RetryableError("only this one")
        return await far.write(batches)

    sink.script = write
    async with Line(sink, batch=BatchSettings(max_events=1, max_wait_ms=0)) as line:
        sent = await feed(line, 40, lanes="a")
        while len(sink.delivered) < 36:
            await asyncio.sleep(0)
    assert sorted(sink.delivered) == sorted(sent)


async def test_a_stream_of_one_write_at_a_time_keeps_its_order() -> None:
    far = Stream(0, break_after=[1, 3, 4, 10])
    sink = StreamSink(far)
    async with Line(sink) as line:
        sent = await feed(line, 60)
    assert first_times(far.received) == sent


async def test_a_refused_event_does_not_disturb_a_streams_order() -> None:
    sink = ScriptedSink(order="stream")

    async def write(batches: Sequence[Batch]) -> Report | None:
        if any("13" in text(event) for batch in batches for event in batch.events):
            raise RejectedError("thirteen")
        return None

    sink.script = write
    async with Line(sink, batch=BatchSettings(max_events=10, max_wait_ms=0)) as line:
        sent = await feed(line, 40)
    assert sink.delivered == [one for one in sent if "13" not in one]
    assert line.letters() == ["b13"]


# --- resource, none ------------------------------------------------------------------------


class Moody:
    """Fails, refuses or postpones at random, and takes its time."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.received: list[str] = []
        self.held: set[str] = set()
        self.overlaps = 0

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        events = [event for batch in batches for event in batch.events]
        origins = {batch.resource.origin for batch in batches}
        self.overlaps += bool(origins & self.held)
        self.held |= origins
        try:
            await asyncio.sleep(self.random.choice([0, 0, 0.001]))
            return self._answer(events)
        finally:
            self.held -= origins

    def _answer(self, events: list[Event]) -> Report | None:
        mood = self.random.random()
        if mood < 0.2:
            raise RetryableError("not now")
        if mood < 0.25:
            raise KeyError("a bug")
        if mood < 0.3 and len(events) > 1:
            raise RejectedError("too many")
        cut = self.random.randrange(len(events)) if mood < 0.5 else len(events)
        self.received += [text(event) for event in events[:cut]]
        return Report(retry=events[cut:]) if cut < len(events) else None


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("in_flight", [1, 4])
async def test_each_resource_keeps_its_order(seed: int, in_flight: int) -> None:
    far = Moody(seed)
    sink = ScriptedSink(far.write, order="resource", in_flight=in_flight)
    async with Line(sink, batch=BatchSettings(max_events=8, max_wait_ms=0)) as line:
        sent = await feed(line, 200)
    assert per_lane(far.received) == per_lane(sent)
    assert far.overlaps == 0
    assert line.counts() == {"delivered": 200}


@pytest.mark.parametrize("seed", range(4))
async def test_without_order_all_arrive_once(seed: int) -> None:
    far = Moody(seed)
    sink = ScriptedSink(far.write, order="none", in_flight=4)
    async with Line(sink, batch=BatchSettings(max_events=8, max_wait_ms=0)) as line:
        sent = await feed(line, 200)
    assert sorted(far.received) == sorted(sent)
    assert line.counts() == {"delivered": 200}


async def test_a_resource_that_is_stuck_holds_up_no_other() -> None:
    failures = iter(range(4))

    async def write(batches: Sequence[Batch]) -> Report | None:
        if batches[0].resource.origin == "test:a" and next(failures, None) is not None:
            raise RetryableError("not this one", retry_after=0.005)
        return None

    sink = ScriptedSink(write, order="resource", in_flight=2)
    async with Line(sink, batch=BatchSettings(max_events=1, max_wait_ms=0)) as line:
        sent = await feed(line, 40)
    assert set(sink.delivered[:3]) == {"b1", "c2", "d3"}
    assert per_lane(sink.delivered) == per_lane(sent)


async def test_without_order_later_writes_overtake_one_that_fails() -> None:
    fails = True

    async def write(batches: Sequence[Batch]) -> Report | None:
        if fails and text(batches[0].events[0]) == "a0":
            raise RetryableError("not this one")
        return None

    sink = ScriptedSink(write, order="none", in_flight=2)
    async with Line(sink, batch=BatchSettings(max_events=1, max_wait_ms=0)) as line:
        await feed(line, 3, lanes="a")
        async with asyncio.timeout(10):
            while len(sink.delivered) < 2:
                await asyncio.sleep(0.001)
        fails = False
    assert sink.delivered == ["a1", "a2", "a0"]

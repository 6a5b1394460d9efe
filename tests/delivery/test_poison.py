"""One event that a destination never takes stops no sink; an outage buries nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from penstock.api import Batch, BatchSettings, Outcome, Report, RetryableError
from tests.delivery.line import Line, ScriptedSink
from tests.delivery.transforms import text


class Destination:
    """Fails on every write that holds poison, and on others as often as a test says."""

    def __init__(self, seed: int = 0, failure_rate: float = 0.0) -> None:
        self.random = random.Random(seed)
        self.failure_rate = failure_rate
        self.is_down = False
        self.calls = 0

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        self.calls += 1
        await asyncio.sleep(0)
        if self.is_down or self.random.random() < self.failure_rate:
            raise RetryableError("unavailable")
        if any("poison" in text(event) for batch in batches for event in batch.events):
            raise RetryableError("internal error")
        return None


async def feed(line: Line, sink: ScriptedSink, lines: Sequence[str], lanes: str) -> None:
    """Send line by line, no faster than the sink can take a good part of them."""
    for number, one in enumerate(lines):
        await line.send(one, lane=lanes[number % len(lanes)], position=number)
        if number % 5 == 0:
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("order", ["resource", "none"])
async def test_poison_is_found_and_buried(order: str, in_flight: int) -> None:
    far = Destination()
    sink = ScriptedSink(far.write, order=order, in_flight=in_flight)
    lines = [f"poison {number}" if number in (17, 118) else str(number) for number in range(300)]
    async with Line(sink, batch=BatchSettings(max_events=16, max_wait_ms=0)) as line:
        await feed(line, sink, lines, "abcdef")
    assert sorted(line.letters()) == ["poison 118", "poison 17"]
    assert line.reasons(Outcome.DEAD_LETTERED) == {"poison": 2}
    assert line.counts() == {"delivered": 298, "dead_lettered": 2}
    assert line.position("a") == 294


async def test_poison_in_a_stream_is_found_where_later_writes_come_through() -> None:
    far = Destination()
    sink = ScriptedSink(far.write, order="stream", in_flight=4)
    lines = [f"poison {number}" if number == 17 else str(number) for number in range(100)]
    async with Line(sink, batch=BatchSettings(max_events=4, max_wait_ms=0)) as line:
        await feed(line, sink, lines, "a")
    assert line.letters() == ["poison 17"]
    assert line.counts() == {"delivered": 99, "dead_lettered": 1}


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("order", ["stream", "resource", "none"])
async def test_an_outage_buries_nothing(order: str, in_flight: int) -> None:
    far = Destination()
    sink = ScriptedSink(far.write, order=order, in_flight=in_flight)
    async with Line(sink, batch=BatchSettings(max_events=8, max_wait_ms=0)) as line:
        for _ in range(4):
            await feed(line, sink, [str(number) for number in range(20)], "abcd")
            far.is_down = True
            await feed(line, sink, [str(number) for number in range(20)], "abcd")
            calls = far.calls
            async with asyncio.timeout(10):
                while far.calls < calls + 40:
                    await asyncio.sleep(0.001)
            far.is_down = False
    assert line.counts() == {"delivered": 160}


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("order", ["stream", "resource", "none"])
@pytest.mark.parametrize("failure_rate", [0.5, 0.8])
async def test_a_flaky_destination_buries_nothing(
    order: str, in_flight: int, failure_rate: float
) -> None:
    far = Destination(seed=in_flight, failure_rate=failure_rate)
    sink = ScriptedSink(far.write, order=order, in_flight=in_flight)
    async with Line(sink, batch=BatchSettings(max_events=8, max_wait_ms=0)) as line:
        await feed(line, sink, [str(number) for number in range(100)], "abcd")
    assert line.counts() == {"delivered": 100}


async def test_a_long_outage_is_no_evidence_once_another_comes_through() -> None:
    """Sixty failures, one success of another, one more failure: that says nothing of the event."""
    failures = iter(range(61))

    async def write(batches: Sequence[Batch]) -> Report | None:
        if text(batches[0].events[0]) == "a" and next(failures, None) is not None:
            raise RetryableError("down")
        return None

    sink = ScriptedSink(write)
    async with Line(sink, batch=BatchSettings(max_events=1, max_wait_ms=0)) as line:
        await line.send("a", lane="a")
        async with asyncio.timeout(10):
            while len(sink.writes) < 60:
                await asyncio.sleep(0.001)
        await line.send("b", lane="b")
    assert sink.delivered == ["b", "a"]
    assert next(failures, None) is None


async def test_a_few_failures_divide_nothing_however_many_others_come_through() -> None:
    failures = iter(range(4))
    others = 0

    async def write(batches: Sequence[Batch]) -> Report | None:
        nonlocal others
        if text(batches[0].events[0]) != "a":
            others += 1
            return None
        enough = others + 300
        while others < enough:
            await asyncio.sleep(0.001)
        if next(failures, None) is not None:
            raise RetryableError("now and then")
        return None

    sink = ScriptedSink(write, order="none", in_flight=2)
    async with Line(sink, batch=BatchSettings(max_events=2, max_wait_ms=0)) as line:
        await line.send("a", "b")
        for number in range(1600):
            await line.send(str(number), lane="other")
            await asyncio.sleep(0.001)
    assert [one for one in sink.writes if "a" in one] == [["a", "b"]] * 5
    assert line.counts() == {"delivered": 1602}


async def test_what_makes_progress_is_never_divided() -> None:
    async def write(batches: Sequence[Batch]) -> Report | None:
        await asyncio.sleep(0.01)
        events = [event for batch in batches for event in batch.events]
        return Report(retry=events[1:]) if text(events[-1]) == "last" else None

    sink = ScriptedSink(write, order="none", in_flight=2)
    async with Line(sink, batch=BatchSettings(max_events=20, max_wait_ms=0)) as line:
        await line.send(*map(str, range(19)), "last")
        while "last" not in sink.delivered:
            await line.send("other", lane="b")
            await asyncio.sleep(0.002)
    assert [len(one) for one in sink.writes if one[-1] == "last"] == [*range(20, 0, -1)]


async def test_a_suspect_is_not_divided_further_in_an_outage() -> None:
    sink = ScriptedSink(order="none", in_flight=2)
    is_down = False

    async def write(batches: Sequence[Batch]) -> Report | None:
        nonlocal is_down
        is_down = is_down or len(sink.writes[-1]) == 32
        if is_down or "poison" in sink.writes[-1]:
            raise RetryableError("unavailable")
        return None

    sink.script = write
    async with Line(sink, batch=BatchSettings(max_events=64, max_wait_ms=0)) as line:
        await line.send("poison", *["a"] * 63)
        while not is_down:
            await line.send("other", lane="b")
            await asyncio.sleep(0.001)
        calls = len(sink.writes)
        while len(sink.writes) < calls + 100:
            await asyncio.sleep(0.001)
        assert min(len(one) for one in sink.writes if "poison" in one) >= 16
        sink.script = None
    assert line.counts() == {"delivered": len(sink.delivered)}


async def test_a_single_poison_event_is_found_when_others_come_later() -> None:
    far = Destination()
    sink = ScriptedSink(far.write)
    async with Line(sink) as line:
        await line.send("poison", lane="a", position=1)
        await asyncio.sleep(0.05)
        assert line.counts() == {}
        for number in range(20):
            await line.send(str(number), lane="b")
            await asyncio.sleep(0.01)
    assert line.letters() == ["poison"]
    assert len(sink.delivered) == 20
    assert line.position() == 1

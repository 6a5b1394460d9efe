"""Writes that fail: tried again, timed out, given up only where somebody chose so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest

from penstock.api import (
    Batch,
    BatchSettings,
    Outcome,
    PluginError,
    RejectedError,
    Report,
    RetryableError,
)
from penstock.api.settings import RetrySettings
from penstock.telemetry import RETRIES
from penstock.testing import lines
from tests.delivery.line import QUICK, Line, ScriptedSink
from tests.delivery.transforms import text

ORDERS = ("stream", "resource", "none")


class Script:
    """Does one thing after the other, then delivers."""

    def __init__(self, *steps: Exception | Report | float | object) -> None:
        self.steps = list(steps)

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        if not self.steps:
            return None
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float):
            await asyncio.sleep(step)
            return None
        return step  # type: ignore[return-value]


def retries(line: Line, reason: str) -> float:
    return line.services.telemetry.value(RETRIES, ("sinks.0", "scripted", reason))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("in_flight", [1, 4])
async def test_what_fails_comes_again_until_it_is_delivered(order: str, in_flight: int) -> None:
    script = Script(*[RetryableError("down")] * 12)
    sink = ScriptedSink(script.write, order=order, in_flight=in_flight)
    async with Line(sink) as line:
        for lane in "abc":
            await line.send(lane, lane=lane, position=1)
            await asyncio.sleep(0)
    assert sorted(sink.delivered) == ["a", "b", "c"]
    assert line.counts() == {"delivered": 3}
    assert retries(line, "retryable") == 12
    assert line.position() == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionResetError("reset"), "os_error"),
        (OSError("no route"), "os_error"),
        (PluginError("broke its contract"), "plugin_error"),
        (ZeroDivisionError("a bug"), "plugin_error"),
        (asyncio.CancelledError(), "plugin_error"),
    ],
)
@pytest.mark.parametrize("in_flight", [1, 4])
async def test_whatever_a_sink_raises_its_events_come_again(
    error: BaseException, reason: str, in_flight: int
) -> None:
    failures = iter(range(2))

    async def write(batches: Sequence[Batch]) -> Report | None:
        if next(failures, None) is not None:
            raise error
        return None

    sink = ScriptedSink(write, in_flight=in_flight)
    async with Line(sink) as line:
        await line.send("a")
    assert sink.delivered == ["a"]
    assert line.counts() == {"delivered": 1}
    assert retries(line, reason) == 2


async def test_retry_after_is_waited_for(waited: Callable[[], float]) -> None:
    script = Script(RetryableError("throttled", retry_after=60))
    sink = ScriptedSink(script.write)
    async with Line(sink) as line:
        await line.send("a", lane="a")
        await asyncio.sleep(0.01)
        await line.send("b", lane="b")
        assert line.runner.governor.circuit == "open"
        await asyncio.sleep(50)
        assert sink.writes == [["a"]]
        await asyncio.sleep(20)
        assert sink.delivered == ["a", "b"]
    assert waited() < 80


async def test_backoff_is_shared_by_all_writes_to_a_destination() -> None:
    script = Script(RetryableError("throttled", retry_after=60))
    sink = ScriptedSink(script.write, order="none", in_flight=4)
    line = Line(sink)
    await line.start()
    await line.send("a")
    await asyncio.sleep(0.005)
    for lane in "bcd":
        await line.send(lane, lane=lane)
        await asyncio.sleep(0.002)
    assert sink.writes == [["a"]]
    assert await line.stop() == 4
    line.check()


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_a_write_that_takes_too_long_comes_again(in_flight: int) -> None:
    script = Script(60.0, 60.0)
    sink = ScriptedSink(script.write, write_timeout_s=0.01, in_flight=in_flight)
    async with Line(sink) as line:
        await line.send("a")
    assert sink.delivered == ["a"]
    assert len(sink.writes) == 3
    assert retries(line, "timeout") == 2


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_a_write_that_returns_when_its_time_is_up_has_delivered_nothing(
    in_flight: int,
) -> None:
    slow = iter(range(2))
    taken: list[str] = []

    async def write(batches: Sequence[Batch]) -> Report | None:
        if next(slow, None) is not None:
            with suppress(asyncio.CancelledError):  # As a client's own timeout may do.
                await asyncio.sleep(60)
            return None
        taken.extend(lines(batches))
        return None

    sink = ScriptedSink(write, write_timeout_s=0.01, in_flight=in_flight)
    async with Line(sink) as line:
        await line.send("a")
    assert taken == ["a"]
    assert line.counts() == {"delivered": 1}
    assert retries(line, "timeout") == 2


async def test_without_a_timeout_a_write_may_take_its_time() -> None:
    script = Script(0.05)
    sink = ScriptedSink(script.write, write_timeout_s=None)
    async with Line(sink) as line:
        await line.send("a")
    assert len(sink.writes) == 1


async def test_max_attempts_ends_it_with_a_dead_letter() -> None:
    script = Script(*[RetryableError("down")] * 3)
    retry = RetrySettings(max_attempts=3, initial_backoff_ms=1, max_backoff_ms=1)
    async with Line(ScriptedSink(script.write), retry=retry) as line:
        await line.send("a", "b", position=1)
        await asyncio.sleep(0.02)
        await line.send("c", position=2)
    assert line.letters() == ["a", "b"]
    assert line.reasons(Outcome.DEAD_LETTERED) == {"max_attempts": 2}
    assert line.runner.settling.dead_letters.letters[0].response == "retryable: down (3 attempts)"
    assert line.counts() == {"dead_lettered": 2, "delivered": 1}
    assert retries(line, "retryable") == 2
    assert line.position() == 2


async def test_max_attempts_bounds_a_plugins_own_errors_too() -> None:
    script = Script(*[KeyError("a bug")] * 2)
    retry = RetrySettings(max_attempts=2, initial_backoff_ms=1, max_backoff_ms=1)
    async with Line(ScriptedSink(script.write), retry=retry) as line:
        await line.send("a", "b")
    assert line.reasons(Outcome.DEAD_LETTERED) == {"max_attempts": 2}


async def test_an_undeclared_error_is_traced_to_the_event_that_brings_it() -> None:
    async def write(batches: Sequence[Batch]) -> Report | None:
        if any("bang" in text(event) for batch in batches for event in batch.events):
            raise KeyError("bang")
        return None

    sink = ScriptedSink(write)
    async with Line(sink) as line:
        await line.send(*map(str, range(10)), "bang", *map(str, range(10, 20)), position=1)
    assert sink.delivered == [str(number) for number in range(20)]
    assert line.letters() == ["bang"]
    assert line.runner.settling.dead_letters.letters[0].response == "KeyError: 'bang'"
    assert line.reasons(Outcome.DEAD_LETTERED) == {"plugin_error": 1}
    assert line.position() == 1


async def test_one_error_of_the_plugin_after_an_outage_buries_nothing() -> None:
    script = Script(*[RetryableError("down")] * 20, KeyError("a bug"))
    sink = ScriptedSink(script.write)
    async with Line(sink) as line:
        await line.send("a")
    assert sink.delivered == ["a"]


async def test_a_sink_that_only_raises_ends_too() -> None:
    async def write(batches: Sequence[Batch]) -> Report | None:
        raise KeyError("always")

    async with Line(ScriptedSink(write)) as line:
        await line.send("a", "b", "c", position=1)
    assert line.letters() == ["a", "b", "c"]
    assert line.position() == 1


async def test_an_answer_that_is_no_report_is_said_and_means_delivered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = ScriptedSink(Script(True, "ok").write)
    async with Line(sink) as line:
        await line.send("a")
        await asyncio.sleep(0.01)
        await line.send("b")
    assert line.counts() == {"delivered": 2}
    assert [one.getMessage() for one in caplog.records] == [
        "write returned True, which is not a Report"
    ]


# --- refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("bad", [{0}, {99}, {7, 8, 50}, set(range(100))], ids=len)
async def test_exactly_the_refused_events_are_dead_lettered(
    order: str, in_flight: int, bad: set[int]
) -> None:
    async def write(batches: Sequence[Batch]) -> Report | None:
        await asyncio.sleep(0)
        if any(int(text(event)) in bad for batch in batches for event in batch.events):
            raise RejectedError("bad event")
        return None

    sink = ScriptedSink(write, order=order, in_flight=in_flight)
    async with Line(sink, batch=BatchSettings(max_events=32, max_wait_ms=0)) as line:
        for start in range(0, 100, 10):
            lines = [str(number) for number in range(start, start + 10)]
            await line.send(*lines, lane="ab"[start // 10 % 2], position=start)
    good = [number for number in range(100) if number not in bad]
    assert sorted(map(int, sink.delivered)) == good
    assert sorted(map(int, line.letters())) == sorted(bad)
    assert line.reasons(Outcome.DEAD_LETTERED) == {"rejected": len(bad)}
    assert {one.response for one in line.runner.settling.dead_letters.letters} == {"bad event"}
    assert (line.position("a"), line.position("b")) == (80, 90)
    if order == "resource" or in_flight == 1:
        for lane in range(2):
            mine = [int(one) for one in sink.delivered if int(one) // 10 % 2 == lane]
            assert mine == sorted(mine)


async def test_a_refusal_costs_no_backoff() -> None:
    async def write(batches: Sequence[Batch]) -> Report | None:
        raise RejectedError("nothing is good")

    slow = RetrySettings(initial_backoff_ms=60_000, max_backoff_ms=60_000)
    async with Line(ScriptedSink(write), retry=slow) as line:
        await line.send(*map(str, range(20)))
    assert line.counts() == {"dead_lettered": 20}


async def test_a_report_settles_each_event_by_its_name() -> None:
    again: list[str] = []

    async def write(batches: Sequence[Batch]) -> Report | None:
        events = [event for batch in batches for event in batch.events]
        rejected = {event: "too old" for event in events if "bad" in text(event)}
        retry = [event for event in events if "later" in text(event) and text(event) not in again]
        again.extend(map(text, retry))
        return Report(rejected=rejected, retry=retry)

    sink = ScriptedSink(write)
    async with Line(sink) as line:
        receipts = [
            await line.send("a", "bad b", "later c", "d", position=1),
            await line.send("e", "f", position=2),
            await line.send("later g", "bad h", position=3),
            await line.send("bad i", position=4),
        ]
        for receipt in receipts:
            await asyncio.wait_for(receipt.settled(), 5)
        assert line.position() == 4
    assert sorted(sink.delivered) == ["a", "d", "e", "f", "later c", "later g"]
    assert line.letters() == ["bad b", "bad h", "bad i"]
    assert line.counts() == {"delivered": 6, "dead_lettered": 3}
    assert retries(line, "partial") == 1


async def test_a_report_cannot_settle_an_event_twice() -> None:
    async def write(batches: Sequence[Batch]) -> Report | None:
        (event,) = batches[0].events
        return Report(rejected={event: "no"}, retry=[event])

    async with Line(ScriptedSink(write)) as line:
        await line.send("a", position=1)
        await asyncio.sleep(0.01)
        assert line.position() == 1
    assert line.counts() == {"dead_lettered": 1}


async def test_a_report_may_ask_for_time() -> None:
    async def write(batches: Sequence[Batch]) -> Report | None:
        return Report(retry=batches[0].events, retry_after=60)

    line = Line(ScriptedSink(write))
    await line.start()
    await line.send("a")
    await asyncio.sleep(0.01)
    assert 50 < line.runner.governor.wait <= 60
    assert await line.stop() == 1
    line.check()


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_an_outage_told_by_reports_backs_off_and_buries_nothing(in_flight: int) -> None:
    calls = 0

    async def write(batches: Sequence[Batch]) -> Report | None:
        nonlocal calls
        calls += 1
        return Report(retry=[e for b in batches for e in b.events]) if calls < 60 else None

    sink = ScriptedSink(write, in_flight=in_flight, order="none")
    async with Line(sink, retry=QUICK) as line:
        for number in range(20):
            await line.send(str(number))
            await asyncio.sleep(0)
    assert line.counts() == {"delivered": 20}

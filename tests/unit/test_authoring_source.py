"""``@source`` over an async generator: batches, back-pressure, and the stop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.authoring_lab import STAMP, FileContract, OfFile, read

from penstock.api import (
    EMPTY,
    Batch,
    Context,
    Counter,
    Event,
    Gap,
    Log,
    Outlet,
    PluginError,
    Positioned,
    Resource,
    RetryableError,
    Source,
    event_id,
    heap_size,
    source,
)
from penstock.testing import RecordingOutlet, configured, log, one_of_each


@source(config=OfFile, requires_api="1.0")
async def follow(config: OfFile) -> AsyncIterator[Log]:
    """Read the same file, which could not be read again."""
    with Path(config.path).open("rb") as file:
        while True:
            for line in iter(file.readline, b""):
                text = line.removesuffix(b"\n").decode("utf-8", "replace")
                yield Log(STAMP, text)
            await asyncio.sleep(0.005)


class TestFollow(FileContract):
    reader = follow


def starting(component: Source, out: Outlet) -> asyncio.Task[None]:
    return asyncio.create_task(component.run(out))


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@source
async def hundred() -> AsyncIterator[Log]:
    """A hundred lines at once."""
    for number in range(100):
        yield Log(number + 1, f"line {number}")


async def test_the_end_of_the_generator_is_the_end_of_input() -> None:
    out = await read(hundred)
    assert out.lines() == [f"line {number}" for number in range(100)]
    assert len(out.sent) == 1, "what comes at once goes at once"
    assert out.sent[0].batch.size == heap_size(out.events())


async def test_it_is_what_its_function_says() -> None:
    assert (hundred.name, hundred.__doc__) == ("hundred", "A hundred lines at once.")
    assert (hundred.replayable, hundred.kinds) == (False, {Log})
    assert (follow.Config, hundred.Config) == (OfFile, Source.Config)


async def test_events_without_a_resource_get_that_of_the_table() -> None:
    made = configured(hundred)
    made.context = Context(table="sources.mine")
    out = RecordingOutlet()
    await made.run(out)
    of = out.sent[0].batch.resource
    assert (of.origin, dict(of.attributes)) == ("hundred:mine", {"service.name": "mine"})


async def test_all_that_may_be_yielded() -> None:
    web, db = Resource("test:web"), Resource("test:db")
    whole = Batch(db, (log("whole 1"), log("whole 2")), 400)

    @source
    async def everything() -> AsyncIterator[Event | tuple[Resource, Event] | Batch | None]:
        yield log("own")
        yield None
        yield web, log("web 1")
        yield Resource("test:web"), log("web 2")
        yield whole
        yield web, log("web 3")
        for event in one_of_each():
            yield event
        yield Resource("test:web", tags={"a": "b"}), log("web 4")

    out = await read(everything)
    expected = ["own", "web 1", "web 2", "whole 1", "whole 2", "web 3", "a line", "web 4"]
    assert out.lines() == expected
    batches = [sent.batch for sent in out.sent]
    assert [batch.resource.origin.partition(":")[2] for batch in batches] == [
        "everything",
        "web",
        "db",
        "web",
        "everything",
        "everything",
        "web",
    ]
    assert batches[1].resource is web, "an equal resource is the same one"
    assert batches[3].resource is web
    assert batches[2].events is whole.events
    assert batches[-1].resource.tags == {"a": "b"}, "another one is not"
    assert len({event_id("", event) for event in batches[4].events}) == 5


async def test_a_gap_is_said_as_lost() -> None:
    of = Resource("test:gap")

    @source
    async def gaps() -> AsyncIterator[tuple[Resource, Event]]:
        yield of, Gap(9, "gone", from_unix_nano=3, to_unix_nano=9, count=4, stream="stdout")
        yield of, log("after")

    out = await read(gaps)
    assert out.lines() == ["after"]
    assert len(out.sent) == 2
    (loss,) = out.gaps
    assert (loss.resource, loss.gap.reason, loss.gap.count) == (of, "gone", 4)
    assert (loss.gap.from_unix_nano, loss.gap.to_unix_nano, loss.gap.stream) == (3, 9, "stdout")


async def test_events_of_one_time_are_told_apart() -> None:
    @source
    async def same() -> AsyncIterator[Event]:
        for time_unix_nano in (5, 5, 6, 5, 6, 6):
            yield Log(time_unix_nano, "x")
        yield Counter(6, "y", ordinal=77)

    events = (await read(same)).events()
    assert len({event_id("", event) for event in events}) == 7
    assert [event.ordinal for event in events if type(event) is Counter] == [77]


async def test_a_live_event_goes_at_once_and_others_soon_after() -> None:
    door: asyncio.Queue[str] = asyncio.Queue()

    @source
    async def live() -> AsyncIterator[Log]:
        while True:
            yield Log(time.time_ns(), await door.get())

    out = RecordingOutlet(settle=True)
    task = starting(configured(live), out)
    door.put_nowait("first")
    await out.until_lines(1)
    for number in range(50):
        door.put_nowait(f"further {number}")
        await asyncio.sleep(0)
    await out.until_lines(51)
    assert len(out.sent) <= 3, "what comes while one batch is sent goes with the next"
    await stopped(task)


async def test_the_generator_waits_while_the_bus_is_full() -> None:
    came = 0

    @source
    async def eager() -> AsyncIterator[Log]:
        nonlocal came
        while True:
            came += 1
            yield Log(came, "x")
            await asyncio.sleep(0)

    out = RecordingOutlet(capacity=0)
    task = starting(configured(eager), out)
    await out.until(lambda: out.waiting)
    before = came
    for _ in range(100):
        await asyncio.sleep(0)
    assert came <= before + 1, "at most the one that was being waited for"
    out.open()
    await out.until_lines(2000)
    out.shut()
    await out.until(lambda: out.waiting)
    assert came <= len(out.events()) + 1001
    await stopped(task)


async def test_a_generator_that_never_waits_does_not_hold_up_others() -> None:
    @source
    async def endless() -> AsyncIterator[Log]:
        number = 0
        while True:
            number += 1
            yield Log(number, "x" * 1000)

    out = RecordingOutlet(settle=True)
    task = starting(configured(endless), out)
    await out.until_lines(5000)
    await stopped(task)
    assert max(sent.batch.size for sent in out.sent) <= 1_048_576 + 2000


async def test_what_came_before_an_error_is_sent() -> None:
    @source
    async def breaks() -> AsyncIterator[Log]:
        yield log("before")
        await asyncio.sleep(0.001)
        yield log("just before")
        raise ConnectionResetError("gone")

    out = RecordingOutlet()
    with pytest.raises(RetryableError, match="gone"):
        await configured(breaks).run(out)
    assert out.lines() == ["before", "just before"]


async def test_the_generator_is_closed_at_a_stop() -> None:
    ended: list[str] = []

    @source
    async def waits() -> AsyncIterator[Log]:
        try:
            yield log("x")
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            ended.append("at its await")

    @source
    async def yields() -> AsyncIterator[Log]:
        try:
            while True:
                yield log("y")
        finally:
            await asyncio.sleep(0)
            ended.append("at its yield")

    for made, out in ((waits, RecordingOutlet()), (yields, RecordingOutlet(capacity=0))):
        task = starting(configured(made), out)
        await out.until(lambda out=out: out.sent or out.waiting)  # type: ignore[misc]
        await stopped(task)
    assert ended == ["at its await", "at its yield"]


async def test_a_generator_that_ignores_its_cancellation_is_closed_all_the_same() -> None:
    @source
    async def stubborn() -> AsyncIterator[Log]:
        while True:
            yield log("x")
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    out = RecordingOutlet()
    task = starting(configured(stubborn), out)
    await out.until_lines(1)
    async with asyncio.timeout(10):
        await stopped(task)


async def test_what_cannot_be_read_again_is_handed_over_at_a_stop() -> None:
    out = RecordingOutlet(capacity=1)
    task = starting(configured(hundred), out)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    out.shut()
    await out.until(lambda: out.waiting)
    task.cancel()
    await asyncio.sleep(0.01)
    out.open()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(out.lines()) == 100


async def test_what_cannot_be_handed_over_at_a_stop_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = configured(hundred)
    made.context = Context(table="sources.mine", log=logging.getLogger("penstock.sources.mine"))
    out = RecordingOutlet(capacity=0)
    task = starting(made, out)
    await out.until(lambda: out.waiting)
    await stopped(task)
    (record,) = caplog.records
    assert record.getMessage() == (
        "100 events were read and could not be handed over before the stop"
    )


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("text", "yields str: it yields events"),
        ((Resource("a"), "text"), "yields a resource with str, not an event"),
        ((log("a"), Resource("a")), "yields tuple: it yields events"),
        (Positioned(log("x"), 1), "yields Positioned, but has no parameter `position`"),
    ],
    ids=["text", "text of a resource", "the other way round", "position"],
)
async def test_what_is_nothing_to_send_is_named(item: Any, said: str) -> None:
    @source
    async def wrong() -> AsyncIterator[Log]:
        yield log("before")
        yield item

    out = RecordingOutlet()
    with pytest.raises(PluginError) as raised:
        await configured(wrong).run(out)
    assert said in str(raised.value)
    assert "<locals>.wrong" in str(raised.value)
    assert out.lines() == ["before"]


async def _no_generator() -> Log:
    return log("x")


def _returns() -> list[Log]:
    return []


async def _two(a: int, b: int) -> AsyncIterator[Log]:
    yield log("x")


async def _unresolved(position: Missing | None) -> AsyncIterator[Log]:  # type: ignore[name-defined]  # noqa: F821
    yield log("x")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (_no_generator, "is no generator"),
        (_returns, "is no generator"),
        (EMPTY, "is no generator"),
        (_two, "settings come with @source(config="),
        (_unresolved, "the annotation of position cannot be resolved (name 'Missing'"),
    ],
)
def test_a_function_that_does_not_fit_is_named(function: Any, said: str) -> None:
    with pytest.raises(PluginError) as raised:
        source(function)
    assert said in str(raised.value)
    assert getattr(function, "__name__", "mapping") in str(raised.value)


def test_iterators_are_no_generator_functions() -> None:
    def lines() -> Iterator[Log]:
        return iter([])

    with pytest.raises(PluginError, match=r"lines is no generator"):
        source(lines)

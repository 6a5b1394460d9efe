"""Plugins that return and send what they should not: not believed, counted, and nobody harmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from penstock.api import (
    Batch,
    Event,
    Log,
    Outcome,
    Outlet,
    Report,
    Resource,
    RetryableError,
    heap_size,
)
from tests.delivery.bad import LINES, BadHolder, BadSink, BadSource, BadTransform, beside
from tests.delivery.lab import Lab

WRONG: dict[str, tuple[Callable[[Batch], Any], str]] = {
    "events": (lambda batch: list(batch.events), "it gave Log, not a Batch"),
    "nothing": (lambda batch: None, "it returned NoneType, not a Batch or several"),
    "text": (lambda batch: "text", "it gave str, not a Batch"),
    "number": (lambda batch: [3], "it gave int, not a Batch"),
    "lost": (lambda batch: replace(batch, events=batch.events[1:]), "1 events lost"),
    "made": (lambda batch: replace(batch, events=(*batch.events, Log(1, "x"))), "1 events made"),
    "no receipts": (lambda batch: replace(batch, trail=()), "a batch lost its receipts"),
    "no resource": (lambda batch: replace(batch, resource="web"), "has 'web' as its resource"),
    "no size": (lambda batch: replace(batch, size="big"), "has the size 'big': heap bytes"),
    "texts": (
        lambda batch: replace(batch, events=[one.body for one in batch.events]),  # type: ignore[union-attr]
        "a batch of it holds str, which is no event",
    ),
    "nothing at all": (lambda batch: Batch(None, None, 0), "NoneType"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("wrong", "words"), WRONG.values(), ids=WRONG)
async def test_a_transform_that_returns_something_else_is_refused(
    lab: Lab, wrong: Callable[[Batch], Any], words: str
) -> None:
    lab.transforms["bad"] = type("Wrong", (BadTransform,), {"apply": lambda self, one: wrong(one)})
    await beside(lab, bad="a > bad > x", sink="x")
    assert lab.counts("x") == {"dead_lettered": len(LINES)}
    letters = lab.runtime.graph.sinks["x"].settling.dead_letters.letters  # type: ignore[union-attr]
    assert {words in one.response for one in letters} == {True}


@pytest.mark.filterwarnings("ignore:coroutine")
async def test_an_apply_that_is_a_coroutine_is_refused(lab: Lab) -> None:
    class Awaited(BadTransform):
        async def apply(self, batch: Batch) -> Batch:  # type: ignore[override]
            return batch

    lab.transforms["bad"] = Awaited
    await beside(lab, bad="a > bad > x", sink="x")
    assert lab.counts("x") == {"dead_lettered": len(LINES)}


async def test_what_is_no_event_is_counted_as_such(lab: Lab) -> None:
    """Only the last of a batch is looked at before the sinks do."""

    class Texts(BadTransform):
        def apply(self, batch: Batch) -> Batch:
            texts = [one.body for one in batch.events]  # type: ignore[union-attr]
            return replace(batch, events=[*texts[:-1], batch.events[-1]])

    lab.transforms["bad"] = Texts
    lab.origin("a").write(LINES)
    await lab.start(lab.plan(bad="a > bad > x"))
    assert await lab.stop() == 0
    outcomes = lab.services.ledger.total("sinks.x").outcomes
    assert outcomes == {
        (Outcome.FILTERED, "kind: str, which is no event"): len(LINES) - 1,
        (Outcome.DELIVERED, ""): 1,
    }


@pytest.mark.parametrize("flushed", [None, "text", [3], [Batch(Resource("z"), (Log(1, "z"),), 9)]])
async def test_a_flush_that_returns_something_else_loses_nothing(lab: Lab, flushed: Any) -> None:
    fields = {"flush": lambda self, now, final: flushed}
    lab.transforms["bad"] = type("Wrong", (BadHolder,), fields)
    await beside(lab, bad="a > bad > x", sink="x")
    assert lab.counts("x") == {"dead_lettered": len(LINES)}


REPORTS: dict[str, Callable[[Sequence[Batch]], Any]] = {
    "rejected is a list": lambda batches: Report(rejected=[batches[0].events[0]]),  # type: ignore[arg-type]
    "retry is a number": lambda batches: Report(retry=3),  # type: ignore[arg-type]
    "retries strangers": lambda batches: Report(retry=[Log(1, "stranger")]),
    "rejects strangers": lambda batches: Report(rejected={Log(1, "stranger"): "no"}),
    "retries texts": lambda batches: Report(retry=["text"]),  # type: ignore[list-item]
    "retries lists": lambda batches: Report(retry=[[]]),  # type: ignore[list-item]
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
async def test_a_report_that_makes_no_sense_is_not_believed(
    lab: Lab, report: Callable[[Sequence[Batch]], Any]
) -> None:
    async def write(self: Any, batches: Sequence[Batch]) -> Any:
        return report(batches)

    lab.sinks["x"] = type("Wrong", (BadSink,), {"write": write})
    await beside(lab, bad="a > x", sink="x")
    assert lab.counts("x") == {"dead_lettered": len(LINES)}
    assert lab.letters("x") == LINES


@pytest.mark.parametrize("seconds", ["soon", float("nan"), -1e9, [3]])
async def test_a_wait_that_is_no_number_delays_nothing_for_ever(lab: Lab, seconds: Any) -> None:
    class Waiting(BadSink):
        answers: ClassVar[list[Any]] = [
            RetryableError("later", retry_after=seconds),
            Report(retry_after=seconds),
        ]

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            if type(self).answers and isinstance(answer := type(self).answers.pop(0), Exception):
                raise answer
            return None

    lab.sinks["x"] = Waiting
    await beside(lab, bad="a > x", sink="x")
    assert lab.counts("x") == {"delivered": len(LINES)}


async def test_a_sink_cannot_empty_the_list_it_was_given(lab: Lab) -> None:
    class Listing(BadTransform):
        def apply(self, batch: Batch) -> Batch:
            return replace(batch, events=list(batch.events))

    class Emptying(BadSink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            for batch in batches:
                batch.events.clear()  # type: ignore[attr-defined]
            return None

    lab.transforms["bad"], lab.sinks["x"] = Listing, Emptying
    await beside(lab, bad="a > bad > x", sink="x")
    assert lab.counts("x") == {"dead_lettered": len(LINES)}


@pytest.mark.parametrize("again", [True, False])
async def test_a_source_may_use_its_list_again(lab: Lab, again: bool) -> None:
    class Reusing(BadSource):
        replayable = again

        async def run(self, out: Outlet) -> None:
            events: list[Event] = []
            for line in LINES:
                events.append(Log(1, line))
                await out.send(Batch(Resource("z"), events, heap_size(events)))
                events.clear()

    lab.sources["b"] = Reusing
    await beside(lab, bad="b > x")
    assert lab.lines("x") == LINES


SENT: dict[str, Any] = {
    "text": "text",
    "nothing": None,
    "no resource": Batch(None, (Log(1, "a"),), 9),  # type: ignore[arg-type]
    "texts": Batch(Resource("z"), ("a", "b"), 9),  # type: ignore[arg-type]
    "negative": Batch(Resource("z"), (Log(1, "a"),), -9),
    "no size": Batch(Resource("z"), (Log(1, "a"),), "big"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
async def test_a_source_that_sends_something_else_harms_nobody_else(
    lab: Lab, sent: Any, again: bool
) -> None:
    class Sending(BadSource):
        replayable = again

        async def run(self, out: Outlet) -> None:
            await out.send(sent, position=1)

    lab.sources["b"] = Sending
    await beside(lab, bad="b > x")


@pytest.mark.parametrize("lane", [3, None, ("a",), []])
async def test_a_lane_that_is_no_text_harms_nobody_else(lab: Lab, lane: Any) -> None:
    class Sending(BadSource):
        async def run(self, out: Outlet) -> None:
            logs = (Log(1, "a"),)
            await out.send(Batch(Resource("z"), logs, heap_size(logs)), lane=lane, position=1)
            out.retire(lane)

    lab.sources["b"] = Sending
    await beside(lab, bad="b > x")


@pytest.mark.parametrize("returned", ["a value", 3])
async def test_a_run_that_returns_a_value_has_come_to_its_end(lab: Lab, returned: Any) -> None:
    class Returning(BadSource):
        async def run(self, out: Outlet) -> Any:
            return returned

    lab.sources["b"] = Returning
    await beside(lab, bad="b > x")

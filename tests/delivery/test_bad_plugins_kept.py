"""What plugins give and no disk can take: everybody else's state is written all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from msgspec.structs import replace

from penstock.api import (
    Batch,
    BufferSettings,
    Gauge,
    Log,
    Outlet,
    PluginError,
    Report,
    Resource,
)
from penstock.state import letters
from tests.delivery.bad import LINES, BadSink, BadSource, BadTransform
from tests.delivery.durable_lab import DurableLab

ENDLESS: dict[str, Any] = {}
ENDLESS["again"] = ENDLESS
GOOD = ("sources.g", "web")


def sending(batch: Batch, lane: Any = "l", position: object = 1) -> type[BadSource]:
    """Return a source that sends one batch."""

    class Sending(BadSource):
        async def run(self, out: Outlet) -> None:
            await out.send(batch, lane=lane, position=position)
            await asyncio.sleep(3600)

    return Sending


async def beside(durable: DurableLab, bad: str) -> None:
    """Run a good pipeline and a bad one for some seconds and end both."""
    durable.origin("g").write(LINES)
    durable.origin("a").write(LINES)
    await durable.start(durable.plan(good="g > y", bad=bad))
    await asyncio.sleep(5)
    assert durable.journal_of_state.trouble == ""
    assert await durable.stop() == 0


@pytest.mark.parametrize("why", [400, None, b"no"])
async def test_a_reason_that_is_no_text_is_kept_as_one(durable: DurableLab, why: Any) -> None:
    class Refusing(BadSink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            return Report(rejected={batches[0].events[0]: why})

    durable.sinks["x"] = Refusing
    await beside(durable, "a > x")
    (letter,) = await durable.disk.call(lambda c: letters.chosen(c, letters.Choice()))
    assert letter.response == str(why)
    kept = durable.shut()
    assert kept.positions == {GOOD: 20, ("sources.a", "web"): 20}


@pytest.mark.parametrize(
    ("batch", "lane"),
    [
        (Batch(Resource("o"), (Log(1, "x"),), 200), 5),
        (Batch(Resource(5), (Log(1, "x"),), 200), "l"),  # type: ignore[arg-type]
        (Batch(Resource("o"), (Log(None, "x"),), 200), "l"),  # type: ignore[arg-type]
        (Batch(Resource("o"), (Log("now", "x"),), 200), "l"),  # type: ignore[arg-type]
    ],
)
async def test_what_the_books_cannot_be_kept_by_is_turned_away_at_the_door(
    durable: DurableLab, batch: Batch, lane: Any, caplog: pytest.LogCaptureFixture
) -> None:
    durable.sources["a"] = sending(batch, lane)
    await beside(durable, "a > x")
    assert "a defect of its plugin" in caplog.text
    assert durable.outcomes("x") == {}
    assert durable.shut().positions == {GOOD: 20}


async def test_a_time_that_is_none_does_not_end_what_hands_on_an_intake(
    durable: DurableLab,
) -> None:
    class Sending(BadSource):
        async def run(self, out: Outlet) -> None:
            with suppress(PluginError):
                await out.send(Batch(Resource("o"), (Log(None, "x"),), 200))  # type: ignore[arg-type]
            await out.send(Batch(Resource("o"), (Log(1, "y"),), 200))
            await asyncio.sleep(3600)

    durable.sources["a"] = Sending
    plan = durable.plan(main="a > x")
    intake = replace(plan.sources["a"], buffer=Sending.default_buffer)
    await durable.start(replace(plan, sources={"a": intake}))
    await durable.destination("x").until_lines(1)
    assert await durable.stop() == 0
    assert durable.lines("x") == ["y"]


@pytest.mark.parametrize(
    "batch",
    [
        Batch(Resource("o", attributes="web"), (Log(1, "x"),), 200),  # type: ignore[arg-type]
        Batch(Resource("o", tags=None), (Log(1, "x"),), 200),  # type: ignore[arg-type]
        Batch(Resource("o"), (Log(1, "x", attributes=[1]), Log(2, "y")), 400),  # type: ignore[arg-type]
        Batch(Resource("o"), (Log(1, "x"), Log(2, "y", attributes=ENDLESS)), 400),
        Batch(Resource("o"), (Gauge(1, {"load": 0.5}), Log(2, "y")), 400),  # type: ignore[dict-item]
    ],
)
async def test_an_event_that_cannot_be_encoded_is_kept_as_text(
    durable: DurableLab, batch: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    durable.sources["a"] = sending(batch)
    durable.settings("x", buffer=BufferSettings(type="disk"), kinds=("log", "gauge"))
    durable.destination("x").hang()
    durable.drain_timeout_s = 1
    await beside(durable, "a > x")
    assert "is kept as text" in caplog.text
    kept = durable.shut()
    assert kept.positions == {GOOD: 20, ("sources.a", "l"): 1}
    assert len(kept.lines["sinks.x"]) == len(batch.events)
    durable.destination("x").mend()
    durable.boot()
    await durable.start(durable.plan(main="g > x"))
    assert await durable.stop() == 0
    assert len(durable.destination("x").received) == len(batch.events)


async def test_a_rule_and_a_position_that_cannot_be_encoded_stop_nothing(
    durable: DurableLab,
) -> None:
    class Naming(BadTransform):
        def apply(self, batch: Batch) -> Batch:
            return self.keep(batch, batch.events[:-1], "caf\udce9")

    batch = Batch(Resource("o"), (Log(1, "x"), Log(2, "y")), 400)
    durable.sources["a"] = sending(batch, position=ENDLESS)
    durable.transforms["name"] = Naming
    await beside(durable, "a > name > x")
    assert durable.outcomes("x") == {"filtered transforms.name: caf\udce9": 1, "delivered": 1}
    assert durable.shut().positions == {GOOD: 20}
    durable.boot()
    assert durable.outcomes("x") == {"filtered transforms.name: caf\\udce9": 1, "delivered": 1}

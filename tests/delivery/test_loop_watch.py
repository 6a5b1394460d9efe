"""Who keeps the event loop from coming round is named, and the time is counted."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence

import pytest

from penstock.api import Batch, Outlet, Report, Source, Transform
from penstock.telemetry import LOOP_BLOCKED
from penstock.testing import MemorySink
from penstock.watch.loop import LoopWatch, Patience
from tests.delivery.lab import Lab

SHORT = Patience(interval=0.05, patience=0.2, tell_after=0.5, again=60)
BLOCKED_S = 0.7


def doze() -> None:
    time.sleep(BLOCKED_S)


def calculate() -> None:
    """Hold the interpreter's lock, as a badly written pattern does: no thread gets a turn."""
    end = time.monotonic() + BLOCKED_S
    while time.monotonic() < end:
        sum(range(20_000_000))


def listen() -> None:
    """Wait with a selector of its own, which looks much like the loop's."""
    subprocess.run(["sleep", str(BLOCKED_S)], capture_output=True, check=True)


class Switch:
    """Does something each time that it is asked, while it is on."""

    def __init__(self, what: Callable[[], None], *, on: bool = False) -> None:
        self.what = what
        self.on = on

    def __call__(self) -> None:
        if self.on:
            self.what()


class BlockingSink(MemorySink):
    name = "blocking"
    what: Switch

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        self.what()
        return await super().write(batches)


class BlockingTransform(Transform):
    name = "blocking"
    what: Switch

    def apply(self, batch: Batch) -> Batch | Iterable[Batch]:
        self.what()
        return batch


class BlockingSource(Source):
    name = "blocking"
    what: Switch

    async def run(self, out: Outlet) -> None:
        while True:
            self.what()
            await asyncio.sleep(0.01)


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What was said of the loop: by whom, and what."""
    return [(one.name, one.getMessage()) for one in caplog.records if "event loop" in one.message]


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("sinks", doze),
        ("transforms", doze),
        ("sources", doze),
        ("sinks", calculate),
        ("transforms", listen),
    ],
)
async def test_a_component_that_blocks_is_named(
    lab: Lab, kind: str, what: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    switch = Switch(what)
    lab.sinks["bad"] = type("It", (BlockingSink,), {"what": switch})
    lab.transforms["bad"] = type("It", (BlockingTransform,), {"what": switch})
    lab.sources["bad"] = type("It", (BlockingSource,), {"what": switch})
    plan = {"sinks": "a > bad", "transforms": "a > bad > x", "sources": "bad > x"}[kind]
    runtime = await lab.start(lab.plan(good="g > y", other=plan))
    with LoopWatch(runtime.packages, lab.services.telemetry, SHORT):
        switch.on = True
        blocked = await feed_until_blocked(lab, f"{kind}.bad")
        switch.on = False
        lab.origin("g").write(["1"])
        await lab.until(lambda: lab.lines("y") == ["1"])
    name, text = said(caplog)[0]
    assert name == f"penstock.{kind}.bad"
    assert f"s, and nothing else ran: {what.__name__}, delivery/test_loop_watch.py:" in text
    assert blocked >= SHORT.patience


async def feed_until_blocked(lab: Lab, table: str) -> float:
    """Write lines until time is counted for a table: a busy machine may keep the watch waiting."""
    for number in range(1000):
        lab.origin("a").write([f"{number}"])
        await lab.pause()
        if blocked := lab.services.telemetry.value(LOOP_BLOCKED, (table,)):
            return blocked
    raise AssertionError("it was not noticed")


async def test_while_it_lasts_it_is_said_once_and_at_the_end(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    lab.sinks["x"] = type("It", (BlockingSink,), {"what": Switch(lambda: time.sleep(1.2), on=True)})
    runtime = await lab.start(lab.plan(main="a > x"))
    with LoopWatch(runtime.packages, lab.services.telemetry, SHORT):
        await feed_until_blocked(lab, "sinks.x")
    first, last = said(caplog)[:2]
    assert first[1].startswith("has kept the event loop busy for ")
    assert last[1].startswith("let go of the event loop after ")


async def test_what_blocks_again_at_the_same_place_is_counted_but_not_said(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    class Dozing(BlockingSink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            time.sleep(0.5)
            return await super(BlockingSink, self).write(batches)

    lab.sinks["x"] = Dozing
    runtime = await lab.start(lab.plan(main="a > x"))
    blocked: set[float] = set()
    with LoopWatch(runtime.packages, lab.services.telemetry, SHORT):
        for number in range(20):
            lab.origin("a").write([f"{number}"])
            await lab.until(lambda n=number: lab.counts("x") == {"delivered": n + 1})  # type: ignore[misc]
            blocked.add(lab.services.telemetry.value(LOOP_BLOCKED, ("sinks.x",)))
            if len(blocked - {0}) > 1:
                break
    assert len(blocked - {0}) > 1
    assert len(said(caplog)) == 1


async def test_much_work_in_small_pieces_is_nobodys_fault(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = await lab.start(lab.plan(main="a > x"))
    with LoopWatch(runtime.packages, lab.services.telemetry, Patience(interval=0.01, patience=1)):
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            lab.origin("a").write(["1"])
            await asyncio.sleep(0)
    assert said(caplog) == []


async def test_a_watch_ends_with_its_loop(lab: Lab) -> None:
    runtime = await lab.start(lab.plan(main="a > x"))
    watch = LoopWatch(runtime.packages, lab.services.telemetry, Patience(interval=0.001))
    with watch:
        assert watch.is_alive
        await asyncio.sleep(0.01)
    await lab.until(lambda: not watch.is_alive)

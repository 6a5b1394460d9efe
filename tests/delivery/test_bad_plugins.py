"""Plugins that raise anything anywhere, beside a pipeline that goes on: every event counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from penstock.api import (
    Batch,
    BatchSettings,
    Log,
    Outlet,
    Report,
    Resource,
    Sink,
    Source,
    heap_size,
)
from penstock.cli.connect import try_all
from penstock.config.plan import Plan, SinkPlan
from penstock.testing import MemorySink
from tests.delivery.bad import (
    LINES,
    BadHolder,
    BadSink,
    BadSource,
    BadStreamSink,
    BadTransform,
    StrangeError,
    anything,
    bad,
    beside,
)
from tests.delivery.lab import Lab

DEFECT = "a defect of its plugin, so upgrade it or tell its authors (`penstock plugins bad`)"


@anything
@pytest.mark.parametrize("method", ["open", "write"])
async def test_a_sink_that_raises_harms_nobody_else(
    lab: Lab, method: str, raised: Callable[[], BaseException]
) -> None:
    lab.sinks["x"] = bad(BadSink, method, raised)
    await beside(lab, bad="a > x", sink="x")
    assert lab.counts("x") == {"dead_lettered": len(LINES)}
    assert lab.letters("x") == LINES


@anything
async def test_a_sink_that_raises_in_close_has_delivered(
    lab: Lab, raised: Callable[[], BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    lab.sinks["x"] = bad(BadSink, "close", raised)
    await beside(lab, bad="a > x", sink="x")
    assert lab.counts("x") == {"delivered": len(LINES)}
    (said,) = (one for one in caplog.records if "close failed" in one.message)
    assert said.name == "penstock.sinks.x"
    message = said.getMessage()
    assert message.startswith("close failed: ")
    assert str(raised()) in message
    assert message.endswith(DEFECT)
    assert said.exc_info


@anything
async def test_a_drain_that_raises_delays_nothing(
    lab: Lab, raised: Callable[[], BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    lab.sinks["x"] = bad(BadStreamSink, "drain", raised)
    lab.origin("g").write(LINES)
    await lab.start(lab.plan(good="g > x y"))
    assert await lab.stop() == 0
    assert lab.counts("x") == lab.counts("y") == {"delivered": len(LINES)}
    (said,) = (one for one in caplog.messages if one.startswith("drain failed: "))
    assert str(raised()) in said
    assert said.endswith(DEFECT)


@anything
@pytest.mark.parametrize(
    ("kind", "method"), [(BadTransform, "apply"), (BadHolder, "apply"), (BadHolder, "flush")]
)
async def test_a_transform_that_raises_harms_nobody_else(
    lab: Lab, kind: type[BadTransform], method: str, raised: Callable[[], BaseException]
) -> None:
    lab.transforms["bad"] = bad(kind, method, raised)
    await beside(lab, bad="a > bad > x", sink="x")
    assert lab.counts("x") == {"dead_lettered": len(LINES)}
    assert lab.letters("x") == LINES
    assert lab.lines("x") == []


@anything
@pytest.mark.parametrize("method", ["open", "run", "close"])
async def test_a_source_that_raises_harms_nobody_else(
    lab: Lab, method: str, raised: Callable[[], BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    lab.sources["b"] = bad(BadSource, method, raised)
    await beside(lab, bad="b > x")
    assert "penstock.sources.b" in {one.name for one in caplog.records}


# --- constructors that begin to raise ------------------------------------------------------


class Worn:
    """Can be made so often, then not any more."""

    left: ClassVar[int] = 0

    def __init__(self, config: Any) -> None:
        type(self).left -= 1
        if type(self).left < 0:
            raise StrangeError("worn out")
        super().__init__(config)  # type: ignore[call-arg]


class WornSink(Worn, BadSink):
    pass


class WornSource(Worn, BadSource):
    pass


class WornTransform(Worn, BadHolder):
    pass


@pytest.mark.parametrize("kind", ["sink", "transform", "transform anew", "source"])
async def test_a_constructor_that_raises_late_harms_nobody_else(
    lab: Lab, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    if kind == "sink":
        lab.sinks["x"] = type("It", (WornSink,), {})
        await beside(lab, bad="a > x", sink="x")
        assert lab.counts("x") == {"dead_lettered": len(LINES)}
    elif kind == "source":
        lab.sources["a"] = type("It", (WornSource,), {})
        await beside(lab, bad="a > x")
    else:
        fields = {"left": 1, "method": "apply", "error": KeyError} if "anew" in kind else {}
        lab.transforms["bad"] = type("It", (WornTransform,), fields)
        await beside(lab, bad="a > bad > x", sink="x")
        assert lab.counts("x") == {"dead_lettered": len(LINES)}
    assert "worn out" in caplog.text


# --- what hangs ----------------------------------------------------------------------------


class Hanging:
    """Never returns from one method, and may ignore that it is cancelled."""

    method: ClassVar[str] = ""
    stubborn: ClassVar[bool] = False

    async def at(self, method: str) -> None:
        while method == self.method:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise
                type(self).stubborn = False  # So that the test comes to its end.


class HangingSink(Hanging, Sink):
    name = "hanging"

    async def open(self) -> None:
        await self.at("open")

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        return None

    async def close(self) -> None:
        await self.at("close")


class HangingSource(Hanging, Source):
    name = "hanging"

    async def open(self) -> None:
        await self.at("open")

    async def run(self, out: Outlet) -> None:
        await asyncio.sleep(3600)

    async def close(self) -> None:
        await self.at("close")


@pytest.mark.parametrize("stubborn", [False, True])
@pytest.mark.parametrize("kind", [HangingSink, HangingSource])
async def test_a_hang_in_open_is_named_and_the_rest_runs(
    lab: Lab, kind: type[Hanging], stubborn: bool, caplog: pytest.LogCaptureFixture
) -> None:
    hanging: Any = type("It", (kind,), {"method": "open", "stubborn": stubborn})
    (lab.sinks if kind is HangingSink else lab.sources)["h"] = hanging
    before = asyncio.all_tasks()
    await beside(lab, bad="a > h" if kind is HangingSink else "h > x")
    for task in asyncio.all_tasks() - before:
        task.cancel()
    table = "sinks.h" if kind is HangingSink else "sources.h"
    said = [one for one in caplog.records if one.name == f"penstock.{table}"]
    assert said[0].getMessage() == "not open yet: open did not return within 15 s"


@pytest.mark.parametrize("kind", [HangingSink, HangingSource])
async def test_a_hang_in_close_holds_up_no_stop(lab: Lab, kind: type[Hanging]) -> None:
    hanging: Any = type("It", (kind,), {"method": "close"})
    (lab.sinks if kind is HangingSink else lab.sources)["h"] = hanging
    await beside(lab, bad="a > h" if kind is HangingSink else "h > x")


# --- check --connect -----------------------------------------------------------------------


@anything
@pytest.mark.parametrize("method", ["check", "close"])
def test_a_check_that_raises_is_a_failed_connection(
    method: str, raised: Callable[[], BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    class Checked(BadSink):
        async def check(self) -> None:
            self.at("check")

    kind = bad(Checked, method, raised)
    plan = Plan(
        sinks={
            name: SinkPlan(table=name, component=one, config=one.Config())
            for name, one in {"x": kind, "y": BadSink}.items()
        }
    )
    assert try_all(plan, str) is (method == "close")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("sinks.x: failed: " if method == "check" else "sinks.x: ok")
    assert lines[1] == "sinks.y: ok"


# --- task groups ---------------------------------------------------------------------------


async def fail_together() -> None:
    """Raise in a task group, which before Python 3.13 leaves the task around it as cancelled."""

    async def fail() -> None:
        await asyncio.sleep(0)
        raise OSError("one of them")

    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
        group.create_task(asyncio.sleep(3600))


@pytest.mark.parametrize("width", [1, 4])
async def test_a_sink_may_fail_in_a_task_group(lab: Lab, width: int) -> None:
    class Grouped(BadSink):
        in_flight = width
        failures = 3

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            type(self).failures -= 1
            if type(self).failures >= 0:
                await fail_together()
            return None

    lab.sinks["x"] = Grouped
    await beside(lab, bad="a > x", sink="x")
    assert lab.counts("x") == {"delivered": len(LINES)}


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("method", ["open", "write"])
async def test_a_sink_may_cancel_the_task_that_it_is_called_in(
    lab: Lab, method: str, width: int
) -> None:
    class Cancelling(BadSink):
        in_flight = width

        def at(self, method: str) -> None:
            task = asyncio.current_task()
            assert task
            if method == self.method:
                task.cancel()

        async def open(self) -> None:
            self.at("open")
            await asyncio.sleep(0)

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            self.at("write")
            await asyncio.sleep(0)
            return None

    lab.sinks["x"] = bad(Cancelling, method, KeyError)
    await beside(lab, bad="a > x", sink="x")
    assert lab.counts("x") == {"dead_lettered": len(LINES)}


async def test_one_write_after_the_other_needs_no_tasks_of_their_own(lab: Lab) -> None:
    """A task for each would cost more than all else that is done for a small write."""
    tasks: list[asyncio.Task[Any] | None] = []

    class Noting(BadSink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            tasks.append(asyncio.current_task())
            return None

    lab.sinks["x"] = Noting
    lab.settings("x", batch=BatchSettings(max_events=1, max_wait_ms=0))
    await beside(lab, bad="a > x", sink="x")
    assert len(tasks) == len(LINES)
    assert len(set(tasks)) == 1


async def test_a_source_may_fail_in_a_task_group(lab: Lab) -> None:
    class Grouped(BadSource):
        failures = 3

        async def run(self, out: Outlet) -> None:
            type(self).failures -= 1
            if type(self).failures >= 0:
                await fail_together()
            logs = (Log(1, "late"),)
            await out.send(Batch(Resource("z"), logs, heap_size(logs)))

    lab.sources["a"] = Grouped
    await lab.start(lab.plan(main="a > x"))
    await lab.until(lambda: lab.lines("x") == ["late"])


# --- tasks that outlive a reload -----------------------------------------------------------


class Polling:
    """Starts a task that it does not end; it may end a little later by itself."""

    lasts: ClassVar[float] = 3600

    async def open(self) -> None:
        self.task = asyncio.create_task(self.poll())

    async def poll(self) -> None:
        await asyncio.sleep(self.lasts)


class PollingSink(Polling, MemorySink):
    pass


class PollingSource(Polling, BadSource):
    pass


@pytest.mark.parametrize("kind", ["sink", "source"])
async def test_tasks_left_behind_by_what_a_reload_removes_are_named(
    lab: Lab, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    lab.sinks["x"], lab.sources["b"] = PollingSink, PollingSource
    await lab.start(lab.plan(good="g > y", bad="g > x" if kind == "sink" else "b > y"))
    assert await lab.reload(lab.plan(good="g > y"))
    await lab.until(lambda: "left a task behind" in caplog.text)
    (said,) = (one for one in caplog.records if "left a task behind" in one.message)
    assert said.name == f"penstock.{'sinks.x' if kind == 'sink' else 'sources.b'}"
    assert "which is cancelled: Polling.poll, delivery/test_bad_plugins.py:" in said.getMessage()
    lab.origin("g").write(LINES)
    await lab.until(lambda: lab.lines("y") == LINES)
    assert await lab.stop() == 0


async def test_a_task_that_ends_by_itself_was_not_left_behind(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    lab.sinks["x"] = type("It", (PollingSink,), {"lasts": 0.01})
    await lab.start(lab.plan(good="g > y", bad="g > x"))
    assert await lab.reload(lab.plan(good="g > y"))
    assert await lab.stop() == 0
    assert "left a task behind" not in caplog.text

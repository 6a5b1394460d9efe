"""Reloads that fail, that follow each other closely, and that a stop interrupts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from penstock.api import (
    Batch,
    BatchSettings,
    ConfigError,
    Report,
    RetryableError,
)
from penstock.telemetry import RELOAD_SUCCESSFUL
from penstock.testing import MemorySink
from tests.delivery.lab import Lab
from tests.delivery.load import LANES, load

# --- a bad file ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [ConfigError("penstock.toml:3: no such key"), OSError("gone"), KeyError("a bug")]
)
async def test_a_bad_file_keeps_the_old_graph(
    lab: Lab, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with load(lab) as lines:
        runtime = await lab.start(lab.plan(main="a > join > x"))
        graph = runtime.graph
        assert not await lab.reload(error)
        assert runtime.graph is graph
        assert "reload refused" in caplog.text
        assert await lab.reload(lab.plan(main="a > join > x"))
        assert lab.services.telemetry.value(RELOAD_SUCCESSFUL, ()) == 1
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))


async def test_a_new_component_that_refuses_to_open_keeps_the_old_graph(lab: Lab) -> None:
    async with load(lab) as lines:
        runtime = await lab.start(lab.plan(main="a > x"))
        graph = runtime.graph
        lab.destination("y").open_failure = ConfigError("no such certificate")
        assert not await lab.reload(lab.plan(main="a b > x y z"))
        assert runtime.graph is graph
        for table in ("sources.b", "sinks.y", "sinks.z"):
            assert lab.journal.count(f"close {table}") == 1
        assert lab.journal.count("close sinks.x") == 0
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))


async def test_a_new_component_that_is_not_there_yet_is_tried_again(lab: Lab) -> None:
    async with load(lab):
        await lab.start(lab.plan(main="a > x"))
        lab.destination("y").open_failure = RetryableError("not there yet")
        assert await lab.reload(lab.plan(main="a > x y"))
        await asyncio.sleep(1)
        lab.destination("y").open_failure = None
        await lab.until(lambda: lab.lines("y"))
    assert await lab.stop() == 0


async def test_without_a_file_there_is_nothing_to_reload(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = await lab.start(lab.plan(main="a > x"), has_file=False)
    graph = runtime.graph
    runtime.hang_up()
    await lab.pause()
    assert "nothing to reload" in caplog.text
    assert runtime.graph is graph


async def test_what_only_a_start_can_change_is_said(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    plan = lab.plan(main="a > x")
    await lab.start(plan)
    settings = replace(plan.settings, state_dir="elsewhere", max_disk_bytes=1, drain_timeout_s=1)
    for _ in range(2):
        caplog.clear()
        assert await lab.reload(replace(plan, settings=settings))
        said = [one for one in caplog.messages if "takes effect at the next start" in one]
        assert [one.split()[1] for one in said] == ["state_dir", "max_disk_bytes"]
    assert await lab.reload(plan)


# --- in quick succession -------------------------------------------------------------------


async def test_two_reloads_in_quick_succession(lab: Lab) -> None:
    lab.settings("x", write_timeout_s=None)
    async with load(lab) as lines:
        await lab.start(lab.plan(main="a > x"))
        lab.destination("x").hang()
        await asyncio.sleep(0.05)
        for number in range(3):
            lab.settings("x", batch=BatchSettings(max_events=5 + number, max_wait_ms=0))
            lab.hang_up(lab.plan(main="a > x"))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        lab.destination("x").mend()
        await lab.until(lambda: lab.journal.count("close sinks.x") == 2)
    assert lab.journal.count("open sinks.x") == 3  # The last two signals came to one reload.
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))


async def test_a_sink_that_leaves_and_comes_back_keeps_its_order(lab: Lab) -> None:
    lab.settings("y", write_timeout_s=None, order="stream", in_flight=3)
    async with load(lab) as lines:
        await lab.start(lab.plan(main="a > x y"))
        lab.destination("y").slow(0.3)
        await asyncio.sleep(0.05)
        lab.hang_up(lab.plan(main="a > x"))
        await asyncio.sleep(0.01)
        lab.hang_up(lab.plan(main="a > x y"))
        await asyncio.sleep(2)
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))
    arrived = lab.lines("y")
    numbers = [int(line.split(" a")[1]) for line in arrived if line.startswith("red")]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("mended", [True, False])
async def test_a_stop_right_after_a_reload(lab: Lab, mended: bool) -> None:
    lab.settings("x", write_timeout_s=None, in_flight=3, order="stream")
    async with load(lab) as lines:
        await lab.start(lab.plan(main="a > join > x"))
        await asyncio.sleep(0.1)
        lab.destination("x").hang()
        await asyncio.sleep(0.1)
        lab.settings("x", batch=BatchSettings(max_events=5, max_wait_ms=0))
        lab.hang_up(lab.plan(main="a > grep > x y"))
        await lab.pause()
        assert lab.runtime
        lab.runtime.stop()
        await asyncio.sleep(0.1)
        if mended:
            lab.destination("x").mend()
        code = await lab.ended()
    counts = lab.counts("x")
    assert code == (0 if mended else 1)
    assert ("abandoned" in counts) is not mended
    assert counts["delivered"] == len(lab.lines("x"))
    assert lab.journal.count("close sinks.x") == 2
    for lane in LANES:
        mine = [line for line in lab.lines("x") if line.startswith(lane)]
        assert mine == lines.lines(lane)[: len(mine)]


async def test_two_stops_right_after_a_reload_end_at_once(
    lab: Lab, waited: Callable[[], float]
) -> None:
    lab.drain_timeout_s = 3600
    lab.settings("x", write_timeout_s=None)
    async with load(lab):
        runtime = await lab.start(lab.plan(main="a > x"))
        lab.destination("x").hang()
        await asyncio.sleep(0.1)
        assert await lab.reload(lab.plan(main="a > y"))
        runtime.stop()
        runtime.stop()
        assert await lab.ended() == 1
    assert waited() < 5
    assert lab.counts("x")["abandoned"] > 0


async def test_a_stop_while_a_reload_opens(lab: Lab, waited: Callable[[], float]) -> None:
    class Hanging(MemorySink):
        async def open(self) -> None:
            await asyncio.sleep(3600)

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            raise AssertionError("never opened")

    async with load(lab) as lines:
        runtime = await lab.start(lab.plan(main="a > x"))
        graph = runtime.graph
        lab.sinks["y"] = Hanging
        lab.settings("y", destination="nowhere")
        lab.hang_up(lab.plan(main="a > x y"))
        await asyncio.sleep(1)
        assert await lab.stop() == 0
        assert waited() < 4
        assert runtime.graph is graph
        assert lab.journal.count("close sinks.y") == 1
    arrived = lab.lines("x")
    assert len(arrived) == len(set(arrived)) > 0
    assert lines.count >= len(arrived)


async def test_transforms_are_flushed_by_the_clock_while_a_reload_opens(lab: Lab) -> None:
    class Hanging(MemorySink):
        async def open(self) -> None:
            await asyncio.sleep(3600)

    await lab.start(lab.plan(main="a > join > x"))
    lab.sinks["y"] = Hanging
    lab.settings("y", destination="nowhere")
    lab.hang_up(lab.plan(main="a > join > x y"))
    await lab.pause()
    lab.origin("a").write(["held"])
    await lab.destination("x").until_lines(1)
    assert lab.journal.count("close sinks.y") == 0

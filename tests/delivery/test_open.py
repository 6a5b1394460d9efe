"""How components are opened: what is tried again, what is isolated, what stops the start."""

from __future__ import annotations

import asyncio

import pytest

from penstock.api import (
    Batch,
    ConfigError,
    Context,
    Log,
    Outcome,
    Outlet,
    Report,
    Resource,
    RetryableError,
    Sink,
    Source,
    heap_size,
)
from penstock.testing import MemorySink, MemorySource
from tests.delivery.lab import Lab


class UnsteadyError(Exception):
    """An error that nobody declared."""


class HangingSink(MemorySink):
    async def open(self) -> None:
        await asyncio.sleep(3600)


class HangingSource(MemorySource):
    async def open(self) -> None:
        await asyncio.sleep(3600)


async def test_everything_is_open_before_anything_runs(lab: Lab) -> None:
    lab.origin("a").write(["1"])
    seen: list[Context] = []

    class Curious(MemorySink):
        async def write(self, batches: list[Batch]) -> Report | None:  # type: ignore[override]
            seen.append(self.context)
            return None

    lab.sinks["x"] = Curious
    lab.sink_settings["x"] = {"destination": "nowhere"}
    await lab.start(lab.plan(main="a b > x y"))
    await lab.until(lambda: lab.lines("y"))
    assert sorted(lab.journal.entries) == sorted(
        ["open sources.a", "open sources.b", "open sinks.x", "open sinks.y"]
    )
    assert await lab.stop() == 0
    assert seen[0].table == "sinks.x"
    assert seen[0].log.name == "penstock.sinks.x"
    assert seen[0].open_bytes == 33_554_432 // 2


async def test_what_the_outside_refuses_is_tried_again(lab: Lab) -> None:
    lab.origin("a").write(["1", "2"])
    lab.destination("x").open_failure = RetryableError("not there yet")
    lab.origin("a").open_failure = OSError("no such file")
    await lab.start(lab.plan(main="a > x y"))
    await lab.until(lambda: lab.journal.count("open sinks.x") > 3)
    lab.origin("a").open_failure = None
    await lab.until(lambda: len(lab.lines("y")) == 2)
    assert lab.lines("x") == []
    lab.destination("x").open_failure = None
    await lab.until(lambda: len(lab.lines("x")) == 2)
    assert await lab.stop() == 0


async def test_a_sink_that_raises_at_open_is_isolated(lab: Lab) -> None:
    lab.origin("a").write(["1", "2"])
    lab.destination("x").open_failure = UnsteadyError("a bug")
    runtime = await lab.start(lab.plan(main="a > x y"))
    await lab.until(lambda: len(lab.lines("y")) == 2)
    assert runtime.graph.sinks["x"].broken == "sinks.x failed to open: UnsteadyError: a bug"
    assert lab.letters("x") == ["1", "2"]
    assert lab.counts("x") == {"dead_lettered": 2}
    assert lab.position("a") == 2
    assert await lab.stop() == 0
    assert lab.journal.count("open sinks.x") == 1


async def test_a_sink_that_raises_when_opened_again_lets_its_sources_go(lab: Lab) -> None:
    lab.origin("a").write([f"{number}" for number in range(100)])
    lab.destination("x").open_failure = RetryableError("not there yet")
    await lab.start(lab.plan(main="a > x"))
    await lab.until(lambda: lab.journal.count("open sinks.x") > 2)
    lab.destination("x").open_failure = UnsteadyError("a bug")
    await lab.until(lambda: lab.counts("x") == {"dead_lettered": 100})
    assert lab.position("a") == 100
    assert await lab.stop() == 0


async def test_a_config_error_on_a_later_try_is_said_and_tried_again(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    lab.origin("a").write(["1"])
    lab.destination("x").open_failure = RetryableError("not there yet")
    await lab.start(lab.plan(main="a > x"))
    lab.destination("x").open_failure = ConfigError("a certificate has run out")
    await lab.until(lambda: "a certificate has run out" in caplog.text)
    lab.destination("x").open_failure = None
    await lab.until(lambda: lab.lines("x") == ["1"])


async def test_a_source_that_raises_at_open_is_tried_again_while_the_rest_runs(lab: Lab) -> None:
    lab.origin("a").write(["1"])
    lab.origin("b").write(["2"])
    lab.origin("a").open_failure = UnsteadyError("a bug")
    await lab.start(lab.plan(main="a b > x"))
    await lab.until(lambda: lab.lines("x") == ["2"])
    lab.origin("a").open_failure = None
    await lab.until(lambda: lab.lines("x") == ["2", "1"])
    assert await lab.stop() == 0


async def test_a_source_whose_run_raises_is_run_again(lab: Lab) -> None:
    lab.origin("a").write(["1"])
    await lab.start(lab.plan(main="a > x"))
    for number, error in enumerate(
        (RetryableError("gone"), OSError("reset"), UnsteadyError("a bug"), asyncio.CancelledError())
    ):
        lab.origin("a").fail(error)
        lab.origin("a").write([f"after {number}"])
        await lab.destination("x").until_lines(number + 2)
    assert lab.lines("x") == ["1", *(f"after {number}" for number in range(4))]
    assert lab.journal.count("open sources.a") == 1
    assert await lab.stop() == 0


async def test_a_source_that_cancels_itself_has_not_come_to_its_end(lab: Lab) -> None:
    class Clumsy(Source):
        name = "clumsy"
        runs = 0

        async def run(self, out: Outlet) -> None:
            type(self).runs += 1
            if self.runs < 3:
                task = asyncio.create_task(asyncio.sleep(3600))
                await asyncio.sleep(0)
                task.cancel()
                await task
            logs = (Log(1, "late"),)
            await out.send(Batch(Resource("c"), logs, heap_size(logs)), position=1)

    lab.sources["c"] = Clumsy
    assert await lab.run(lab.plan(main="c > x")) == 0
    assert lab.lines("x") == ["late"]


@pytest.mark.parametrize("kind", ["sources", "sinks"])
async def test_a_hang_in_open_counts_as_a_failure_and_holds_up_no_stop(lab: Lab, kind: str) -> None:
    lab.origin("b").write(["1"])
    if kind == "sources":
        lab.sources["a"] = HangingSource
    else:
        lab.sinks["x"] = HangingSink
    await lab.start(lab.plan(one="a > x", two="b > y"))
    await lab.until(lambda: lab.lines("y") == ["1"], timeout=60)
    assert await lab.stop() == 0


async def test_a_stop_does_not_wait_for_a_hang_in_open(lab: Lab) -> None:
    lab.sources["a"] = HangingSource
    lab.sinks["x"] = HangingSink
    await lab.start(lab.plan(main="a > x", two="b > y"))
    assert await asyncio.wait_for(lab.stop(), 5) == 0
    for table in ("sources.a", "sources.b", "sinks.x", "sinks.y"):
        assert lab.journal.count(f"close {table}") == 1


async def test_a_config_error_closes_everything_and_says_all(lab: Lab) -> None:
    lab.origin("b").write(["1"])
    lab.origin("a").open_failure = ConfigError("no permission")
    lab.destination("y").open_failure = ConfigError("no such certificate")
    lab.destination("z").open_failure = RetryableError("not there yet")
    await lab.start(lab.plan(main="a b > x y z"))
    with pytest.raises(ConfigError) as caught:
        await lab.ended()
    assert str(caught.value).splitlines() == [
        "sinks.y: no such certificate",
        "sources.a: no permission",
    ]
    for table in ("sources.a", "sources.b", "sinks.x", "sinks.y", "sinks.z"):
        assert lab.journal.count(f"close {table}") == 1
    assert lab.lines("x") == []
    assert lab.services.ledger.received == {}


async def test_a_close_that_raises_hides_no_config_error(lab: Lab) -> None:
    class Ugly(Sink):
        name = "ugly"

        async def close(self) -> None:
            raise UnsteadyError("cannot close either")

    lab.sinks["x"] = Ugly
    lab.origin("a").open_failure = ConfigError("no permission")
    await lab.start(lab.plan(main="a > x"))
    with pytest.raises(ConfigError, match="no permission"):
        await lab.ended()


@pytest.mark.parametrize("table", ["sources.a", "transforms.grep", "sinks.x"])
async def test_a_reload_that_would_break_what_runs_is_refused(
    lab: Lab, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    plan = {"main": "a > grep > x"}
    await lab.start(lab.plan(**plan))
    lab.broken = {table: "two bring it", "sinks.new": "it is broken, but never ran"}
    assert not await lab.reload(lab.plan(**plan, more="b > new y"))
    assert f"the old configuration runs on:\n{table}: two bring it" in caplog.text
    assert "never ran" not in caplog.text
    lab.origin("a").write(["1"])
    await lab.until(lambda: lab.lines("x") == ["1"])
    del lab.broken[table]
    assert await lab.reload(lab.plan(**plan, more="b > new y"))


async def test_plugins_that_do_not_load_are_left_out(lab: Lab) -> None:
    lab.origin("a").write(["1", "2"])
    lab.broken = {
        "sources.bad": "ImportError: no module",
        "sinks.bad": "SyntaxError: line 3",
        "transforms.bad": "it has no transform",
    }
    runtime = await lab.start(
        lab.plan(main="a bad > x bad", second="a > bad > y", third="a > grep > z")
    )
    await lab.until(lambda: len(lab.lines("z")) == 2)
    assert lab.lines("x") == ["1", "2"]
    assert lab.counts("bad") == {"dead_lettered": 2}
    assert lab.counts("y") == {"dead_lettered": 2}
    assert list(runtime.graph.sources) == ["a"]
    reasons = {one.response for one in runtime.graph.sinks["bad"].settling.dead_letters.letters}
    assert reasons == {"sinks.bad: SyntaxError: line 3"}
    assert lab.position("a") == 2
    total = lab.services.ledger.total("sinks.y")
    assert total.outcomes == {(Outcome.DEAD_LETTERED, "plugin_error"): 2}
    assert await lab.stop() == 0

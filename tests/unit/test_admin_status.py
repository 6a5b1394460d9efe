"""What ``status`` and ``health`` tell of a process, over its socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.admin_lab import SeenLab, penstock

from penstock.admin.status import Ended, InFlight, LedgerRow
from penstock.api import BufferSettings, RetryableError
from penstock.testing import log, one_of_each, resource

SMALL = BufferSettings(type="memory", max_memory_bytes=65_536)


def balance(row: LedgerRow) -> int:
    """Return what is missing of an account, worked out from what is shown."""
    came = row.read + row.created + row.carried_in + row.replayed
    ended = sum(one.events for one in row.outcomes)
    return came - ended - row.in_flight.memory - row.in_flight.spool


async def test_the_ledger_is_shown_and_adds_up(seen: SeenLab) -> None:
    seen.destination("y").hang()
    seen.origin("a").write(["drop 1", "drop 2", "3"])
    await seen.start(seen.plan(main="a > grep > x y"))
    await seen.destination("x").until_lines(1)
    status = await seen.status()
    rows = {row.table: row for row in status.ledger}
    assert {table: row.read for table, row in rows.items()} == {"sinks.x": 3, "sinks.y": 3}
    assert [balance(row) for row in rows.values()] == [0, 0]
    assert [row.residue for row in rows.values()] == [0, 0]
    assert rows["sinks.x"].in_flight == InFlight(0, 0)
    assert rows["sinks.y"].in_flight == InFlight(1, 0)
    assert Ended("delivered", "", 1) in rows["sinks.x"].outcomes
    assert {one.outcome: one.events for one in rows["sinks.y"].outcomes} == {"filtered": 2}
    assert next(one for one in status.sources if one.table == "sources.a").received == 3
    seen.destination("y").mend()


async def test_what_waits_on_disk_is_told_from_what_waits_in_memory(seen: SeenLab) -> None:
    seen.settings("x", buffer=BufferSettings(type="disk"))
    seen.destination("x").hang()
    seen.origin("a").write([str(number) for number in range(100)])
    await seen.start(seen.plan(main="a > x"))
    await seen.until(lambda: seen.spooled("x") == 100 and not seen.journal_of_state._is_dirty)
    row, sink = await seen.row(), await seen.sink()
    assert row.in_flight == InFlight(0, 100)
    assert balance(row) == 0
    assert sink.buffer.disk_events == 100
    assert sink.buffer.disk_bytes > 0
    seen.destination("x").mend()


async def test_the_process_is_named(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    process = (await seen.status()).process
    assert process.state_dir == str(seen.folder)
    assert process.version.count(".") == 2
    assert process.ready
    assert (process.listen, process.trouble) == ("", "")


async def test_a_source_that_runs_and_cannot_read_is_shown_until_it_can(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    assert seen.runtime
    source = seen.runtime.graph.sources["a"].source
    source.trouble = "the gateway is away"
    health, status = await seen.health(), await seen.status()
    assert [str(one) for one in health.problems] == ["sources.a: waiting: the gateway is away"]
    (shown,) = [one for one in status.sources if one.table == "sources.a"]
    assert (shown.state, shown.trouble) == ("waiting", "the gateway is away")
    source.trouble = ""
    assert (await seen.health()).ready


async def test_a_sink_that_is_down_is_shown_until_it_is_back(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x y"))
    assert (await seen.health()).ready
    seen.destination("x").fail(RetryableError("no route"))
    seen.origin("a").write(["1"])
    await seen.until(lambda: seen.destination("y").lines())
    await seen.until(lambda: seen.runtime and seen.runtime.graph.sinks["x"].governor.trouble)
    sink = await seen.sink()
    assert sink.circuit in ("open", "half-open")
    assert sink.trouble == "retryable: no route"
    assert sink.retries["retryable"] >= 1
    health = await seen.health()
    assert not health.ready
    assert [str(one) for one in health.problems] == ["sinks.x: failing: retryable: no route"]
    result = await seen.command("health")
    assert result.exit_code == 1
    assert result.stderr == "not ready: sinks.x: failing: retryable: no route\n"
    assert (await seen.command("health", "--live")).exit_code == 0
    seen.destination("x").mend()
    await seen.destination("x").until_lines(1)
    await seen.until(lambda: seen.runtime and not seen.runtime.graph.sinks["x"].governor.trouble)
    assert (await seen.sink()).circuit == "closed"
    result = await seen.command("health")
    assert (result.exit_code, result.stdout) == (0, "ready\n")


async def test_what_cannot_be_opened_is_shown(seen: SeenLab) -> None:
    seen.origin("a").open_failure = RetryableError("no socket")
    seen.destination("x").open_failure = RetryableError("gateway away")
    await seen.start(seen.plan(main="a > x"))
    assert [str(one) for one in (await seen.health()).problems] == [
        "sources.a: not open: no socket",
        "sinks.x: not open: gateway away",
    ]
    source, sink = await seen.source(), await seen.sink()
    assert (source.state, source.trouble) == ("not open", "no socket")
    assert (sink.open, sink.trouble) == (False, "gateway away")
    seen.origin("a").open_failure = seen.destination("x").open_failure = None
    await seen.until(lambda: seen.runtime and seen.runtime.graph.sinks["x"].is_open)


async def test_a_source_that_waits_to_run_again_is_shown(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    assert (await seen.source()).state == "running"
    seen.origin("a").fail(RetryableError("cut off"))
    runtime = seen.runtime
    assert runtime
    await seen.until(lambda: runtime.graph.sources["a"].state == "waiting")
    assert (await seen.source()).trouble == "cut off"


async def test_a_source_says_which_sink_holds_it_back(seen: SeenLab) -> None:
    seen.settings("slow", buffer=SMALL)
    seen.destination("slow").hang()
    seen.origin("a").write(["x" * 1000] * 200)
    runtime = await seen.start(seen.plan(main="a > slow y"))
    await seen.until(lambda: runtime.graph.sources["a"].outlet.blocked_on)
    assert (await seen.source()).blocked_on == "sinks.slow"
    seen.destination("slow").mend()


async def test_a_source_that_ended_is_no_problem(seen: SeenLab) -> None:
    seen.origin("b").end()
    await seen.start(seen.plan(main="a b > x"))
    await seen.until(lambda: seen.runtime and seen.runtime.graph.sources["b"].ended)
    assert (await seen.source("b")).state == "ended"
    assert (await seen.health()).ready


async def test_broken_parts_are_shown(seen: SeenLab) -> None:
    seen.broken = {"sources.b": "no such plugin", "sinks.z": "does not load"}
    await seen.start(seen.plan(main="a b > x z"))
    source, sink = await seen.source("b"), await seen.sink("z")
    assert (source.state, source.trouble) == ("broken", "no such plugin")
    assert "does not load" in sink.broken
    problems = [str(one) for one in (await seen.health()).problems]
    assert problems == ["sources.b: broken: no such plugin", "sinks.z: broken: does not load"]


async def test_time_to_loss_is_the_least_of_all(seen: SeenLab) -> None:
    runtime = await seen.start(seen.plan(main="a > x"))
    assert (await seen.source()).time_to_loss_s is None
    outlet = runtime.graph.sources["a"].outlet
    outlet.at_risk(resource("far"), 500.0)
    outlet.at_risk(resource("near"), 70.0)
    assert (await seen.source()).time_to_loss_s == 70.0


async def test_a_residue_is_an_error_that_names_where(seen: SeenLab) -> None:
    seen.origin("a").write(["1"])
    await seen.start(seen.plan(main="a > x"))
    await seen.destination("x").until_lines(1)
    row = seen.services.ledger.row("sinks.x", "memory:web")
    row.read += 2
    assert (await seen.row()).residue == 2
    for arguments in ((), ("--json",)):
        result = await seen.command("status", *arguments)
        assert result.exit_code == 1
        assert "error: the ledger does not add up: sinks.x, memory:web: +2" in result.stderr
    assert [str(one) for one in (await seen.health()).problems] == [
        "sinks.x: the ledger does not add up"
    ]
    row.read -= 2
    assert (await seen.command("status")).exit_code == 0


async def test_events_on_disk_without_a_sink_are_shown(seen: SeenLab) -> None:
    seen.settings("x", buffer=BufferSettings(type="disk"))
    seen.destination("x").hang()
    seen.drain_timeout_s = 0.2
    seen.origin("a").write(["1", "2"])
    await seen.start(seen.plan(main="a > x y"))
    await seen.until(lambda: seen.spooled("x") == 2)
    assert (await seen.status()).orphans == []
    assert await seen.reload(seen.plan(main="a > y"))
    await seen.until(lambda: seen.runtime and not seen.runtime._successions)
    await seen.until(lambda: seen.spooled("x") == 2)
    (orphan,) = (await seen.status()).orphans
    assert (orphan.table, orphan.events) == ("sinks.x", 2)
    assert "sinks.x: 2 events" in (await seen.command("status")).stdout
    assert await seen.reload(seen.plan(main="a > x y"))
    seen.destination("x").mend()
    await seen.until(lambda: not seen.spooled("x"))


async def test_trouble_with_the_disk_is_shown(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    seen.disk.error = "disk full"
    seen.origin("a").write(["1"])
    await seen.until(lambda: seen.journal_of_state.trouble)
    assert (await seen.status()).process.trouble == "disk full"
    health = await seen.health()
    assert [str(one) for one in health.problems] == ["state cannot be written: disk full"]
    seen.disk.error = ""
    await seen.until(lambda: not seen.journal_of_state.trouble)
    assert (await seen.health()).ready


async def test_status_as_text(seen: SeenLab) -> None:
    seen.origin("a").write(["drop 1", "2"])
    await seen.start(seen.plan(main="a > grep > x"))
    await seen.destination("x").until_lines(1)
    result = await seen.command("status")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].endswith("ready")
    words = [line.split() for line in lines]
    assert ["sources.a", "memory", "running", "-", "2", "0", "0"] in [one[:7] for one in words]
    assert ["sinks.x", "memory", "open"] in [one[:3] for one in words]
    assert ["sinks.x", "memory:web", "2", "1", "1", "0", "0", "0"] in words
    assert any(one[:2] == ["sinks.x", "filtered"] and one[-1] == "1" for one in words)


async def test_status_as_json(seen: SeenLab) -> None:
    seen.origin("a").write(["1"])
    await seen.start(seen.plan(main="a > x"))
    await seen.destination("x").until_lines(1)
    told = json.loads((await seen.command("status", "--json")).stdout)
    assert set(told) == {"process", "problems", "sources", "sinks", "ledger", "orphans"}
    (row,) = told["ledger"]
    assert row["outcomes"] == [{"outcome": "delivered", "reason": "", "events": 1}]
    assert row["in_flight"] == {"memory": 0, "spool": 0}


async def test_nothing_that_strangers_named_reaches_the_terminal_raw(seen: SeenLab) -> None:
    origin = seen.origin("a")
    origin.resources["web"] = resource("evil\x1b[2J\x9b\u202e\ud800")
    origin.write(["1"])
    await seen.start(seen.plan(main="a > x"))
    await seen.destination("x").until_lines(1)
    for arguments in ((), ("--json",)):
        result = await seen.command("status", *arguments)
        assert result.exit_code == 0
        assert "evil" in result.stdout
        assert all(one.isprintable() or one == "\n" for one in result.stdout)


async def test_kinds_and_lag_are_there(seen: SeenLab) -> None:
    seen.origin("a").write([*one_of_each(), log("last", time_unix_nano=1)])
    await seen.start(seen.plan(main="a > x"))
    await seen.until(lambda: len(seen.destination("x").lines()) >= 1)
    reasons = {one.reason for one in (await seen.row()).outcomes if one.outcome == "filtered"}
    assert {"kind: counter", "kind: gap"} <= reasons
    assert ((await seen.source()).lag_s or 0) > 1_000_000_000


async def test_the_intake_of_a_source_is_shown(seen: SeenLab) -> None:
    seen.settings("x", buffer=SMALL)
    seen.destination("x").hang()
    plan = seen.plan(main="a > x")
    sources = {"a": replace(plan.sources["a"], buffer=BufferSettings(type="memory"))}
    seen.origin("a").write(["x" * 1000] * 200)
    await seen.start(replace(plan, sources=sources))
    await seen.until(lambda: seen.services.ledger.source("sources.a")[0] == 200)
    await seen.until(lambda: seen.runtime and seen.runtime.graph.sources["a"].outlet.blocked_on)
    source = await seen.source()
    assert source.buffer
    assert source.buffer.memory_bytes > 0
    intake = next(row for row in (await seen.status()).ledger if row.table == "sources.a")
    assert (intake.origin, intake.read, balance(intake)) == ("log", 200, 0)
    assert "SOURCE     MEMORY" in (await seen.command("status")).stdout
    seen.destination("x").mend()
    await seen.destination("x").until_lines(200)


# --- without a process -----------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "health"])
def test_where_none_runs_it_says_so(command: str, tmp_path: Path) -> None:
    result = penstock(command, "--state-dir", str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr == f"no Penstock runs on the state folder {tmp_path}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["status", "health"])
def test_where_nothing_is_kept_it_says_so(command: str, tmp_path: Path) -> None:
    result = penstock(command, "--state-dir", "")
    assert result.exit_code == 1
    assert "nothing is kept" in result.stderr


async def test_a_killed_process_is_none(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    await seen.kill()
    result = await seen.command("health")
    assert result.exit_code == 1
    assert "no Penstock runs" in result.stderr


async def test_it_can_be_asked_while_it_drains(seen: SeenLab) -> None:
    seen.destination("x").hang()
    seen.origin("a").write(["1"])
    runtime = await seen.start(seen.plan(main="a > x"))
    await seen.until(lambda: seen.destination("x").writing)
    runtime.stop()
    await seen.until(lambda: not runtime.ready)
    assert [str(one) for one in (await seen.health()).problems] == ["starting or stopping"]
    assert (await seen.row()).in_flight.memory == 1
    seen.destination("x").mend()
    assert await asyncio.wait_for(seen.ended(), 20) == 0

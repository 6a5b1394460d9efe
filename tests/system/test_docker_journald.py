"""Containers whose lines Docker keeps in the journal, with its stamps of microseconds."""

from __future__ import annotations

import asyncio

import pytest

from penstock.api import event_id, rfc3339
from tests.system.parts.docker_source import all_of, docker, logs, reading, run
from tests.system.parts.engine import Engine

JOURNALD = "journald"


async def test_both_streams_in_order_with_dockers_own_times(journald_engine: Engine) -> None:
    script = "for i in $(seq 500); do echo out $i; echo err $i >&2; done"
    async with reading(journald_engine.host) as out:
        container = await run(journald_engine, "talker", script, driver=JOURNALD)
        await all_of(journald_engine, out, container, 1000)
    stamped = journald_engine.logs(container, "--timestamps")
    for stream, printed in (("stdout", "out"), ("stderr", "err")):
        assert out.lines(stream, lane=container) == [f"{printed} {i}" for i in range(1, 501)]
        got = [log for log in logs(out, container) if log.stream == stream]
        read = stamped[stream == "stderr"]
        assert [f"{rfc3339(log.time_unix_nano)} {log.body}" for log in got] == read
    ids = [event_id("x", log) for log in logs(out, container)]
    assert len(set(ids)) == 1000
    assert out.gaps == []


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "terminal"])
async def test_long_lines_are_joined(journald_engine: Engine, tty: bool) -> None:
    lengths = (16_382, 16_385, 40_000, 100_000)
    script = "; ".join(f"head -c {n} /dev/zero | tr '\\0' x; echo; echo after {n}" for n in lengths)
    async with reading(journald_engine.host) as out:
        container = await run(journald_engine, "long", script, driver=JOURNALD, tty=tty)
        lines = await all_of(journald_engine, out, container, 2 * len(lengths))
    assert lines == [text for n in lengths for text in ("x" * n, f"after {n}")]


async def test_a_line_that_fills_its_frame_waits_for_no_more(journald_engine: Engine) -> None:
    """The journal has no empty rest of it: what comes later is another line."""
    script = "head -c 16384 /dev/zero | tr '\\0' x; echo; sleep 2.5; echo after; exec sleep 600"
    async with reading(journald_engine.host) as out:
        container = await run(journald_engine, "full", script, driver=JOURNALD)
        await out.until_lines(1)
        assert out.lines(lane=container) == ["x" * 16_384]
        await out.until_lines(2)
    assert out.lines(lane=container) == ["x" * 16_384, "after"]


async def test_what_the_journal_leaves_out(journald_engine: Engine) -> None:
    script = r"printf 'one\n\n\ntwo\r\nbad \377 byte\n lead and trail \nno end'"
    async with reading(journald_engine.host) as out:
        container = await run(journald_engine, "odd", script, driver=JOURNALD)
        lines = await all_of(journald_engine, out, container, 5)
    assert lines == ["one", "two", "bad \ufffd byte", " lead and trail ", "no end"]


async def test_a_restart_of_penstock_goes_on_where_it_was(journald_engine: Engine) -> None:
    script = (
        "i=0; while [ ! -e /stop ]; do i=$((i+1)); echo line $i; echo line $i >&2; "
        "[ $((i % 20)) -ne 0 ] || usleep 10000; done"
    )
    container = await run(journald_engine, "counter", script, driver=JOURNALD)
    got: list[str] = []
    positions: dict[str, object] = {}
    for _ in range(3):
        async with reading(journald_engine.host, positions, start_at="beginning") as out:
            await out.until(lambda out=out: len(out.lines()) > 300)
        got += [f"{log.stream} {log.body}" for log in logs(out, container)]
        positions = out.committed
        assert out.gaps == []
    # The container may end before the command in it has, which fails then.
    await asyncio.to_thread(journald_engine.docker_raw, "exec", container, "touch", "/stop")
    await asyncio.to_thread(journald_engine.wait, container)
    printed, _ = journald_engine.logs(container)
    async with reading(journald_engine.host, positions) as out:
        await out.until_lines(2 * len(printed) - len(got))
        await asyncio.sleep(0.3)
    got += [f"{log.stream} {log.body}" for log in logs(out, container)]
    for stream in ("stdout", "stderr"):
        read = [line for line in got if line.startswith(stream)]
        assert read == [f"{stream} line {i}" for i in range(1, len(printed) + 1)]
    assert out.gaps == []


async def test_two_containers_and_a_removal(journald_engine: Engine) -> None:
    async with reading(journald_engine.host) as out:
        first = await run(journald_engine, "first", "seq 100; exec sleep 600", driver=JOURNALD)
        second = await run(journald_engine, "second", "seq 200", driver=JOURNALD, rm=True)
        await out.until_lines(300)
        await docker(journald_engine, "rm", "--force", first)
        await out.until(lambda: sorted(out.retired) == sorted([first, second]))
    assert out.lines(lane=first) == [str(i) for i in range(1, 101)]
    assert out.lines(lane=second) == [str(i) for i in range(1, 201)]
    assert out.gaps == []
    assert out.risks == {}

"""What containers print on a real engine arrives, line by line."""

from __future__ import annotations

import asyncio

import pytest

from penstock.api import rfc3339
from tests.system.parts.docker_source import all_of, logs, reading, run
from tests.system.parts.engine import Engine

DRIVERS = ("json-file", "local")


@pytest.mark.parametrize("driver", DRIVERS)
async def test_both_streams_in_order_with_dockers_own_times(
    docker_engine: Engine, driver: str
) -> None:
    script = "for i in $(seq 1000); do echo out $i; echo err $i >&2; done"
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "talker", script, driver=driver)
        await all_of(docker_engine, out, container, 2000)
    assert out.lines("stdout", lane=container) == [f"out {i}" for i in range(1, 1001)]
    assert out.lines("stderr", lane=container) == [f"err {i}" for i in range(1, 1001)]
    assert {log.severity_number for log in logs(out, container) if log.stream == "stdout"} == {9}
    assert {log.severity_number for log in logs(out, container) if log.stream == "stderr"} == {17}
    stamped = docker_engine.logs(container, "--timestamps")
    for stream, expected in zip(("stdout", "stderr"), stamped, strict=True):
        got = [log for log in logs(out, container) if log.stream == stream]
        assert [f"{rfc3339(log.time_unix_nano)} {log.body}" for log in got] == expected
    assert out.gaps == []
    assert out.duplicate_counts == {}


@pytest.mark.parametrize("driver", DRIVERS)
async def test_odd_lines(docker_engine: Engine, driver: str) -> None:
    script = (
        r"""printf 'blank next\n\n'; printf 'crlf\r\n'; printf 'two returns\r\r\n'; """
        r"""printf 'bad \377\376 bytes\n'; printf 'nul \000 tab\t end\n'; """
        r"""printf 'caf\303\251\n'; printf ' lead and trail \n'; printf 'no end'"""
    )
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "odd", script, driver=driver)
        lines = await all_of(docker_engine, out, container, 9)
    assert lines == [
        "blank next",
        "",
        "crlf",
        "two returns\r",
        "bad \ufffd\ufffd bytes",
        "nul \0 tab\t end",
        "café",
        " lead and trail ",
        "no end",
    ]


LENGTHS = (16383, 16384, 16385, 32767, 32768, 32769, 40000, 100000)


def long_lines(separator: str = "echo") -> str:
    """Lines of many lengths, each between two short ones."""
    parts = (
        f"head -c {length} /dev/zero | tr '\\0' x; echo; {separator} after {length}"
        for length in LENGTHS
    )
    return "; ".join(parts)


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("driver", DRIVERS)
async def test_long_lines_are_joined(docker_engine: Engine, driver: str, tty: bool) -> None:
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "long", long_lines(), driver=driver, tty=tty)
        lines = await all_of(docker_engine, out, container, 2 * len(LENGTHS))
    expected = [text for length in LENGTHS for text in ("x" * length, f"after {length}")]
    assert [len(line) for line in lines] == [len(line) for line in expected]
    assert lines == expected


async def test_long_lines_of_both_streams_at_once(docker_engine: Engine) -> None:
    script = (
        "(for i in 1 2 3 4 5; do head -c 50000 /dev/zero | tr '\\0' o; echo; done) & "
        "(for i in 1 2 3 4 5; do head -c 50000 /dev/zero | tr '\\0' e >&2; echo >&2; done) & wait"
    )
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "mixed", script)
        await all_of(docker_engine, out, container, 10)
    assert out.lines("stdout", lane=container) == ["o" * 50000] * 5
    assert out.lines("stderr", lane=container) == ["e" * 50000] * 5


async def test_a_terminals_lines(docker_engine: Engine) -> None:
    script = "echo one; echo two >&2; echo; printf 'no end'"
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "term", script, tty=True)
        lines = await all_of(docker_engine, out, container, 4)
        await asyncio.to_thread(docker_engine.docker, "start", container)
        lines = await all_of(docker_engine, out, container, 8)
    assert lines == ["one", "two", "", "no end"] * 2
    assert {log.stream for log in logs(out, container)} == {"stdout"}


async def test_a_line_longer_than_its_limit_is_cut_with_a_mark(docker_engine: Engine) -> None:
    script = "head -c 5000 /dev/zero | tr '\\0' x; echo; echo next"
    async with reading(docker_engine.host, max_line_bytes=1000) as out:
        container = await run(docker_engine, "cut", script)
        lines = await all_of(docker_engine, out, container, 2)
    first = logs(out, container)[0]
    missing = first.attributes["penstock.cut_bytes"]
    kept = lines[0].count("x")
    assert isinstance(missing, int)
    assert kept + missing == 5000
    assert len(lines[0].encode()) <= 1000
    assert lines[0].endswith(f"[{missing} bytes cut]")
    assert lines[1] == "next"


async def test_a_line_of_100_megabytes_passes_in_bounded_memory(docker_engine: Engine) -> None:
    script = "head -c 100000000 /dev/zero | tr '\\0' x; echo; echo next"
    async with reading(docker_engine.host) as out:
        before = peak_memory()
        container = await run(docker_engine, "huge", script)
        await out.until(lambda: len(logs(out, container)) >= 2, timeout=50)
        grown = peak_memory() - before
    first, second = logs(out, container)
    assert len(first.body.encode()) <= 1_048_576
    missing = first.attributes["penstock.cut_bytes"]
    assert isinstance(missing, int)
    assert first.body.count("x") + missing == 100_000_000
    assert second.body == "next"
    assert grown < 16_000_000


def peak_memory() -> int:
    """Return the most bytes that this process ever had in memory."""
    with open("/proc/self/status") as file:
        kilobytes = next(line for line in file if line.startswith("VmHWM")).split()[1]
    return int(kilobytes) * 1024

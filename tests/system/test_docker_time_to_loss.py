"""A container that writes on while nothing is taken: the warning comes before the loss."""

from __future__ import annotations

import asyncio

from penstock.testing import RecordingOutlet
from penstock_source_docker.stamps import parse_stamp
from tests.system.parts.docker_source import docker, logs, reading, run
from tests.system.parts.engine import Engine

STEADY = (
    "line=$(printf %099d 0); for i in $(seq 100); do echo $line; done > /block; "
    "while :; do cat /block; usleep 10000; done"
)


async def oldest(engine: Engine, container: str) -> str:
    """Return the stamp of the oldest line that Docker has."""
    output = await docker(engine, "logs", "--timestamps", container)
    return output.partition(" ")[0]


async def test_a_loss_is_foretold(docker_engine: Engine) -> None:
    out = RecordingOutlet(settle=True)
    async with reading(docker_engine.host, outlet=out):
        options = {"max-size": "1m", "max-file": "8"}
        container = await run(docker_engine, "steady", STEADY, log_opts=options)
        quiet = await run(docker_engine, "quiet", "echo one; sleep 600", log_opts=options)
        origin = f"docker:{container}"
        await out.until(lambda: len(logs(out, container)) > 5000)
        assert out.risks == {}
        out.shut()
        said: list[float] = []
        while not said or said[-1] > 0:
            seconds = out.risks.get(origin)
            if seconds is not None and (not said or seconds < said[-1]):
                said.append(seconds)
            last = logs(out, container)[-1].time_unix_nano
            if said and said[-1] > 1:
                # As long as there is time, the last line that was sent is there as well.
                assert nanoseconds(await oldest(docker_engine, container)) <= last, said
            await asyncio.sleep(0.1)
        assert len(said) > 2, said
        assert said == sorted(said, reverse=True)
        there = last
        for _ in range(3):  # Docker's reader holds a file or two more than there are.
            there = await rotated_away(docker_engine, container, there)
        assert out.risks.keys() == {origin}
        await docker(docker_engine, "kill", container)
        out.open()
        await out.until(lambda: out.gaps, timeout=20)
    (loss,) = out.gaps
    assert loss.lane == container
    assert loss.gap.from_unix_nano >= last
    assert [event.body for event in logs(out, quiet)] == ["one"]


async def rotated_away(engine: Engine, container: str, last: int) -> int:
    """Wait until Docker has nothing as old as a line; return the stamp of the oldest it has."""
    async with asyncio.timeout(20):
        while (stamp := nanoseconds(await oldest(engine, container))) <= last:
            await asyncio.sleep(0.1)
    return stamp


def nanoseconds(stamp: str) -> int:
    time = parse_stamp(stamp.encode())
    assert time is not None, stamp
    return time

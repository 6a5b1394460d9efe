"""What demo containers print, when, and how they are read again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest

from penstock.api import Batch, Receipt, RetryableError, event_id
from penstock.testing import RecordingOutlet, Sent
from penstock_source_demo.container import Position
from penstock_source_demo.demo import Demo

HOUR = 3600 * 1_000_000_000
LANES = {"demo-web-1", "demo-api-1", "demo-worker-1"}


async def _read(out: RecordingOutlet | None = None, **settings: object) -> RecordingOutlet:
    """Run a demo source to the end of its input."""
    out = out or RecordingOutlet(settle=True)
    async with asyncio.timeout(10):
        await Demo(msgspec.convert(settings, Demo.Config)).run(out)
    return out


async def _read_until(condition: Callable[[], bool], out: RecordingOutlet, rate: float) -> None:
    """Run an endless demo source until it has sent enough."""
    task = asyncio.create_task(Demo(Demo.Config(rate=rate)).run(out))
    await out.until(condition)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def _ids(*batches: Sent) -> list[str]:
    return [
        event_id(sent.batch.resource.origin, event)
        for sent in batches
        for event in sent.batch.events
    ]


@pytest.mark.parametrize("rate", [0, 20_000])
async def test_count_is_the_number_of_all_events(rate: int) -> None:
    out = await _read(rate=rate, count=1001, containers=3)
    assert [len(out.events(f"demo-{name}-1")) for name in ("web", "api", "worker")] == [
        334,
        334,
        333,
    ]


async def test_fewer_events_than_containers() -> None:
    assert len((await _read(rate=0, count=2, containers=5)).events()) == 2


async def test_containers_print_what_containers_print() -> None:
    out = await _read(rate=0, count=3000, containers=3)
    assert all(' HTTP/1.1" ' in line for line in out.lines("stdout", lane="demo-web-1"))
    assert all(json.loads(line)["msg"] for line in out.lines(lane="demo-api-1"))
    trace = out.lines("stderr", lane="demo-worker-1")
    start = trace.index("Traceback (most recent call last):")
    assert trace[start + 1].startswith('  File "')
    assert trace[start + 7].startswith("TimeoutError: ")


async def test_a_fourth_container_prints_java_traces() -> None:
    out = await _read(rate=0, count=4000, containers=4)
    assert any(line.startswith("\tat java.base") for line in out.lines(lane="demo-billing-1"))


async def test_a_container_is_described_as_docker_does() -> None:
    out = await _read(rate=0, count=2, containers=2)
    web, api = (sent.batch.resource for sent in out.sent)
    assert (web.origin, api.origin) == ("demo:demo-web-1", "demo:demo-api-1")
    assert web.attributes["container.name"] == "demo-web-1"
    assert web.attributes["container.image.name"] == "nginx"
    assert web.attributes["service.name"] == "web"
    assert web.attributes["container.label.com.docker.compose.service"] == "web"
    assert len(str(web.attributes["container.id"])) == 64
    assert web.attributes["container.id"] != api.attributes["container.id"]


async def test_containers_of_a_service_print_at_different_places() -> None:
    out = await _read(rate=0, count=500, containers=5)
    assert out.lines(lane="demo-web-1") != out.lines(lane="demo-web-2")


async def test_a_seed_gives_the_same_lines() -> None:
    lines = [(await _read(rate=0, count=300, seed=seed)).lines() for seed in (1, 1, 2)]
    assert lines[0] == lines[1]
    assert lines[0] != lines[2]


@pytest.mark.parametrize("rate", [0, 100_000])
async def test_times_of_a_container_only_rise(rate: int) -> None:
    out = await _read(rate=rate, count=6000, containers=2)
    for lane in ("demo-web-1", "demo-api-1"):
        times = [event.time_unix_nano for event in out.events(lane)]
        assert all(one < later for one, later in pairwise(times))


async def test_the_rate_is_that_of_all_containers() -> None:
    out = await _read(rate=1000, count=20, containers=2)
    times = [event.time_unix_nano for event in out.events("demo-web-1")]
    assert {later - one for one, later in pairwise(times)} == {2_000_000}
    assert times[-1] <= time.time_ns()


@pytest.mark.parametrize("rate", [0, 50_000])
async def test_what_was_not_committed_is_read_again_just_the_same(rate: int) -> None:
    first = RecordingOutlet()
    await _read_until(lambda: {one.lane for one in first.sent[:-1]} == LANES, first, rate)
    first.settle(len(first.sent) - 1)
    (left,) = first.sent[-1:]
    again = RecordingOutlet(first.committed)
    missed = _ids(left)
    await _read_until(lambda: len(again.events(left.lane)) >= len(missed), again, rate)
    read = _ids(*(sent for sent in again.sent if sent.lane == left.lane))
    differing = [(was, now) for was, now in zip(missed, read, strict=False) if was != now]
    assert (len(missed) > 0, differing[:3]) == (True, [])


async def test_containers_went_on_while_nobody_read() -> None:
    start = time.time_ns() - 60_000_000_000
    out = await _read(
        RecordingOutlet({"demo-web-1": Position(start, 100, 10_000_000)}, settle=True),
        rate=100,
        containers=1,
        count=6000,
    )
    times = [event.time_unix_nano for event in out.events()]
    assert times == [start + number * 10_000_000 for number in range(100, 6000)]


async def test_what_nobody_read_for_too_long_is_a_gap() -> None:
    start = time.time_ns() - 3 * HOUR
    out = RecordingOutlet({"demo-web-1": Position(start, 5, 100_000_000)}, settle=True)
    source = Demo(Demo.Config(rate=10, containers=1))
    task = asyncio.create_task(source.run(out))
    await out.until_lines(30_000)
    task.cancel()
    (loss,) = out.gaps
    first = out.events()[1]
    assert isinstance(loss.gap.count, int)
    assert loss.gap.count > 71_000
    assert loss.gap.from_unix_nano == start + 4 * 100_000_000
    assert loss.gap.to_unix_nano == first.time_unix_nano
    assert first.time_unix_nano == start + (5 + loss.gap.count) * 100_000_000


async def test_another_rate_goes_on_from_now() -> None:
    before = time.time_ns()
    position = Position(before - 10 * HOUR, 90, 10**9)
    out = await _read(RecordingOutlet({"demo-web-1": position}), rate=1000, containers=1, count=100)
    assert len(out.events()) == 10
    assert out.events()[0].time_unix_nano >= before


async def test_after_the_last_line_a_container_is_gone() -> None:
    out = await _read(RecordingOutlet(), rate=0, count=10, containers=2)
    assert out.retired == ["demo-web-1", "demo-api-1"]
    out.settle_all()
    assert out.committed == {}


class _Refusing(RecordingOutlet):
    """An outlet that fails once, at the fourth batch."""

    async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
        if len(self.sent) == 3 and not self.retired:
            self.retired.append("failed")
            raise RetryableError("the bus is away")
        return await super().send(batch, lane=lane, position=position)


async def test_called_again_it_goes_on_where_it_was() -> None:
    source = Demo(Demo.Config(rate=0, count=3000))
    out = _Refusing()
    with pytest.raises(RetryableError):
        await source.run(out)
    await source.run(out)
    whole = await _read(rate=0, count=3000)
    for lane in ("demo-web-1", "demo-api-1", "demo-worker-1"):
        assert out.lines(lane=lane) == whole.lines(lane=lane)


async def test_a_full_bus_has_the_source_wait() -> None:
    out = RecordingOutlet(capacity=2)
    task = asyncio.create_task(Demo(Demo.Config(rate=0)).run(out))
    await out.until(lambda: out.waiting and out.unsettled == 2)
    out.settle()
    await out.until(lambda: len(out.sent) == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert out.most_held == 2


async def test_others_run_while_it_runs_at_full_speed() -> None:
    out = RecordingOutlet(settle=True)
    task = asyncio.create_task(Demo(Demo.Config(rate=0)).run(out))
    await out.until_lines(10_000)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "settings", [{"rate": -1}, {"count": -1}, {"containers": 0}, {"rte": 5}, {"rate": "fast"}]
)
def test_bad_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings, Demo.Config)

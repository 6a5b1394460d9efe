"""Sources that cannot be read again: what they send is kept before anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.api import Batch, BufferSettings, Counter, Log, Outlet, Resource, Source, heap_size
from penstock.bus.intake import Intake
from penstock.bus.services import Services
from penstock.config.plan import PenstockSettings, PipelinePlan, Plan, SinkPlan, SourcePlan
from penstock.durable import open_services
from penstock.runtime import Runtime
from penstock.state.unit import Unit, Written
from penstock.testing import MemoryDestination, MemorySink
from tests.delivery.durable_lab import Disk
from tests.delivery.lab import AT_ONCE, RETRY

ORIGIN = Resource("hose")


class Hose(Source):
    """Sends numbered lines that nobody can read again, and a counter after every tenth."""

    name = "hose"
    replayable = False
    sent = 0

    class Config(Source.Config, frozen=True, kw_only=True):
        count: int
        ends: bool = True

    config: Config

    async def run(self, out: Outlet) -> None:
        for number in range(self.config.count):
            events: list[Log | Counter] = [Log(number, f"line {number}")]
            if number % 10 == 9:
                events.append(Counter(number, "drops", 1))
            await out.send(Batch(ORIGIN, tuple(events), heap_size(events)))
            Hose.sent += 1
            await asyncio.sleep(0)
        if not self.config.ends:
            await asyncio.sleep(3600)


def plan(destination: str, buffer: BufferSettings, count: int = 300, *, ends: bool = True) -> Plan:
    return Plan(
        settings=PenstockSettings(drain_timeout_s=1),
        sources={
            "hose": SourcePlan(
                table="hose",
                component=Hose,
                config=Hose.Config(count=count, ends=ends),
                buffer=buffer,
            )
        },
        sinks={
            "x": SinkPlan(
                table="x",
                component=MemorySink,
                config=MemorySink.Config(destination=destination),
                batch=AT_ONCE,
                buffer=BufferSettings(type="memory", max_memory_bytes=65_536),
                retry=RETRY,
            )
        },
        pipelines={"main": PipelinePlan(name="main", sources=("hose",), sinks=("x",))},
    )


def lines(count: int) -> list[str]:
    return [f"line {number}" for number in range(count)]


async def until_sent(count: int) -> None:
    async with asyncio.timeout(30):
        while Hose.sent < count:
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def fresh() -> None:
    Hose.sent = 0


@pytest.fixture
def destination(request: pytest.FixtureRequest) -> MemoryDestination:
    return MemoryDestination.named(request.node.name)


async def test_everything_is_handed_on_in_order_before_the_end(
    tmp_path: Path, destination: MemoryDestination, request: pytest.FixtureRequest
) -> None:
    with open_services(str(tmp_path), 1 << 30) as services:
        one = plan(request.node.name, BufferSettings(type="disk"))
        assert await Runtime(one, services=services).main() == 0
        assert destination.lines() == lines(300)
        assert services.ledger.residues() == []
        assert services.ledger.row("sources.hose", "log").outcomes == {("delivered", ""): 300}
        assert services.ledger.row("sources.hose", "counter").outcomes == {("delivered", ""): 30}
        assert services.spools["sources.hose"].is_empty


async def test_a_source_does_not_wait_for_a_dead_sink_and_the_next_start_delivers(
    tmp_path: Path, destination: MemoryDestination, request: pytest.FixtureRequest
) -> None:
    destination.fail()
    buffer = BufferSettings(type="disk", max_memory_bytes=65_536)
    with open_services(str(tmp_path), 1 << 30) as services:
        runtime = Runtime(plan(request.node.name, buffer, 3000, ends=False), services=services)
        main = asyncio.create_task(runtime.main())
        await until_sent(3000)
        runtime.stop()
        assert await main == 1, "what the sink holds in memory alone is abandoned"
        assert services.ledger.residues() == []
        held = services.ledger.total("sinks.x").outcomes["abandoned", "drain_timeout"]
    destination.mend()
    with open_services(str(tmp_path), 1 << 30) as services:
        assert services.ledger.residues() == []
        assert await Runtime(plan(request.node.name, buffer, 0), services=services).main() == 0
        assert services.ledger.residues() == []
    assert 0 < held < 1000
    assert sorted(destination.lines(), key=lambda line: int(line.split()[1])) == lines(3000)


async def test_without_room_the_oldest_goes_and_is_counted_by_kind(
    destination: MemoryDestination, request: pytest.FixtureRequest
) -> None:
    destination.fail()
    buffer = BufferSettings(type="memory", max_memory_bytes=65_536, when_full="drop_oldest")
    services = Services()
    runtime = Runtime(plan(request.node.name, buffer, 3000, ends=False), services=services)
    main = asyncio.create_task(runtime.main())
    await until_sent(3000)
    destination.mend()
    await asyncio.sleep(2)
    runtime.stop()
    await main
    missing = set(lines(3000)).difference(destination.lines())
    dropped = {
        kind: services.ledger.row("sources.hose", kind).outcomes["dropped", "drop_oldest"]
        for kind in ("log", "counter")
    }
    assert dropped["log"] == len(missing)
    assert dropped["counter"] == sum(line.endswith("9") for line in missing)
    assert destination.lines()[-1] == "line 2999"
    assert services.ledger.residues() == []


class SlowDisk(Disk):
    """Takes everything, but is slower than what comes."""

    async def write(self, unit: Unit) -> Written:
        await asyncio.sleep(0.5)
        return await super().write(unit)


async def test_a_disk_that_is_slower_than_what_comes_costs_no_event(
    tmp_path: Path, destination: MemoryDestination, request: pytest.FixtureRequest
) -> None:
    buffer = BufferSettings(type="disk", max_memory_bytes=65_536, when_full="drop_oldest")
    with open_services(str(tmp_path), 1 << 30, SlowDisk) as services:
        one = plan(request.node.name, buffer, 3000)
        assert await Runtime(one, services=services).main() == 0
        assert destination.lines() == lines(3000)
        assert services.ledger.residues() == []


async def test_a_disk_that_stands_still_is_waited_for_once(
    tmp_path: Path,
    destination: MemoryDestination,
    request: pytest.FixtureRequest,
    waited: Callable[[], float],
) -> None:
    buffer = BufferSettings(type="disk", max_memory_bytes=65_536, when_full="drop_oldest")
    with open_services(str(tmp_path), 1 << 30, Disk) as services:
        assert services.journal
        disk = services.journal.store
        assert isinstance(disk, Disk)
        runtime = Runtime(plan(request.node.name, buffer, 3000, ends=False), services=services)
        disk.stand_still()
        main = asyncio.create_task(runtime.main())
        await until_sent(3000)
        assert 0.9 < waited() < 2
        disk.go_on()
        while (row := services.ledger.row("sources.hose", "log")).in_flight:
            await asyncio.sleep(0.01)
        await destination.until_lines(row.outcomes["delivered", ""])
        runtime.stop()
        assert await main == 0
        dropped = row.outcomes["dropped", "drop_oldest"]
        assert 0 < dropped == 3000 - len(destination.lines())
        assert destination.lines()[-1] == "line 2999"
        assert services.ledger.residues() == []


async def test_an_intake_waits_if_its_owner_chose_to_block() -> None:
    intake = Intake("sources.hose", "hose", Services(), BufferSettings(type="memory"))
    big = Batch(ORIGIN, (Log(0, "x" * 5_000_000),), 5_000_000)
    await intake.send(big)
    waiting = asyncio.create_task(intake.send(big))
    await asyncio.sleep(0.1)
    assert not waiting.done(), "one lane may use an eighth of the buffer"
    waiting.cancel()
    assert intake.leave() == 1


async def test_what_comes_after_the_rest_was_put_away_is_not_taken() -> None:
    services = Services()
    intake = Intake("sources.hose", "hose", services, BufferSettings(type="memory"))
    intake.leave()
    event = Log(1, "late")
    sending = asyncio.create_task(intake.send(Batch(ORIGIN, (event,), heap_size((event,)))))
    await asyncio.wait((sending,), timeout=0.05)
    sending.cancel()
    assert services.ledger.received == {}, "nobody would ever account for it"
    assert intake.buffer.is_empty


@pytest.mark.timeout(30)
async def test_a_stop_with_many_batches_looks_at_each_of_them_once(tmp_path: Path) -> None:
    event = Log(1, "x")
    batch = Batch(ORIGIN, (event,), heap_size((event,)))
    with open_services(str(tmp_path), 1 << 30) as services:
        intake = Intake("sources.hose", "hose", services, BufferSettings(max_memory_bytes=1 << 27))
        intake.buffer.attach()
        for _ in range(60_000):
            await intake.send(batch)
        assert intake.leave() == 0, "what shares no page with what a sink abandoned goes to disk"
        assert services.spools["sources.hose"].events == 60_000


async def test_what_a_source_sends_after_its_end_is_not_taken_in() -> None:
    services = Services()
    intake = Intake("sources.hose", "hose", services, BufferSettings(type="memory"))
    intake.shut()
    events = (Log(1, "late"),)
    sending = asyncio.create_task(intake.send(Batch(ORIGIN, events, heap_size(events))))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not sending.done()
    assert not list(services.ledger.rows())
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)

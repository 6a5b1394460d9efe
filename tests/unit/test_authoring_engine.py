"""What authors' helpers make, in the real runtime: what is read is delivered or accounted for."""

from __future__ import annotations

import asyncio
import queue
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import ClassVar

import pytest
from msgspec.structs import replace
from tests.delivery.lab import Lab

from penstock.api import (
    Batch,
    Gap,
    Log,
    Positioned,
    RejectedError,
    Report,
    RetryableError,
    Source,
    ThreadedSink,
    source,
    transform,
)
from penstock.api.settings import RetrySettings
from penstock.testing import lines

QUICK = RetrySettings(initial_backoff_ms=1, max_backoff_ms=4)

came = 0
"""How many events the generators below yielded."""


@pytest.fixture(autouse=True)
def _nothing_came() -> None:
    global came  # noqa: PLW0603
    came = 0


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    lab = Lab()
    lab.settings("far", retry=QUICK)
    yield lab
    await lab.close()


def following() -> Log:
    global came  # noqa: PLW0603
    came += 1
    return Log(came, f"line {came}")


@source
async def live() -> AsyncIterator[Log]:
    while True:
        yield following()
        if came % 7 == 0:
            await asyncio.sleep(0)


@source
def blocking() -> Iterator[Log]:
    while True:
        yield following()
        if came % 70 == 0:
            time.sleep(0.001)


@pytest.mark.parametrize("kind", [live, blocking])
async def test_what_cannot_be_read_again_is_not_lost_at_a_stop(
    lab: Lab, kind: type[Source]
) -> None:
    lab.sources["made"] = kind
    await lab.start(lab.plan(main="made > far"))
    await lab.until(lambda: len(lab.lines("far")) > 3000)
    assert await lab.stop() == 0
    assert lab.lines("far") == [f"line {number + 1}" for number in range(came)]


async def test_a_gap_is_counted_as_one(lab: Lab) -> None:
    @source
    async def gappy() -> AsyncIterator[Log | Gap]:
        yield Log(1, "before")
        yield Gap(2, "gone")
        yield Log(3, "after")

    lab.sources["made"] = gappy
    assert await lab.run(lab.plan(main="made > far")) == 0
    assert lab.services.ledger.gaps == {"sources.made": 1}
    assert lab.lines("far") == ["before", "after"]


async def test_a_generator_is_called_again_where_it_came_to(lab: Lab) -> None:
    @source
    async def moody(position: int | None) -> AsyncIterator[Positioned]:
        for number in range(position or 0, 500):
            yield Positioned(Log(number + 1, f"line {number}"), number + 1)
            if number in (100, 300):
                raise RetryableError("in a mood")

    lab.sources["made"] = moody
    assert await lab.run(lab.plan(main="made > far")) == 0
    assert lab.lines("far") == [f"line {number}" for number in range(500)]
    assert lab.position("made", "") == 500


async def test_a_transform_is_accounted_for(lab: Lab) -> None:
    @transform
    def sieve(event: Log) -> Sequence[Log]:
        number = int(event.body.split()[1])
        if number % 10 == 1:
            raise ValueError(event.body)
        made = [event, replace(event, body=f"copy {number}"), replace(event, body="more")]
        return made[: number % 4]

    lab.transforms["sieve"] = sieve
    origin = lab.origin("web")
    origin.write(f"line {number}" for number in range(400))
    origin.end()
    assert await lab.run(lab.plan(main="web > sieve > far")) == 0
    expected = [0, 1, 2, 3]
    arrived = sum(expected[n % 4] for n in range(400) if n % 10 != 1)
    filtered = sum(n % 4 == 0 for n in range(400) if n % 10 != 1)
    assert len(lab.lines("far")) == arrived
    assert lab.counts("far") == {
        "delivered": arrived,
        "filtered": filtered,
        "dead_lettered": 40,
    }


class Moody(ThreadedSink):
    """Takes events in a thread, and now and then fails, hangs or refuses."""

    name = "moody"
    write_timeout_s = 0.05
    far: ClassVar[list[str]] = []
    closed: ClassVar[list[int]] = []
    threads: ClassVar[set[int]] = set()
    chance: ClassVar[random.Random]

    def write_blocking(self, batches: Sequence[Batch]) -> Report | None:
        self.threads.add(threading.get_ident())
        draw = self.chance.random()
        if draw < 0.1:
            time.sleep(0.08)
        elif draw < 0.3:
            raise ConnectionResetError("gone")
        texts = lines(batches)
        if len(texts) > 1 and "line 77" in texts:
            raise RejectedError("one of them is bad")
        refused = {e: "bad" for one in batches for e in one.events if "77" in e.body}
        self.far.extend(text for text in texts if "77" not in text)
        return Report(rejected=refused) if refused else None

    def close_blocking(self) -> None:
        self.closed.append(threading.get_ident())


async def test_a_threaded_sink_delivers_through_timeouts_and_failures(lab: Lab) -> None:
    Moody.far, Moody.closed, Moody.threads = [], [], set()
    Moody.chance = random.Random(4)
    lab.sinks["far"] = Moody
    origin = lab.origin("web")
    origin.write(f"line {number}" for number in range(300))
    origin.end()
    assert await lab.run(lab.plan(main="web > far")) == 0
    good = [f"line {number}" for number in range(300) if number not in (77, 177, 277)]
    assert list(dict.fromkeys(Moody.far)) == good, "in order, and nothing is missing"
    assert lab.counts("far") == {"delivered": 297, "dead_lettered": 3}
    assert set(Moody.closed) == Moody.threads
    assert len(Moody.threads) == 1


class Stuck(ThreadedSink):
    """Hangs until a test lets it go."""

    name = "stuck"
    close_timeout_s = 0.1
    door: ClassVar[queue.SimpleQueue[None]]
    entered: ClassVar[threading.Event]

    def write_blocking(self, batches: Sequence[Batch]) -> None:
        self.entered.set()
        self.door.get()


async def test_a_client_that_hangs_for_ever_does_not_hold_up_the_stop(lab: Lab) -> None:
    Stuck.door, Stuck.entered = queue.SimpleQueue(), threading.Event()
    lab.sinks["far"] = Stuck
    lab.drain_timeout_s = 0.2
    lab.origin("web").write(f"line {number}" for number in range(10))
    await lab.start(lab.plan(main="web > far"))
    await lab.until(Stuck.entered.is_set)
    assert await lab.stop() == 1, "what was not delivered is abandoned, and said"
    assert lab.counts("far") == {"abandoned": 10}
    Stuck.door.put(None)
    await lab.until(lambda: all(t.name != "penstock-sinks.far" for t in threading.enumerate()))

"""Events gather into batches: one for each origin, and rather few of them."""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode

import pytest
from tests.loggregator import envelopes
from tests.loggregator.waiting import until

from penstock.api import Log, Resource
from penstock.testing import RecordingOutlet
from penstock_source_firehose.dropsonde import Dropsonde
from penstock_source_firehose.origins import Origins
from penstock_source_firehose.sending import (
    ENOUGH,
    LONGEST_S,
    MANY,
    MOST_BYTES,
    MOST_WAITING_BYTES,
    Sending,
)
from penstock_source_firehose.settings import KINDS

ALL = frozenset(KINDS.values())


class Gathering:
    """A way out, and what reads into it."""

    def __init__(self) -> None:
        self.outlet = RecordingOutlet(settle=True)
        self.sending = Sending(self.outlet, Resource("test", {}), ALL, 0)
        self._decode = Dropsonde(Origins(), ALL, MOST_BYTES).decode

    def read(self, text: str, instance: int = 0, **more: int) -> None:
        made = self._decode(envelopes.log(text, instance=str(instance), **more))
        assert made is not None
        self.sending.add(made)

    async def sent(self, batches: int) -> float:
        """Wait until so many batches were sent, and return the time."""
        sending = asyncio.create_task(self.sending.run())
        try:
            await until(lambda: len(self.outlet.sent) >= batches)
            return time.monotonic()
        finally:
            sending.cancel()


async def test_what_comes_together_is_one_batch_of_each_origin() -> None:
    gathering = Gathering()
    for number in range(30):
        gathering.read(f"{number}", number % 3)
    await gathering.sent(3)
    sizes = [len(one.batch.events) for one in gathering.outlet.sent]
    assert sizes == [10, 10, 10]


@pytest.mark.parametrize("events", [1, ENOUGH - 1])
async def test_many_origins_with_few_events_wait_for_more(events: int) -> None:
    gathering = Gathering()
    began = time.monotonic()
    for number in range(MANY * events):
        gathering.read("x", number % MANY)
    assert await gathering.sent(MANY) - began >= LONGEST_S


async def test_much_is_sent_at_once_and_too_much_stops_the_reading() -> None:
    gathering = Gathering()
    sending = gathering.sending
    text, read = "x" * 100_000, 0
    while not sending.is_full:
        gathering.read(text)
        read += 1
    assert read <= (MOST_WAITING_BYTES + MOST_BYTES) // len(text)
    await gathering.sent(2)
    await sending.room()
    sizes = [len(one.batch.events) for one in gathering.outlet.sent]
    assert sum(sizes) == read
    assert max(sizes) <= MOST_BYTES // len(text) + 1


def test_a_flood_of_what_is_no_envelope_keeps_little_of_each() -> None:
    gathering = Gathering()
    for _ in range(400):
        gathering.sending.refuse(b"\xff" * 60_000, "no envelope")
    shown = [event for event, _ in gathering.outlet.refusals if isinstance(event, Log)]
    kept = [len(b64decode(event.body)) for event in shown]
    missing = [int(event.attributes.get("penstock.cut_bytes", 0)) for event in shown]
    assert len(shown) == 400
    assert {one + other for one, other in zip(kept, missing, strict=True)} == {60_000}
    assert max(kept) == 60_000
    assert min(kept) > 0
    assert sum(kept) < 400 * 60_000 / 2


async def test_no_gap_reaches_into_a_future_that_an_event_claims() -> None:
    gathering = Gathering()
    gathering.sending.cut("cut")
    far = time.time_ns() + 10**18
    gathering.read("x", timestamp=far)
    gathering.sending.flush()
    await gathering.sent(2)
    (loss,) = gathering.outlet.gaps
    assert 0 < loss.gap.to_unix_nano < far

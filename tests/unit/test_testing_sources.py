"""The kit finds what is wrong with a source: one broken source for each obligation."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from itertools import count

import pytest
from msgspec.structs import replace
from tests.contract.sources import Between, SourceUnderTest, Wrapped, fails, fails_soon

from penstock.api import (
    Batch,
    Event,
    Log,
    Outlet,
    Receipt,
    Resource,
    RetryableError,
)
from penstock.testing import (
    MemorySource,
)
from penstock.testing.obligation import ObligationError


async def test_a_source_that_loses_lines() -> None:
    class Drop(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            return await super().send(
                replace(batch, events=batch.events[:4]), lane=lane, position=position
            )

    class Lossy(Wrapped):
        between = Drop

    assert "missing 'read 0004'" in (await fails_soon(Lossy, "test_sends_every_line_in_order")).seen


async def test_a_source_that_reorders() -> None:
    class Turn(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            turned = replace(batch, events=batch.events[::-1])
            return await super().send(turned, lane=lane, position=position)

    class Reordering(Wrapped):
        between = Turn

    broken = await fails(Reordering, "test_sends_every_line_in_order")
    assert "out of order from line 0" in broken.seen


async def test_a_source_that_starts_a_task_for_each_batch() -> None:
    tasks = []

    class Scatter(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            sending = self.out.send(batch, lane=lane, position=position)
            tasks.append(asyncio.create_task(sending))
            return None  # type: ignore[return-value]

    class Impatient(Wrapped):
        between = Scatter

    broken = await fails_soon(Impatient, "test_waits_while_the_outlet_is_full")
    assert "calls of `send` waited at once" in broken.seen
    broken = await fails_soon(Impatient, "test_sends_nothing_after_close")
    assert "batches were sent after close" in broken.seen
    broken = await fails_soon(Impatient, "test_stops_while_the_outlet_is_full")
    assert "left over" in broken.seen
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_source_that_holds_without_bound() -> None:
    class Queueing(MemorySource):
        """Copies all it reads into a list before it sends."""

        async def run(self, out: Outlet) -> None:
            queue: list[Event] = []
            filler = asyncio.create_task(self._fill(queue))
            try:
                while True:
                    while queue:
                        event = queue.pop(0)
                        await out.send(Batch(Resource("memory:web"), (event,), 1200))
                    await asyncio.sleep(0.001)
            finally:
                filler.cancel()

        async def _fill(self, queue: list[Event]) -> None:
            read = 0
            while True:
                lane = self.origin.lanes.get("web", [])
                copies = (replace(event, body=f"{event.body}.") for event in lane[read:])  # type: ignore[union-attr]
                queue.extend(copies)
                read = len(lane)
                await asyncio.sleep(0.001)

    broken = await fails(Queueing, "test_waits_while_the_outlet_is_full")
    assert "bytes, at most 300,000 may be held" in broken.seen


async def test_a_source_that_drops_what_has_to_wait() -> None:
    class Hurry(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            try:
                async with asyncio.timeout(0.1):
                    return await super().send(batch, lane=lane, position=position)
            except TimeoutError:
                return None  # type: ignore[return-value]

    class Hurried(Wrapped):
        between = Hurry

    broken = await fails_soon(Hurried, "test_waits_while_the_outlet_is_full")
    assert "missing '000000" in broken.seen


async def test_a_source_whose_positions_are_ahead_or_behind() -> None:
    class Ahead(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            return await super().send(batch, lane=lane, position=position + 2)  # type: ignore[operator]

    class Behind(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            return await super().send(batch, lane=lane, position=position - 1)  # type: ignore[operator]

    class Skipping(Wrapped):
        between = Ahead

    class Repeating(Wrapped):
        between = Behind

    broken = await fails_soon(Skipping, "test_resumes_without_loss_or_repeat")
    assert "missing" in broken.seen
    broken = await fails_soon(Repeating, "test_resumes_without_loss_or_repeat")
    assert "repeated" in broken.seen
    broken = await fails_soon(Repeating, "test_reads_what_came_while_it_was_away")
    assert "before 0039" in broken.seen
    assert "repeated" in (await fails_soon(Repeating, "test_stopped_anywhere")).seen


async def test_a_source_that_begins_at_the_end() -> None:
    class Tail(MemorySource):
        async def open(self) -> None:
            self._sent = {lane: len(events) for lane, events in self.origin.lanes.items()}

    broken = await fails_soon(Tail, "test_reads_what_came_while_it_was_away")
    assert "missing 'meanwhile 0000'" in broken.seen


async def test_a_source_whose_ids_change() -> None:
    ticks = count(1)

    class Restamp(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            events = [replace(event, time_unix_nano=next(ticks)) for event in batch.events]
            return await super().send(replace(batch, events=events), lane=lane, position=position)

    class Restamping(Wrapped):
        between = Restamp

    assert "ids differ" in (await fails(Restamping, "test_ids_are_stable")).seen


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"size": 3}, "a batch says 3 bytes"),
        ({"resource": Resource("")}, "no origin"),
        ({"events": ()}, "neither events nor a position"),
        ({"events": [Log(0, "x")], "size": 500}, "no time"),
        ({"events": [Log(1, "x")] * 2, "size": 500}, "ids are repeated"),
    ],
)
async def test_a_source_of_ill_formed_batches(change: dict[str, object], seen: str) -> None:
    class Deform(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            deformed = replace(batch, **change)
            place = position if deformed.events else None
            return await super().send(deformed, lane=lane, position=place)

    class Deforming(Wrapped):
        between = Deform

    assert seen in (await fails_soon(Deforming, "test_batches_are_well_formed")).seen


async def test_a_source_that_leaks_a_task() -> None:
    class Leaking(MemorySource):
        async def run(self, out: Outlet) -> None:
            self.task = asyncio.create_task(asyncio.sleep(2), name="pinger")
            await super().run(out)

    assert "pinger" in (await fails_soon(Leaking, "test_stopped_anywhere")).seen
    assert "pinger" in (await fails_soon(Leaking, "test_close_leaves_nothing_behind")).seen


async def test_a_source_that_leaks_a_socket_in_open() -> None:
    opened = []

    class Leaking(MemorySource):
        async def open(self) -> None:
            opened.append(socket.socket())
            await asyncio.sleep(0)

    assert "socket" in (await fails_soon(Leaking, "test_open_cancelled_anywhere")).seen
    for sock in opened:
        sock.close()


async def test_a_source_that_cannot_be_stopped() -> None:
    released: list[bool] = []

    class Stubborn(MemorySource):
        async def run(self, out: Outlet) -> None:
            while not released:
                try:
                    await super().run(out)
                except asyncio.CancelledError:
                    continue

    broken = await fails_soon(Stubborn, "test_stops_while_the_outlet_is_full")
    assert "did not end" in broken.seen
    released.append(True)


async def test_a_source_that_raises_what_it_gets() -> None:
    class Careless(MemorySource):
        async def run(self, out: Outlet) -> None:
            try:
                await super().run(out)
            except RetryableError:
                raise ConnectionResetError("peer") from None

    assert "ConnectionResetError" in (await fails(Careless, "test_outage")).seen


async def test_a_source_that_forgets_how_far_it_sent() -> None:
    class Forgetful(MemorySource):
        """Goes on from the position that was committed at the start, which is none."""

        async def run(self, out: Outlet) -> None:
            self._sent.clear()
            await super().run(NoPosition(out))  # type: ignore[arg-type]

    class NoPosition(Between):
        def position(self, lane: str) -> None:
            return None

    broken = await fails(Forgetful, "test_outage")
    assert "repeated 'before the outage 0000'" in broken.seen


async def test_a_source_that_dies_of_a_strange_line() -> None:
    class Strict(Between):
        async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
            if any("\0" in event.body for event in batch.events if type(event) is Log):
                raise ValueError("NUL in a line")
            return await super().send(batch, lane=lane, position=position)

    class Fussy(Wrapped):
        between = Strict

    assert "NUL in a line" in (await fails(Fussy, "test_hostile_lines")).seen


async def test_a_source_that_dies_of_bytes_or_drops_them() -> None:
    class Lines(MemorySource):
        """Reads bytes, as files and sockets hold them."""

        @staticmethod
        def read(line: str) -> str | None:
            return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

        async def run(self, out: Outlet) -> None:
            lane = self.origin.lanes.get("web", [])
            lane[:] = [
                replace(event, body=text)
                for event in lane
                if type(event) is Log
                if (text := self.read(event.body)) is not None
            ]
            await super().run(out)

    class Strict(Lines):
        @staticmethod
        def read(line: str) -> str:
            return line.encode("utf-8", "surrogateescape").decode()

    class Dropping(Lines):
        @staticmethod
        def read(line: str) -> str | None:
            return None if any("\udc80" <= one <= "\udcff" for one in line) else line

    class Raw(SourceUnderTest):
        async def produce_bytes(self, lines: Sequence[bytes]) -> None:
            await self.produce([line.decode("utf-8", "surrogateescape") for line in lines])

    test = "test_hostile_bytes"
    for source, seen in ((Strict, "UnicodeDecodeError"), (Dropping, "3 lines came of 10")):
        with pytest.raises(ObligationError, match=seen):
            await getattr(Raw(source, patience_s=0.4), test)()
    await getattr(Raw(Lines), test)()


async def test_a_source_that_cannot_be_closed_without_open() -> None:
    class Fragile(MemorySource):
        async def open(self) -> None:
            self.handle = object()

        async def close(self) -> None:
            del self.handle

    assert "AttributeError" in (await fails(Fragile, "test_close_without_open")).seen


async def test_a_source_whose_check_leaves_something() -> None:
    class Failing(MemorySource):
        async def check(self) -> None:
            raise ConnectionRefusedError("nobody there")

    class Leaving(MemorySource):
        async def check(self) -> None:
            self.task = asyncio.create_task(asyncio.sleep(2), name="checker")

    test = "test_check_leaves_nothing_behind"
    assert "ConnectionRefusedError" in (await fails(Failing, test)).seen
    assert "checker" in (await fails_soon(Leaving, test)).seen


async def test_a_source_whose_origin_is_away_at_the_start() -> None:
    class Careless(MemorySource):
        async def open(self) -> None:
            try:
                await super().open()
            except RetryableError:
                raise ConnectionRefusedError("nobody there") from None

    class GivingUp(MemorySource):
        """Takes an origin that is away for the end of input."""

        away = False

        async def open(self) -> None:
            self.away = self.origin.open_failure is not None

        async def run(self, out: Outlet) -> None:
            if not self.away:
                await super().run(out)

    test = "test_outage_at_start"
    assert "ConnectionRefusedError" in (await fails(Careless, test)).seen
    assert "missing 'there before 0000'" in (await fails_soon(GivingUp, test)).seen


async def test_a_source_that_opens_files_when_it_is_made() -> None:
    class Eager(MemorySource):
        def __init__(self, config: MemorySource.Config) -> None:
            super().__init__(config)
            socket.gethostname()

    with pytest.raises(ObligationError, match="Construction does no I/O"):
        SourceUnderTest(Eager).test_construction_does_no_io()


async def test_what_cannot_be_checked_is_skipped_aloud() -> None:
    class NotReplayable(MemorySource):
        replayable = False

    with pytest.raises(pytest.skip.Exception, match="replayable = False"):
        await SourceUnderTest(NotReplayable).test_resumes_without_loss_or_repeat()

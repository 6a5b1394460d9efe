"""A source sends what there is, in order, and waits while it is not taken."""

from __future__ import annotations

import asyncio
import inspect
import tracemalloc
from pathlib import Path

from penstock.api.event import EVENT_OVERHEAD_BYTES, Log, event_id
from penstock.testing.contracts.base import asynchronous
from penstock.testing.contracts.source_rig import SourceRig
from penstock.testing.distribution import owned_class
from penstock.testing.hostile import BYTES, LINES
from penstock.testing.obligation import difference, require, short
from penstock.testing.outlet import RecordingOutlet, Sent

LINE_ENDS = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
"""What may end a line: lines with these inside are not produced."""


class SourceReading(SourceRig):
    """What a source sends, and how fast."""

    @asynchronous
    async def test_sends_every_line_in_order(self) -> None:
        """Every line is sent, once, in the order of its stream."""
        lines = await self._prepare("read")
        async with self._run(RecordingOutlet(settle=True)) as run:
            got = await run.lines(len(lines))
            if not self.generates:
                await self.produce(more := [f"read later {number}" for number in range(5)])
                lines += more
                got = await run.lines(len(lines))
        self._require_alive(run, self.test_sends_every_line_in_order)
        fault = await self._compare(lines, got)
        require(
            not fault,
            self.test_sends_every_line_in_order,
            seen=fault,
            do="send what was read before reading on, from one task per lane",
        )

    @asynchronous
    async def test_batches_are_well_formed(self) -> None:
        """Batches have an origin, a size, events with a time, and ids that differ."""
        lines = await self._prepare("formed")
        outlet = RecordingOutlet(settle=True)
        async with self._run(outlet) as run:
            await run.lines(len(lines))
        for sent in outlet.sent:
            fault = _fault(sent)
            require(
                not fault,
                self.test_batches_are_well_formed,
                seen=fault,
                do="make batches with an origin that is the same at every start, and "
                "`size = heap_size(events)`",
            )
        ids = [event_id(s.batch.resource.origin, e) for s in outlet.sent for e in s.batch.events]
        require(
            len(set(ids)) == len(ids),
            self.test_batches_are_well_formed,
            seen=f"{len(ids) - len(set(ids))} of {len(ids)} ids are repeated",
            do="count `ordinal` up for events of one stream with the same time",
        )

    @asynchronous
    async def test_waits_while_the_outlet_is_full(self) -> None:
        """While ``send`` waits, the source reads no further: what it holds is bounded."""
        test = self.test_waits_while_the_outlet_is_full
        flood = [f"{number:06} ".ljust(1000, "x") for number in range(self._flood_lines)]
        outlet = RecordingOutlet(settle=True)
        async with self._run(outlet) as run:
            outlet.shut()
            if not self.generates:
                await self.produce(flood[:1])
            await run.until(lambda: outlet.waiting)
            held = await self._held_while_flooded(flood[1:])
            require(
                outlet.waiting <= self.most_waiting_sends,
                test,
                seen=f"{outlet.waiting} calls of `send` waited at once, at most "
                f"{self.most_waiting_sends} may",
                do="`await out.send(…)` before reading on; start no task for each batch",
            )
            require(
                held <= self.may_hold_bytes,
                test,
                seen=f"it held {held:,} bytes, at most {self.may_hold_bytes:,} may be held",
                do="put nothing on a list or queue of your own without a bound in bytes",
            )
            outlet.open()
            got = [] if self.generates else await run.lines(len(flood))
        self._require_alive(run, test)
        require(
            self.generates or got == flood,
            test,
            seen=difference(flood, got),
            do="go on where it waited; what cannot be had any more is `out.lost`",
        )

    @asynchronous
    async def test_hostile_lines(self) -> None:
        """Whatever bytes a line holds, the source lives on and reads the next one."""
        self._only_produced()
        hostile = [text for text in LINES.values() if not LINE_ENDS & set(text)]
        clean = [text.encode("utf-8", "replace").decode() for text in hostile]
        await self.produce([*clean, "after the hostile lines"])
        outlet = RecordingOutlet(settle=True)
        async with self._run(outlet) as run:
            await run.until(lambda: "after the hostile lines" in outlet.lines())
        self._require_alive(run, self.test_hostile_lines)
        require(
            "after the hostile lines" in outlet.lines(),
            self.test_hostile_lines,
            seen=f"{len(outlet.lines())} lines came, the last is {short(outlet.lines()[-1:])}",
            do='decode with `errors="replace"`, and cut what is too long',
        )

    @asynchronous
    async def test_hostile_bytes(self) -> None:
        """Bytes that are no text break nothing: each line is sent, or refused by name."""
        self._only_produced()
        await self.produce_bytes([*BYTES.values(), b"after the hostile bytes"])
        outlet = RecordingOutlet(settle=True)
        async with self._run(outlet) as run:
            await run.until(lambda: "after the hostile bytes" in outlet.lines())
        self._require_alive(run, self.test_hostile_bytes)
        told = len(outlet.lines()) + len(outlet.refusals)
        require(
            "after the hostile bytes" in outlet.lines() and told == len(BYTES) + 1,
            self.test_hostile_bytes,
            seen=f"{len(outlet.lines())} lines came of {len(BYTES) + 1}, and "
            f"{len(outlet.refusals)} were refused; the last is {short(outlet.lines()[-1:])}",
            do='decode with `errors="replace"`, and give `out.refused` what cannot be read at all',
        )

    @property
    def _flood_lines(self) -> int:
        return 2 * self.may_hold_bytes // 1000

    async def _held_while_flooded(self, flood: list[str]) -> int:
        """Have much to be read and return the heap bytes that the source's own code took for it."""
        folder = Path(inspect.getfile(owned_class(type(self.make_source())))).parent
        tracemalloc.start()
        try:
            if not self.generates:
                await self.produce(flood)
            await asyncio.sleep(0.3)
            snapshot = tracemalloc.take_snapshot()
        finally:
            tracemalloc.stop()
        own = tracemalloc.Filter(True, f"{folder}/*")
        return sum(trace.size for trace in snapshot.filter_traces([own]).traces)


def _fault(sent: Sent) -> str:
    batch = sent.batch
    if not batch.resource.origin:
        return "a batch has no origin"
    if not len(batch.events):
        return "" if sent.position is not None else "a batch has neither events nor a position"
    if any(event.time_unix_nano <= 0 for event in batch.events):
        return "an event has no time"
    text = sum(len(event.body) for event in batch.events if type(event) is Log)
    least = text + EVENT_OVERHEAD_BYTES * len(batch.events) // 2
    if batch.size < least:
        return f"a batch says {batch.size} bytes for {len(batch.events)} events of {text} bytes"
    return ""

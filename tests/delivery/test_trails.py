"""Positions follow what is settled, however it gets there and in whatever order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.api import Batch, BatchSettings, BufferSettings, Log, Report, RetryableError
from penstock.delivery.receipts import BatchReceipt
from tests.delivery.line import Line, ScriptedSink
from tests.delivery.transforms import Grep, Join

LINE = st.sampled_from(["line", " joined", "drop"])
STEPS = st.lists(
    st.one_of(
        st.lists(LINE, min_size=1, max_size=4),
        st.tuples(st.integers(0, 1), st.integers(0, 9), st.booleans()),
    ),
    max_size=30,
)


class Turnstile:
    """Writes that end in the order, and in the way, that a test chooses."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.is_open = False

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        if not self.is_open:
            self.waiting.append(asyncio.get_running_loop().create_future())
            await self.waiting[-1]
        return None

    def let_one_go(self, index: int, fails: bool) -> None:
        if not self.waiting:
            return
        one = self.waiting.pop(index % len(self.waiting))
        if fails:
            one.set_exception(RetryableError("not now"))
        else:
            one.set_result(None)

    def open(self) -> None:
        self.is_open = True
        while self.waiting:
            self.let_one_go(0, False)


def turnstiles() -> tuple[list[Turnstile], list[ScriptedSink]]:
    gates = [Turnstile(), Turnstile()]
    sinks = [ScriptedSink(gate.write, order="none", in_flight=5) for gate in gates]
    return gates, sinks


def may_be_committed(sent: list[list[str]], sinks: list[ScriptedSink]) -> int:
    """Return how many batches, from the first on, have all of their lines at both far ends."""
    arrived = [set("\n".join(sink.delivered).split("\n")) for sink in sinks]
    there = (
        all("drop" in line or all(line in far for far in arrived) for line in batch)
        for batch in sent
    )
    return sum(1 for _ in itertools.takewhile(bool, there))


async def steps() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


async def play(moves: list[list[str] | tuple[int, int, bool]]) -> None:
    """Send and settle as told: filter, join, two sinks that settle in any order."""
    gates, sinks = turnstiles()
    number = itertools.count()
    sent: list[list[str]] = []
    batch = BatchSettings(max_events=2, max_wait_ms=0)
    async with Line(*sinks, transforms=(Grep, Join), batch=batch) as line:
        for move in moves:
            if isinstance(move, tuple):
                gates[move[0]].let_one_go(*move[1:])
            else:
                sent.append([f"{text} {next(number)}" for text in move])
                await line.send(*sent[-1], position=len(sent))
            await steps()
            assert (line.position() or 0) <= may_be_committed(sent, sinks)  # type: ignore[operator]
        for gate in gates:
            gate.open()
    assert line.position() == (len(sent) or None)
    assert may_be_committed(sent, sinks) == len(sent)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_nothing_is_committed_before_both_sinks_have_it(
    moves: list[list[str] | tuple[int, int, bool]],
) -> None:
    asyncio.run(play(moves))


async def test_a_batch_is_settled_once_every_sink_has_settled_it() -> None:
    gates, sinks = turnstiles()
    async with Line(*sinks) as line:
        receipt = await line.send("a", position=1)
        settled = asyncio.create_task(receipt.settled())
        await steps()
        gates[0].let_one_go(0, False)
        await steps()
        assert not settled.done()
        assert line.position() is None
        gates[1].let_one_go(0, False)
        await asyncio.wait_for(settled, 5)
        assert line.position() == 1


async def test_what_is_filtered_away_is_settled_at_once() -> None:
    async with Line(ScriptedSink(), transforms=(Grep,)) as line:
        await line.send("drop a", "drop b", position=1)
        assert line.position() == 1


async def test_what_every_sink_refuses_by_kind_is_settled_at_once() -> None:
    async with Line(ScriptedSink(accepts=frozenset())) as line:
        await line.send("a", position=1)
        assert line.position() == 1
        assert line.counts() == {"filtered": 1}


async def test_a_batch_without_events_only_moves_the_position() -> None:
    gates, sinks = turnstiles()
    async with Line(*sinks) as line:
        await line.send(position=1)
        assert line.position() == 1
        await line.send("a", position=2)
        await line.send(position=3)
        await steps()
        assert line.position() == 1
        for gate in gates:
            gate.open()
    assert line.position() == 3
    assert sinks[0].writes == [["a"]]


async def test_positions_go_on_after_the_source_has_ended() -> None:
    gates, sinks = turnstiles()
    line = Line(*sinks)
    async with line:
        source = asyncio.create_task(line.send("a", position=1))
        await source
        line.outlet.shut()
        for gate in gates:
            gate.open()
    assert line.position() == 1


async def test_what_is_abandoned_is_never_committed() -> None:
    gates, sinks = turnstiles()
    line = Line(*sinks)
    await line.start()
    await line.send("a", position=1)
    await steps()
    for gate in gates:
        gate.open()
    await line.send("b", "c", position=2)
    await steps()
    gates[1].is_open = False
    await line.send("d", position=3)
    await steps()
    assert await line.stop() == 1
    assert line.position() == 2
    assert line.counts(1) == {"delivered": 3, "abandoned": 1}
    line.check()


# --- lanes ---------------------------------------------------------------------------------


async def test_a_retired_lane_is_forgotten_once_all_of_it_is_delivered() -> None:
    gates, sinks = turnstiles()
    async with Line(*sinks) as line:
        await line.send("a", lane="gone", position=1)
        await line.send("b", lane="here", position=1)
        line.outlet.retire("gone")
        await steps()
        assert line.outlet.position("gone") == 1
        for gate in gates:
            gate.open()
        await line.drain()
        assert line.position("gone") is None
        assert line.outlet.position("gone") is None
        assert line.position("here") == 1
        rows = {origin: row.read for sink, origin, row in line.ledger.rows() if sink == "sinks.0"}
        assert rows == {"(gone)": 1, "test:here": 1}


async def test_a_lane_that_was_never_used_can_be_retired() -> None:
    async with Line(ScriptedSink()) as line:
        line.services.positions.commit(("sources.test", "old"), 7)
        assert line.outlet.position("old") == 7
        line.outlet.retire("old")
        assert line.outlet.position("old") is None


async def test_a_source_that_comes_back_goes_on_behind_what_is_under_way() -> None:
    gates, sinks = turnstiles()
    async with Line(*sinks) as line:
        await line.send("a", position=[1, "x"])
        await line.send("b", position=[2, "y"])
        await steps()
        line.outlet = line.new_outlet()
        assert line.position() is None
        assert line.outlet.position("a") == [2, "y"]
        await line.send("c", position=[3, "z"])
        for gate in gates:
            gate.open()
    assert line.position() == [3, "z"]


async def test_a_lane_that_comes_back_while_it_is_retired_keeps_its_position() -> None:
    gates, sinks = turnstiles()
    async with Line(*sinks) as line:
        await line.send("a", position=1)
        line.outlet.retire("a")
        line.outlet = line.new_outlet()
        await line.send("b", position=2)
        for gate in gates:
            gate.open()
    assert line.position() == 2


async def test_positions_are_given_back_as_plain_builtins() -> None:
    async with Line(ScriptedSink()) as line:
        await line.send("a", position=BufferSettings(max_memory_bytes=70_000))
        position = line.outlet.position("a")
        assert isinstance(position, dict)
        assert position["max_memory_bytes"] == 70_000
        assert line.new_outlet().position("b") is None


async def test_a_gap_goes_the_way_of_events() -> None:
    sink = ScriptedSink(accepts=frozenset({Log}))
    async with Line(sink) as line:
        resource = line.batch((), "a").resource
        await line.outlet.lost(resource, "log rotated", lane="a", start=1, end=5, count=12)
        line.outlet.duplicates(resource, 3)
        line.outlet.duplicates(resource, 4)
    assert line.ledger.gaps == {"sources.test": 1}
    assert line.ledger.duplicates == {"sources.test": 7}
    assert line.ledger.received == {"sources.test": 1}
    assert line.counts() == {"filtered": 1}


async def test_receipts_do_not_pile_up() -> None:
    async with Line(ScriptedSink()) as line:
        receipts: list[BatchReceipt] = []
        for number in range(200):
            receipts.append(await line.send("a", position=number))
            await asyncio.sleep(0)
        await receipts[-1].settled()
        assert all(receipt.is_settled for receipt in receipts)
        assert line.position() == 199

"""How batches become writes: bounds, waiting to fill, how many are open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from penstock.api import Batch, BatchSettings, Context, Report
from tests.delivery.line import Line, ScriptedSink


class Gate:
    """Lets writes through once it is open."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        await self.opened.wait()
        return None


async def steps() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


async def test_max_events() -> None:
    sink = ScriptedSink()
    line = Line(sink, batch=BatchSettings(max_events=3, max_wait_ms=0))
    for number in range(7):
        await line.send(str(number))
    async with line:
        pass
    assert [len(write) for write in sink.writes] == [3, 3, 1]
    assert sink.delivered == [str(number) for number in range(7)]


async def test_a_large_batch_is_written_in_pieces() -> None:
    sink = ScriptedSink()
    async with Line(sink, batch=BatchSettings(max_events=4, max_wait_ms=0)) as line:
        receipt = await line.send(*map(str, range(10)), position=1)
        await receipt.settled()
        assert line.position() == 1
    assert [len(write) for write in sink.writes] == [4, 4, 2]


async def test_max_bytes() -> None:
    sink = ScriptedSink()
    line = Line(sink, batch=BatchSettings(max_bytes=1000, max_wait_ms=0))
    for number in range(4):
        await line.send("x" * 300, str(number))
    async with line:
        pass
    assert [len(write) for write in sink.writes] == [2, 2, 2, 2]


async def test_without_waiting_what_is_there_is_written() -> None:
    sink = ScriptedSink()
    async with Line(sink, batch=BatchSettings(max_wait_ms=0)) as line:
        await line.send("a")
        await steps()
        assert sink.writes == [["a"]]


async def test_waits_to_fill() -> None:
    sink = ScriptedSink()
    async with Line(sink, batch=BatchSettings(max_events=3, max_wait_ms=60_000)) as line:
        await line.send("a")
        await line.send("b")
        await steps()
        assert sink.writes == []
        await line.send("c")
        await steps()
        assert sink.writes == [["a", "b", "c"]]
        await line.send("d")
        await steps()
        assert len(sink.writes) == 1
    assert sink.writes[1:] == [["d"]]


async def test_waits_so_long_and_no_longer() -> None:
    sink = ScriptedSink()
    async with Line(sink, batch=BatchSettings(max_wait_ms=20)) as line:
        await line.send("a")
        await steps()
        assert sink.writes == []
        receipt = await line.send("b")
        await asyncio.wait_for(receipt.settled(), 5)
        assert sink.writes == [["a", "b"]]


async def test_bytes_fill_a_write_too() -> None:
    sink = ScriptedSink()
    settings = BatchSettings(max_bytes=1000, max_wait_ms=60_000)
    async with Line(sink, batch=settings) as line:
        await line.send("x" * 900)
        await steps()
        assert len(sink.writes) == 1


async def test_what_is_parked_does_not_fill_a_write() -> None:
    gate = Gate()
    sink = ScriptedSink(gate.write, in_flight=4)
    settings = BatchSettings(max_events=2, max_wait_ms=60_000)
    async with Line(sink, batch=settings) as line:
        for number in range(10):
            await line.send(f"busy {number}", lane="busy")
        await steps()
        await line.send("quiet", lane="quiet")
        await steps()
        assert sink.writes == [["busy 0", "busy 1"]]
        gate.opened.set()


async def test_one_write_at_a_time_by_default() -> None:
    gate = Gate()
    sink = ScriptedSink(gate.write)
    async with Line(sink) as line:
        for lane in "abc":
            await line.send(lane, lane=lane)
            await steps()
        assert sink.open_writes == 1
        gate.opened.set()
    assert sink.most_open == 1
    assert sink.writes == [["a"], ["b", "c"]]


async def test_in_flight() -> None:
    gate = Gate()
    sink = ScriptedSink(gate.write, in_flight=3, order="none")
    async with Line(sink) as line:
        for number in range(6):
            await line.send(str(number))
            await steps()
        assert sink.writes == [["0"], ["1"], ["2"]]
        gate.opened.set()
    assert sink.most_open == 3
    assert sink.writes[3:] == [["3", "4", "5"]]


async def test_no_write_starts_beyond_open_bytes() -> None:
    gate = Gate()
    sink = ScriptedSink(gate.write, in_flight=100, order="stream", context=Context(open_bytes=1000))
    async with Line(sink) as line:
        for number in range(10):
            await line.send(str(number), "x" * 170)
            await steps()
        assert line.runner.buffer.open_bytes == 2 * 501
        assert len(sink.writes) == 2
        gate.opened.set()
    assert len(sink.delivered) == 20


async def test_a_buffer_holds_what_waits_and_what_is_open() -> None:
    gate = Gate()
    async with Line(ScriptedSink(gate.write)) as line:
        await line.send("a")
        await steps()
        await line.send("b")
        assert line.runner.buffer.heap_bytes == 2 * 166
        gate.opened.set()

"""What is joined is never cut by a restart, wherever that comes."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.api import BatchSettings
from penstock_transform_multiline.multiline import Multiline
from tests.delivery.line import Line, ScriptedSink
from tests.delivery.test_trails import Turnstile, steps

TRACE = [
    "Traceback (most recent call last):",
    '  File "/app/shop.py", line 3, in <module>',
    "    main()",
    "ValueError: no",
]
READY = ["2024-11-21 INFO ready"]
EVENTS = st.lists(st.sampled_from([READY, TRACE, TRACE[:1]]), min_size=3, max_size=12)
SEND = st.integers(1, 6)
LET_ONE_GO = st.just(0)
ONE_EACH = BatchSettings(max_events=1, max_wait_ms=0)


async def test_a_position_within_a_trace_is_not_committed() -> None:
    gate = Turnstile()
    sink = ScriptedSink(gate.write, order="none", in_flight=5)
    async with Line(sink, transforms=(Multiline,), batch=ONE_EACH) as line:
        await line.send(*READY, *TRACE[:2], position=3)
        await line.send(*TRACE[2:], *READY, *TRACE[:1], position=6)
        await line.send(*READY, position=7)
        await steps()
        for _ in range(2):
            gate.let_one_go(0, False)
            await steps()
        assert sink.delivered == [*READY, "\n".join(TRACE)]
        assert line.position() is None, "reading again would begin in the trace"
        gate.open()
    assert line.position() == 7


async def play(events: list[list[str]], moves: list[int]) -> None:
    """Send lines in batches of any size, and let writes end now and then."""
    gate = Turnstile()
    lines = [line for event in events for line in event]
    ends = {sum(len(event) for event in events[:number]) for number in range(len(events) + 1)}
    sent = 0
    sink = ScriptedSink(gate.write, order="none", in_flight=5)
    async with Line(sink, transforms=(Multiline,), batch=ONE_EACH) as line:
        for move in moves:
            if not move:
                gate.let_one_go(0, False)
            elif part := lines[sent : sent + move]:
                sent += len(part)
                await line.send(*part, position=sent)
            await steps()
            position = line.position()
            assert position is None or position in ends, "reading again would begin in a trace"
        gate.open()
    assert line.position() == (sent or None)


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.lists(st.one_of(SEND, LET_ONE_GO, LET_ONE_GO), max_size=40))
def test_no_position_within_a_trace_is_ever_committed(
    events: list[list[str]], moves: list[int]
) -> None:
    asyncio.run(play(events, moves))

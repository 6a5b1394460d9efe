"""Streams that end, are silent, or tell of losses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.loggregator import RlpGateway, TrafficController, envelopes, v2
from tests.loggregator.waiting import until

from penstock.api import Batch, Counter, Gap, Log, Receipt
from penstock.testing import RecordingOutlet, configured
from penstock.testing.source_run import SourceRun
from penstock_source_firehose.losses import Loss, Losses
from penstock_source_firehose.origins import make_origin
from penstock_source_firehose.source import Firehose


@asynccontextmanager
async def reading(
    server: Any, outlet: RecordingOutlet | None = None, **table: Any
) -> AsyncIterator[tuple[SourceRun, RecordingOutlet]]:
    outlet = outlet or RecordingOutlet(settle=True)
    source = configured(Firehose, {"url": server.url, "subscription_id": "a", **table})
    async with SourceRun(source, outlet) as run:
        await until(lambda: server.live)
        yield run, outlet


def gaps(outlet: RecordingOutlet) -> list[Gap]:
    return [loss.gap for loss in outlet.gaps]


async def test_what_is_no_envelope_is_kept_and_the_stream_goes_on() -> None:
    async with TrafficController() as tc, reading(tc) as (_, outlet):
        tc.emit(envelopes.log("before"), b"\xffno envelope", envelopes.log("behind"))
        tc.send_text("hello")
        await until(lambda: len(outlet.refusals) == 2)
        assert await outlet.until_lines(2) == ["before", "behind"]
        bodies = {event.body for event, _ in outlet.refusals if isinstance(event, Log)}
        assert bodies == {"/25vIGVudmVsb3Bl", "aGVsbG8="}
        assert not gaps(outlet)


async def test_one_gap_for_each_way_in_which_a_stream_ends() -> None:
    async with TrafficController() as tc, reading(tc) as (_, outlet):
        tc.emit(first := envelopes.log("first"))
        await outlet.until_lines(1)
        tc.close(1000)
        await until(lambda: len(tc.connections) == 2 and tc.live)
        tc.drop()
        await until(lambda: len(tc.connections) == 3 and tc.live)
        tc.emit(envelopes.log("behind"))
        await outlet.until_lines(2)
        closed, dropped = gaps(outlet)
        assert "closed with 1000" in closed.reason
        assert "without a close (1006)" in dropped.reason
        events = [event for event in outlet.events() if not isinstance(event, Gap)]
        times = [event.time_unix_nano for event in events]
        for gap in (closed, dropped):
            assert [gap.from_unix_nano, gap.to_unix_nano] == times
            assert gap.count is None
        assert first


async def test_a_cut_that_nothing_follows_is_said_at_the_end() -> None:
    outlet = RecordingOutlet(settle=True)
    async with TrafficController() as tc, reading(tc, outlet):
        tc.close(1008, "too slow")
        await until(lambda: len(tc.connections) == 2)
        assert not gaps(outlet)
    (gap,) = gaps(outlet)
    assert "1008 'too slow'" in gap.reason
    assert gap.to_unix_nano == 0


async def test_a_start_says_what_came_while_nobody_read() -> None:
    async with TrafficController() as tc:
        async with reading(tc) as (_, before):
            tc.emit(envelopes.log("before"))
            await before.until_lines(1)
        assert not gaps(before)
        async with reading(tc, RecordingOutlet(before.committed, settle=True)) as (_, outlet):
            tc.emit(envelopes.log("behind"))
            await outlet.until_lines(1)
        (gap,) = gaps(outlet)
        assert "not connected" in gap.reason
        assert gap.from_unix_nano == before.events()[0].time_unix_nano
        assert gap.to_unix_nano == outlet.events()[-1].time_unix_nano


class Stumbling(RecordingOutlet):
    """An outlet that fails at a batch in a way that nobody foresees."""

    stumbles = False

    async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
        if self.stumbles:
            self.stumbles = False
            raise LookupError("a defect")
        return await super().send(batch, lane=lane, position=position)


async def test_a_defect_that_ends_all_streams_is_a_gap_too() -> None:
    outlet = Stumbling(settle=True)
    async with TrafficController() as tc:
        async with reading(tc, outlet) as (run, _):
            tc.emit(envelopes.log("first"))
            await outlet.until_lines(1)
            outlet.stumbles = True
            tc.emit(envelopes.log("second"))
            await until(lambda: run.ended)
        assert run.error
        async with SourceRun(run.source, outlet):
            await until(lambda: tc.live)
            tc.emit(envelopes.log("third"))
            assert await outlet.until_lines(3) == ["first", "second", "third"]
        (gap,) = gaps(outlet)
        assert "defect" in gap.reason
        assert 0 < gap.from_unix_nano < gap.to_unix_nano


async def test_pings_are_answered_while_nothing_can_be_sent() -> None:
    outlet = RecordingOutlet(capacity=0)
    async with TrafficController(pace=0.01) as tc, reading(tc, outlet) as (_, outlet):
        tc.emit(*[envelopes.log(f"{number}") for number in range(100)])
        await until(lambda: outlet.waiting)
        (client,) = tc.live
        answered = client.pongs
        await until(lambda: client.pongs >= answered + 3)
        outlet.open()
        assert len(await outlet.until_lines(100)) == 100
        assert not gaps(outlet)


async def test_only_the_kinds_that_are_wanted_are_sent() -> None:
    wanted = {"kinds": ["log", "gauge"]}
    async with TrafficController() as tc, reading(tc, **wanted) as (_, outlet):
        tc.emit(
            envelopes.counter("c", 1, 1),
            envelopes.http("http://x/"),
            envelopes.container(),
            envelopes.log("x"),
        )
        await until(lambda: len(outlet.events()) >= 2)
        assert {type(event).__name__ for event in outlet.events()} == {"Gauge", "Log"}


@pytest.mark.parametrize("whose", [{}, {"subscription_id": "", "app": v2.APP}])
async def test_the_next_stream_of_a_gateway_is_open_before_the_last_one_ends(
    whose: dict[str, str],
) -> None:
    async with RlpGateway(stream_timeout_s=1.0) as rlp:
        async with reading(rlp, protocol="v2", **whose) as (_, outlet):
            await until(lambda: len(rlp.streams) >= 2)
            emitted = 0
            while len(rlp.streams) < 6:
                known = len(rlp.streams)
                await until(lambda known=known: len(rlp.streams) > known or rlp.live)  # type: ignore[misc]
                if rlp.live:
                    rlp.emit(v2.log(f"{emitted}"))
                    emitted += 1
                    await outlet.until_lines(emitted)
        assert rlp.unheard == 0
        assert sorted(map(int, outlet.lines())) == list(range(emitted))
        # The first stream's life was not known yet; a busy machine may be late for another one.
        assert len(gaps(outlet)) <= 2 < len(rlp.streams) - 2


async def test_a_stream_that_says_that_it_leaves_and_stays_has_no_crowd_behind_it() -> None:
    async with RlpGateway() as rlp, reading(rlp, protocol="v2") as (_, outlet):
        rlp.raw(b"event: closing\ndata: closing due to stream timeout\n\n")
        await until(lambda: len(rlp.live) == 2)
        for number in range(1, 21):
            rlp.emit(v2.log(f"{number}"))
            await outlet.until_lines(number)
        assert len(rlp.streams) == 2
        rlp.streams[0].finish()
        await until(lambda: len(rlp.streams) == 3 and len(rlp.live) == 2)
        assert not gaps(outlet)


async def test_a_gateway_that_is_silent_or_breaks_off() -> None:
    async with RlpGateway() as rlp, reading(rlp, protocol="v2") as (_, outlet):
        rlp.emit(v2.log("before"))
        await outlet.until_lines(1)
        rlp.half_line(v2.log("half"))
        await until(lambda: len(rlp.streams) == 2 and rlp.live)
        rlp.emit(v2.log("behind"))
        assert await outlet.until_lines(2) == ["before", "behind"]
        (gap,) = gaps(outlet)
        assert gap.reason.startswith("upstream: the stream")


async def test_other_connections_read_on_while_one_is_refused() -> None:
    async with TrafficController() as tc, reading(tc, connections=2) as (run, outlet):
        await until(lambda: len(tc.live) == 2)
        first, second = tc.live
        tc.refuse(503, times=2)
        first.end("dropped")
        tc.emit(envelopes.log("behind"))
        assert await outlet.until_lines(1) == ["behind"]
        await until(lambda: len(tc.live) == 2)
        assert [one.status for one in tc.requests] == [101, 101, 503, 503, 101]
        assert second.open
        assert run.error is None
        assert not run.retried


# --- what Loggregator says that it lost ----------------------------------------------------


def said(*counters: tuple[str, str, int, int | None, str]) -> list[Loss]:
    found: list[Loss] = []
    losses = Losses(found.append)
    for time, (sender, name, delta, total, index) in enumerate(counters, start=1):
        tags = {"origin": sender, "direction": "egress", "index": index}
        counter = Counter(time, name, delta, total, attributes=tags)
        losses.look(counter, make_origin("doppler", "", {}))
    return found


TRUNCATED = "TruncatingBuffer.DroppedMessages"


@pytest.mark.parametrize(
    ("counters", "counts"),
    [
        ([("doppler", TRUNCATED, 100, 100, "0")], [100]),
        ([("my-app", TRUNCATED, 100, 100, "0")], []),
        ([("MetronAgent", "DroppedCounter.droppedMessageCount", 7, None, "0")], [7]),
        ([("loggregator.doppler", "dropped", 0, 0, "0")], []),
        ([("loggregator.doppler", "dropped", 1000, 5000, "0")], [1000]),
        ([("loggregator.rlp", "dropped", 5, 5, "0")], [5]),
        ([("loggregator.metron", "dropped", 6, 6, "0")], [6]),
        ([("my-app", "dropped", 5, 5, "0")], []),
        ([("loggregator.doppler", "dropped", 0, 50, "0")], []),
        (
            [
                ("loggregator.doppler", "dropped", 0, 50, "0"),
                ("loggregator.doppler", "dropped", 0, 70, "1"),
                ("loggregator.doppler", "dropped", 0, 53, "0"),
                ("loggregator.doppler", "dropped", 0, 2, "0"),
                ("loggregator.doppler", "dropped", 0, 4, "0"),
            ],
            [3, 2],
        ),
    ],
)
def test_what_was_dropped_upstream_is_counted(
    counters: list[tuple[str, str, int, int | None, str]], counts: list[int]
) -> None:
    assert [loss.count for loss in said(*counters)] == counts


def test_a_loss_lies_between_two_counters() -> None:
    loss = said(
        ("loggregator.doppler", "dropped", 0, 0, "0"), ("loggregator.doppler", "dropped", 9, 9, "0")
    )[0]
    assert (loss.start, loss.end) == (1, 2)
    assert "loggregator.doppler dropped envelopes for one of its readers" in loss.reason

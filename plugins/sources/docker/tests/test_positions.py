"""What a start makes of positions that an earlier process left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from penstock.api import Log, Patterns, event_id
from penstock.testing import RecordingOutlet
from penstock_source_docker.pace import Pace
from penstock_source_docker.selection import Matches

SECOND = 1_000_000_000


def stored(positions: Mapping[str, object]) -> dict[str, Any]:
    """Return positions as they come back from a disk."""
    back: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(positions))
    return back


def ids(out: RecordingOutlet) -> list[tuple[str, str]]:
    """Return stream, id and text of every line, in order per stream."""
    lines = [
        (event.stream, event_id(sent.batch.resource.origin, event), event.body)
        for sent in out.sent
        for event in sent.batch.events
        if type(event) is Log
    ]
    return [(number, body) for _, number, body in sorted(lines, key=lambda line: line[0])]


async def test_ids_are_the_same_from_wherever_it_goes_on(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading() as whole:
        stamps = [web.print("first"), time.time_ns() + 5, time.time_ns() + 1_000_005]
        for number in range(12):
            # Four lines and more have one stamp, in batches of their own and on both streams.
            stamp = stamps[number // 6 + 1]
            web.print(f"out {number}", at=stamp)
            web.print(f"err {number}", kind=2, at=stamp)
            await whole.until_lines(1 + 2 * (number + 1))
            if number % 4 == 0:
                web.print(f"{number:016384}".encode(), f"end of {number}\n".encode(), at=stamp)
        await whole.until_lines(1 + 24 + 3)
    expected = ids(whole)
    assert len({number for number, _ in expected}) == len(expected) == 28
    before: list[Any] = []
    for sent in whole.sent[:-1]:
        before.append(sent)
        async with reading(stored({web.id: sent.position})) as out:
            await out.until_lines(28 - sum(len(one.lines) for one in before))
            await asyncio.sleep(0.02)
        out.sent[:0] = before
        assert ids(out) == expected
        assert out.gaps == []


async def test_a_container_that_was_removed_meanwhile_is_a_gap(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading() as first:
        last = web.print("one", "two")
        await first.until_lines(2)
    web.print("unread")
    engine.remove(web)
    async with reading(stored(first.committed)) as second:
        await second.until(lambda: second.retired)
    (loss,) = second.gaps
    assert loss.lane == web.id
    assert loss.resource.origin == f"docker:{web.id}"
    assert loss.resource.attributes["container.name"] == "web"
    assert loss.resource.attributes["container.id"] == web.id
    assert loss.resource.attributes["host.name"] == "fake-host"
    assert loss.gap.from_unix_nano == last
    assert "removed while Penstock was not reading" in loss.gap.reason
    assert second.retired == [web.id]
    assert web.id not in second.committed
    async with reading(stored(second.committed)) as third:
        await asyncio.sleep(0.05)
    assert third.events() == []


async def test_a_container_that_was_read_to_its_end_and_removed_is_none(
    engine: Any, reading: Any
) -> None:
    web = engine.add("web")
    async with reading() as first:
        web.print("all of it")
        web.stop()
        engine.emit("die", web)
        await first.until(lambda: first.committed.get(web.id, {}).get("finished"))
    engine.remove(web)
    async with reading(stored(first.committed)) as second:
        await second.until(lambda: second.retired == [web.id])
    assert second.events() == []


async def test_another_run_that_nobody_read_is_a_gap(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading() as first:
        web.print("one")
        web.stop()
        engine.emit("die", web)
        await first.until(lambda: first.committed.get(web.id, {}).get("finished"))
        web.start()
        engine.emit("start", web)
        await first.until(lambda: not first.committed[web.id].get("finished"))
    engine.remove(web)
    async with reading(stored(first.committed)) as second:
        await second.until(lambda: second.retired)
    assert len(second.gaps) == 1


async def test_what_is_read_to_its_end_is_only_finished_once_settled(
    engine: Any, reading: Any
) -> None:
    web = engine.add("web")
    first = RecordingOutlet()
    async with reading(outlet=first):
        web.print("one")
        await first.until_lines(1)
        web.stop()
        engine.emit("die", web)
        await asyncio.sleep(0.5)
    engine.remove(web)
    async with reading(stored(first.committed)) as second:
        await second.until(lambda: second.retired)
    assert len(second.gaps) == 1


async def test_a_container_that_had_printed_nothing_yet(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    web.print("before all")
    async with reading() as first:
        pass
    web.print("meanwhile")
    async with reading(stored(first.committed)) as second:
        await second.until_lines(1)
        web.print("live")
        await second.until_lines(2)
    assert second.lines() == ["meanwhile", "live"]
    assert second.gaps == []


async def test_containers_that_came_meanwhile(engine: Any, reading: Any) -> None:
    async with reading() as first:
        pass
    here = engine.new("here")
    here.print("one", "two")
    ended = engine.new("ended")
    ended.print("all of it")
    ended.stop()
    engine.emit("die", ended)
    engine.emit("create", engine.add("never started", running=False, started=0))
    gone = engine.new("gone")
    gone.print("lost")
    engine.remove(gone)
    async with reading(stored(first.committed)) as second:
        await second.until_lines(3)
        await second.until(lambda: second.gaps)
        await asyncio.sleep(0.05)
    assert second.lines(lane=here.id) == ["one", "two"]
    assert second.lines(lane=ended.id) == ["all of it"]
    (loss,) = second.gaps
    assert loss.lane == gone.id
    assert loss.resource.attributes["container.name"] == "gone"
    async with reading(stored(second.committed)) as third:
        await asyncio.sleep(0.05)
    assert third.events() == []


async def test_a_container_that_was_seen_gone_is_not_said_again(engine: Any, reading: Any) -> None:
    async with reading() as first:
        web = engine.new("web")
        web.print("one")
        await first.until_lines(1)
        engine.remove(web)
        await first.until(lambda: first.retired)
    assert first.gaps == []
    async with reading(stored(first.committed)) as second:
        await asyncio.sleep(0.1)
    assert second.events() == []


async def test_a_container_that_is_left_out_and_removed(engine: Any, reading: Any) -> None:
    web = engine.add("web")
    async with reading() as first:
        web.print("one")
        await first.until_lines(1)
    exclude = Matches(names=Patterns("web"))
    pace = Pace(list_every_s=0.05)
    async with reading(stored(first.committed), exclude=exclude, pace=pace) as second:
        await asyncio.sleep(0.05)
        assert second.retired == []
        engine.remove(web)
        await second.until(lambda: second.retired == [web.id])
    assert second.events() == []


async def test_removed_containers_do_not_hold_up_others(engine: Any, reading: Any) -> None:
    gone = [engine.add(f"gone-{number}") for number in range(20)]
    web = engine.add("web")
    async with reading() as first:
        for container in (*gone, web):
            container.print("one")
        await first.until_lines(21)
    for container in gone:
        engine.remove(container)
    out = RecordingOutlet(stored(first.committed), capacity=0)
    async with reading(outlet=out):
        web.print("two")
        await out.until(lambda: out.waiting == 2)
        out.open()
        await out.until(lambda: len(out.retired) == 20)
        await out.until_lines(1)
    assert sorted(loss.lane for loss in out.gaps) == sorted(one.id for one in gone)
    assert out.lines() == ["two"]


@pytest.mark.parametrize("position", [7, {"stdout": "rubbish"}, ["a"]])
async def test_a_position_that_is_not_understood(
    engine: Any, reading: Any, position: Any, caplog: Any
) -> None:
    web = engine.add("web")
    gone = engine.add("gone")
    engine.remove(gone)
    async with reading({web.id: position, gone.id: position}) as out:
        web.print("one")
        await out.until_lines(1)
        await out.until(lambda: out.retired == [gone.id])
    assert out.lines() == ["one"]
    assert [loss.lane for loss in out.gaps] == [gone.id]
    assert "is not understood" in caplog.text

"""What the engine, or a proxy before it, may answer."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from penstock.api import ConfigError, RetryableError
from penstock.testing import RecordingOutlet
from penstock_source_docker.pace import Pace
from penstock_source_docker.paths import ALLOWED
from penstock_source_docker.source import Docker

SECOND = 1_000_000_000


async def opened(host: str) -> None:
    source = Docker(Docker.Config(host=host))
    try:
        await source.open()
    finally:
        await source.close()


@pytest.mark.parametrize("version", ["1.12", "1.23", "rubbish"])
async def test_an_engine_that_is_too_old_stops_the_start(engine: Any, version: str) -> None:
    engine.api_version = version
    with pytest.raises(ConfigError, match=rf"speaks version {version} of Docker's API.*1\.24"):
        await opened(engine.host)


@pytest.mark.parametrize(
    ("theirs", "spoken"), [("1.41", "1.41"), ("1.51", "1.44"), ("1.24", "1.24")]
)
async def test_the_version_is_the_older_of_both(engine: Any, theirs: str, spoken: str) -> None:
    engine.api_version = theirs
    await opened(engine.host)
    assert f"/v{spoken}/containers/json" in engine.targets


async def test_an_engine_newer_than_ours_is_asked_in_its_oldest_version(
    engine: Any, reading: Any
) -> None:
    engine.api_version = "1.60"
    engine.oldest = "1.50"
    web = engine.add("web")
    async with reading() as out:
        web.print("one")
        await out.until_lines(1)
    assert f"/v1.50/containers/{web.id}/logs" in engine.targets


async def test_a_refusal_at_the_start_is_the_operators_to_mend(engine: Any) -> None:
    engine.refusals["/containers/json"] = (403, "forbidden by the proxy")
    with pytest.raises(ConfigError, match=r"forbidden by the proxy.*README"):
        await opened(engine.host)


async def test_an_engine_in_trouble_is_tried_again(engine: Any) -> None:
    engine.refusals["/_ping"] = (500, "starting")
    with pytest.raises(RetryableError, match="starting"):
        await opened(engine.host)


async def test_a_socket_that_is_not_there_may_come(engine: Any) -> None:
    await engine.stop()
    with pytest.raises(RetryableError, match=r"fake\.sock"):
        await opened(engine.host)


async def test_without_info_the_host_has_no_name(engine: Any, reading: Any) -> None:
    engine.refusals["/info"] = (403, "forbidden")
    web = engine.add("web")
    async with reading() as out:
        web.print("one")
        await out.until_lines(1)
    assert "host.name" not in out.sent[0].batch.resource.attributes


async def test_only_the_listed_requests_are_made(engine: Any, reading: Any) -> None:
    allowed = {path.replace("{id}", "ID") for path in ALLOWED}
    async with reading() as out:
        web = engine.new("web")
        web.print("one")
        await out.until_lines(1)
        web.stop()
        engine.emit("die", web)
        await asyncio.sleep(0.2)
        engine.remove(web)
        await out.until(lambda: out.retired)
    made = {request.replace(web.id, "ID") for request in engine.requests}
    assert made <= {f"GET {path}" for path in allowed}


async def test_chunked_answers_of_a_proxy(engine: Any, reading: Any) -> None:
    engine.chunked = True
    web = engine.add("web")
    async with reading() as out:
        web.print("one", "two")
        web.print(b"x" * 16_384)
        stamp = web.last
        web.print(b"end\n", at=stamp)
        await out.until_lines(3)
        web.stop()
        web.start()
        web.print("again")
        await out.until_lines(4)
    assert out.lines() == ["one", "two", "x" * 16_384 + "end", "again"]


async def test_errors_of_one_log_are_tried_again(engine: Any, reading: Any, caplog: Any) -> None:
    web = engine.add("web", failures=[(500, "busy"), (500, "busy"), (409, "marked for removal")])
    other = engine.add("other")
    async with reading(start_at="beginning") as out:
        other.print("at once")
        await out.until_lines(1)
        web.print("in the end")
        await out.until_lines(2)
    assert out.lines() == ["at once", "in the end"]
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1
    assert "busy" in said[0]


async def test_a_driver_that_cannot_be_read_is_one_warning(
    engine: Any, reading: Any, caplog: Any
) -> None:
    failures = [(501, "configured logging driver does not support reading")] * 10
    web = engine.add("web", driver="gelf", failures=failures)
    async with reading() as out:
        for _ in range(3):
            web.stop()
            web.start()
            engine.emit("start", web)
            await asyncio.sleep(0.05)
        engine.remove(web)
        await asyncio.sleep(0.1)
    assert out.events() == []
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1
    assert "'gelf'" in said[0]


async def test_the_engines_own_complaint_within_a_log(
    engine: Any, reading: Any, caplog: Any
) -> None:
    web = engine.add("web")
    async with reading() as out:
        web.print("one")
        web.print("Error grabbing logs: invalid character", kind=3)
        await out.until_lines(1)
        web.log.pop()
        web.print("two")
        await out.until_lines(2)
    assert out.lines() == ["one", "two"]
    assert "invalid character" in caplog.text
    assert caplog.text.count("invalid character") == 1


async def test_a_stream_that_ends_at_once_is_not_asked_for_all_the_time(
    engine: Any, reading: Any
) -> None:
    engine.add("web", ends_at_once=True)
    async with reading():
        await asyncio.sleep(1)
    assert len(engine.queries) < 12


async def test_the_engine_vanishes_and_comes_back(engine: Any, reading: Any, caplog: Any) -> None:
    web = engine.add("web")
    async with reading() as out:
        web.print("one")
        await out.until_lines(1)
        for number in range(3):
            await engine.stop()
            web.print(f"while away {number}")
            later = engine.add(f"later-{number}", created=time.time_ns(), started=time.time_ns())
            later.print("of a later one")
            await engine.start()
            await out.until_lines(3 + 2 * number, timeout=20)
    assert out.lines(lane=web.id) == ["one", *(f"while away {number}" for number in range(3))]
    assert out.lines().count("of a later one") == 3
    assert out.gaps == []
    away = [record for record in caplog.records if "away" in record.getMessage()]
    assert all(record.levelno == logging.WARNING for record in away)


async def test_that_the_engine_is_away_is_shown(engine: Any) -> None:
    source = Docker(Docker.Config(host=engine.host))
    await source.open()
    reading = asyncio.create_task(source.run(RecordingOutlet()))
    async with asyncio.timeout(10):
        while not engine.subscribed:
            await asyncio.sleep(0.01)
        assert source.trouble == ""
        await engine.stop()
        while "No such file" not in source.trouble:
            await asyncio.sleep(0.01)
        await engine.start()
        while source.trouble:
            await asyncio.sleep(0.01)
    reading.cancel()
    await asyncio.wait((reading,))
    await source.close()


async def test_missed_events_are_repaired_by_the_list(engine: Any, reading: Any) -> None:
    async with reading(pace=Pace(list_every_s=0.1)) as out:
        now = time.time_ns()
        missed = engine.add("missed", created=now, started=now)
        missed.print("one")
        ended = engine.add("ended", created=now, started=now, running=False)
        ended.print("all of it")
        old = engine.add("old", running=False)
        old.print("long gone")
        await out.until_lines(2)
        missed.name = "renamed"
        await asyncio.sleep(0.4)
        missed.print("two")
        await out.until_lines(3)
        del engine.containers[missed.id]
        missed.stop()
        await out.until(lambda: missed.id in out.retired)
    assert out.lines(lane=missed.id) == ["one", "two"]
    assert out.lines(lane=ended.id) == ["all of it"]
    assert out.lines(lane=old.id) == []
    names = [
        sent.batch.resource.attributes["container.name"]
        for sent in out.sent
        if sent.lane == missed.id
    ]
    assert names == ["missed", "renamed"]


async def test_events_that_overtook_one_another_are_all_heeded(engine: Any, reading: Any) -> None:
    async with reading() as out:
        now = time.time_ns()
        both = [engine.add(name, created=now, started=0, running=False) for name in ("one", "two")]
        for one in both:
            engine.emit("create", one)
        await asyncio.sleep(0.2)  # Both are inspected, and wait for their start.
        for one in both:
            one.start()
            one.print(one.name)
        engine.emit("start", both[1], now + SECOND)
        engine.emit("start", both[0], now + SECOND - 1000)
        await out.until_lines(2, timeout=10)
    assert sorted(out.lines()) == ["one", "two"]


async def test_a_container_that_was_never_seen_alive_is_a_gap(engine: Any, reading: Any) -> None:
    async with reading() as out:
        ghost = engine.add("ghost")
        del engine.containers[ghost.id]
        engine.emit("start", ghost)
        await out.until(lambda: out.gaps)
    (loss,) = out.gaps
    assert loss.lane == ghost.id
    assert loss.resource.attributes["container.name"] == "ghost"
    assert "removed" in loss.gap.reason


async def test_a_container_renamed_out_of_what_is_read(engine: Any, reading: Any) -> None:
    from penstock.api import Patterns
    from penstock_source_docker.selection import Matches

    async with reading(exclude=Matches(names=Patterns("quiet-*"))) as out:
        web = engine.new("web")
        web.print("one")
        await out.until_lines(1)
        web.name = "quiet-web"
        engine.emit("rename", web)
        await asyncio.sleep(0.1)
        web.print("unread")
        await asyncio.sleep(0.1)
        assert out.lines() == ["one"]
        web.name = "web"
        engine.emit("rename", web)
        await out.until_lines(2)
    assert out.lines() == ["one", "unread"]


async def test_many_streams_at_once(engine: Any, reading: Any) -> None:
    containers = [engine.add(f"web-{number}") for number in range(150)]
    async with reading(start_at="beginning") as out:
        for container in containers:
            container.print("one", "two")
        await out.until_lines(300)
    assert {lane: out.lines(lane=lane) for lane in (one.id for one in containers)} == {
        one.id: ["one", "two"] for one in containers
    }

"""Dead letters on disk: kept with their reason, capped by size and by age, and counted then."""

from __future__ import annotations

import asyncio

from penstock.api import BufferSettings, Event
from penstock.api.settings import DeadLetterSettings
from penstock.state import letters
from penstock.telemetry import LETTERS_DISCARDED
from tests.delivery.durable_lab import DurableLab
from tests.delivery.transforms import text

LETTER = 165 + 10
"""Heap bytes of a line of ten characters."""


def bad(event: Event) -> bool:
    return "bad" in text(event)


def words(word: str, count: int, start: int = 0) -> list[str]:
    return [f"{word} {number:06}" for number in range(start, start + count)]


async def kept(lab: DurableLab, sink: str = "sinks.x") -> list[letters.Letter]:
    """Return a sink's letters on disk, oldest first."""
    await lab.journal_of_state.flush()
    choice = letters.Choice(sink=sink)
    return await lab.disk.call(lambda connection: letters.chosen(connection, choice))


async def trimmed(lab: DurableLab, most: int) -> list[letters.Letter]:
    """Return a sink's letters once the cap was applied, which is after they were written."""
    for _ in range(100):
        found = await kept(lab)
        if len(found) <= most:
            break
        await asyncio.sleep(0.1)
    return found


async def test_a_refused_event_is_kept_with_all_that_is_known(durable: DurableLab) -> None:
    far = durable.destination("x")
    far.refuse(bad, "no such index")
    durable.origin("a").write(["good", "bad", "good"])
    await durable.start(durable.plan(main="a > x"))
    await far.until_lines(2)
    (letter,) = await kept(durable)
    assert (letter.sink, letter.origin) == ("sinks.x", "memory:web")
    assert (letter.reason, letter.response) == ("rejected", "no such index")
    assert letter.attempts == 1
    assert 0 < letter.first_unix_nano <= letter.last_unix_nano
    batch = await durable.disk.call(lambda c: letters.batch_of(c, letter.id))
    assert text(batch.events[0]) == "bad"
    assert batch.resource.attributes["container.name"] == "web"
    assert await durable.stop() == 0
    durable.shut()
    durable.boot()
    (again,) = await kept(durable)
    assert again == letter
    assert durable.outcomes("x") == {"delivered": 2, "dead_lettered rejected": 1}


async def test_a_letter_is_as_certain_as_its_position(durable: DurableLab) -> None:
    durable.settings("x", buffer=BufferSettings(type="memory", max_memory_bytes=80_000))
    durable.source_settings["a"] = {"batch_events": 1}
    far = durable.destination("x")
    far.refuse(bad)
    await durable.start(durable.plan(main="a > x"))
    for number in range(30):
        durable.origin("a").write(words("bad", 5, 5 * number))
        await asyncio.sleep(0.03)
    left = await durable.crash()
    committed = int(left.positions["sources.a", "web"])
    assert 0 < committed <= 150
    found = [line for _, _, line in left.letters]
    assert found[:committed] == words("bad", committed)
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    assert {line for _, _, line in durable.shut().letters} == {*words("bad", 150)}


async def test_the_oldest_go_when_there_are_too_many_and_are_counted(durable: DurableLab) -> None:
    durable.settings("x", dead_letter=DeadLetterSettings(max_bytes=20 * LETTER))
    durable.destination("x").refuse(bad)
    await durable.start(durable.plan(main="a > x"))
    for number in range(10):
        durable.origin("a").write(words("bad", 10, 10 * number))
        await asyncio.sleep(1)
    found = await trimmed(durable, 20)
    discarded = durable.services.telemetry.value(LETTERS_DISCARDED, ("sinks.x", "size"))
    assert len(found) == 100 - discarded == 20
    first = await durable.disk.call(lambda c: letters.batch_of(c, found[0].id))
    assert text(first.events[0]) == "bad 000080"
    assert durable.journal_of_state.letters["sinks.x"] == (20, 20 * LETTER)
    assert durable.journal_of_state.budget.used == 20 * LETTER
    assert durable.outcomes("x") == {"dead_lettered rejected": 100}
    assert await durable.stop() == 0
    assert len(durable.shut().letters) == 20
    durable.boot()
    assert durable.journal_of_state.budget.used == 20 * LETTER


async def test_letters_that_are_too_old_go_though_no_new_one_comes(durable: DurableLab) -> None:
    durable.settings("x", dead_letter=DeadLetterSettings(max_age_s=3600))
    durable.destination("x").refuse(bad)
    durable.origin("a").write(words("bad", 10))
    await durable.start(durable.plan(main="a > x"))
    await asyncio.sleep(1)
    assert len(await kept(durable)) == 10
    ages = "UPDATE letters SET last_unix_nano = last_unix_nano - 7200000000000 WHERE id <= 4"
    await durable.disk.call(lambda connection: connection.execute(ages).rowcount)
    await asyncio.sleep(1300)
    assert len(await kept(durable)) == 6
    assert durable.services.telemetry.value(LETTERS_DISCARDED, ("sinks.x", "age")) == 4
    assert durable.journal_of_state.letters["sinks.x"] == (6, 6 * LETTER)
    assert await durable.stop() == 0


async def test_caps_hold_across_a_restart_and_a_reload(durable: DurableLab) -> None:
    durable.settings("x", dead_letter=DeadLetterSettings(max_bytes=20 * LETTER))
    durable.destination("x").refuse(bad)
    durable.origin("a").write(words("bad", 15))
    await durable.start(durable.plan(main="a > x"))
    await asyncio.sleep(1)
    durable.settings("x", dead_letter=DeadLetterSettings(max_bytes=18 * LETTER))
    await durable.reload(durable.plan(main="a > x"))
    durable.origin("a").write(words("bad", 5, 15))
    await asyncio.sleep(1)
    assert len(await trimmed(durable, 18)) == 18
    assert await durable.stop() == 0
    durable.shut()
    durable.boot()
    durable.origin("a").write(words("bad", 5, 20))
    await durable.start(durable.plan(main="a > x"))
    await asyncio.sleep(1)
    assert len(await trimmed(durable, 18)) == 18
    assert await durable.stop() == 0


async def test_who_keeps_none_counts_them(durable: DurableLab) -> None:
    durable.settings("x", dead_letter=DeadLetterSettings(enabled=False))
    durable.destination("x").refuse(bad)
    durable.origin("a").write(words("bad", 10))
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    assert durable.outcomes("x") == {"dead_lettered rejected": 10}
    assert durable.shut().letters == []


async def test_letters_wait_for_a_bad_disk_and_hold_up_no_sink(durable: DurableLab) -> None:
    durable.settings("x", dead_letter=DeadLetterSettings(max_bytes=20 * LETTER))
    durable.disk.error = "no space left on device"
    far = durable.destination("x")
    far.refuse(bad)
    await durable.start(durable.plan(main="a > x"))
    for number in range(10):
        durable.origin("a").write([*words("bad", 10, 10 * number), "good"])
        await asyncio.sleep(1)
    assert durable.lines("x") == ["good"] * 10
    durable.disk.error = ""
    await asyncio.sleep(3)
    assert len(await kept(durable)) == 20
    assert await durable.stop() == 0

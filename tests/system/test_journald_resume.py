"""Where a journal goes on: after a restart, a rotation, a vacuum, with a foreign cursor."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.api import Patterns, Resource
from penstock.testing import RecordingOutlet
from penstock_source_journald.intake import Intake
from penstock_source_journald.journalctl import Journalctl
from penstock_source_journald.lane import Lane
from penstock_source_journald.mapping import Shapes
from penstock_source_journald.own import Own
from penstock_source_journald.position import Position
from penstock_source_journald.resources import Resources
from penstock_source_journald.sending import Sending
from tests.system.parts.journal import JournalFolder
from tests.system.parts.journal_entries import entries, entry
from tests.system.parts.journal_source import reading, reasons
from tests.system.parts.require import require


@pytest.fixture
def journal(tmp_path: Path) -> JournalFolder:
    require("journal-remote")
    return JournalFolder(tmp_path / "journal")


def settings_of(journal: JournalFolder, **more: Any) -> dict[str, Any]:
    return {"directory": str(journal.folder), **more}


async def write(journal: JournalFolder, *texts: str, name: str = "a", **fields: Any) -> None:
    await asyncio.to_thread(journal.write, entries(texts, **fields), name)


async def committed_after(journal: JournalFolder, count: int) -> dict[str, object]:
    async with reading(settings_of(journal)) as run:
        assert len(await run.lines(count)) == count
    return run.outlet.committed


async def test_a_second_start_goes_on_behind_the_last_entry(journal: JournalFolder) -> None:
    await write(journal, "one", "two")
    known = await committed_after(journal, 2)
    await write(journal, "three")
    async with reading(settings_of(journal), known) as run:
        assert await run.lines(1) == ["three"]
    assert run.outlet.gaps == []


async def test_rotation_loses_and_repeats_nothing(journal: JournalFolder) -> None:
    await write(journal, "one", name="web")
    async with reading(settings_of(journal)) as run:
        await run.lines(1)
        journal.rotate("web")
        await write(journal, "two", name="web")
        assert await run.lines(2) == ["one", "two"]
        journal.rotate("web")
        await write(journal, "three", name="web")
        assert await run.lines(3) == ["one", "two", "three"]
    assert run.outlet.gaps == []


async def test_rotation_while_nobody_reads(journal: JournalFolder) -> None:
    await write(journal, "one", name="web")
    known = await committed_after(journal, 1)
    await write(journal, "two", name="web")
    journal.rotate("web")
    await write(journal, "three", name="web")
    async with reading(settings_of(journal), known) as run:
        assert await run.lines(2) == ["two", "three"]
    assert run.outlet.gaps == []


async def test_what_was_vacuumed_is_a_gap_and_the_rest_comes(journal: JournalFolder) -> None:
    now = time.time_ns() // 1000
    await write(journal, "one", "two", name="old", time_us=now - 9_000_000)
    known = await committed_after(journal, 2)
    await write(journal, "lost", name="old", time_us=now - 8_000_000)
    await write(journal, "three", "four", name="new", time_us=now)
    journal.vacuum("old")
    async with reading(settings_of(journal), known) as run:
        assert await run.lines(2) == ["three", "four"]
        (loss,) = run.outlet.gaps
    assert "vacuumed" in loss.gap.reason
    assert (loss.gap.from_unix_nano, loss.gap.to_unix_nano) == (
        (now - 9_000_000) * 1000,
        now * 1000,
    )
    async with reading(settings_of(journal), run.outlet.committed) as again:
        await write(journal, "five", name="new")
        assert await again.lines(1) == ["five"]
    assert again.outlet.gaps == []


async def test_a_journal_that_was_emptied(journal: JournalFolder) -> None:
    await write(journal, "one", name="old")
    known = await committed_after(journal, 1)
    journal.vacuum("old")
    async with reading(settings_of(journal), known) as run:
        await asyncio.sleep(0.3)
        await write(journal, "two", name="new")
        assert await run.lines(1) == ["two"]
    assert len(run.outlet.gaps) == 1


async def test_a_cursor_of_another_journal_is_noticed(journal: JournalFolder) -> None:
    hour = 3_600_000_000
    now = time.time_ns() // 1000
    await write(journal, "elsewhere", name="other", time_us=now - hour)
    known = await committed_after(journal, 1)
    journal.vacuum("other")
    await write(journal, "older", name="mine", time_us=now - 2 * hour, boot="c2" * 16)
    await write(journal, "newer", name="mine", time_us=now, boot="c2" * 16)
    async with reading(settings_of(journal), known) as run:
        assert await run.lines(1) == ["newer"]
    assert ["another one" in reason for reason in reasons(run)] == [True]


async def test_a_cursor_of_the_future_is_noticed(journal: JournalFolder) -> None:
    hour = 3_600_000_000
    now = time.time_ns() // 1000
    await write(journal, "tomorrow", name="other", time_us=now + 24 * hour)
    known = await committed_after(journal, 1)
    journal.vacuum("other")
    await write(journal, "one", "two", name="mine", boot="c2" * 16)
    async with reading(settings_of(journal), known) as run:
        assert await run.lines(2) == ["one", "two"]
        await write(journal, "three", name="mine", boot="c2" * 16)
        assert await run.lines(3) == ["one", "two", "three"]
    assert ["older" in reason for reason in reasons(run)] == [True]


async def test_a_position_that_is_filtered_out_is_no_gap(journal: JournalFolder) -> None:
    await write(journal, "one", unit="a.service")
    known = await committed_after(journal, 1)
    await write(journal, "two", unit="a.service")
    await write(journal, "three", unit="b.service")
    async with reading(settings_of(journal, units=["b.service"]), known) as run:
        assert await run.lines(1) == ["three"]
        await write(journal, "four", unit="b")
        await write(journal, "five", unit="b.service")
        assert await run.lines(2) == ["three", "five"]
    assert run.outlet.gaps == []


async def test_a_vacuum_of_what_was_filtered_out_is_no_gap(journal: JournalFolder) -> None:
    now = time.time_ns() // 1000
    await write(journal, "one", name="old", unit="a.service", time_us=now - 9_000_000)
    settings = settings_of(journal, units=["a.service"])
    async with reading(settings) as run:
        await run.lines(1)
    await write(journal, "not wanted", name="new", unit="b.service", time_us=now)
    known = await advanced(journal, run.outlet.committed)
    journal.vacuum("old")
    async with reading(settings, known) as later:
        await write(journal, "two", name="new", unit="a.service")
        assert await later.lines(1) == ["two"]
    assert later.outlet.gaps == []


async def advanced(journal: JournalFolder, positions: dict[str, object]) -> dict[str, object]:
    """Return positions as they are after a minute of silence."""
    log = logging.getLogger("penstock.test")
    where = [f"--directory={journal.folder}"]
    source = Journalctl(where, ["--unit=a.service"], log)
    ((name, position),) = positions.items()
    sending = Sending(
        RecordingOutlet(), name, Resource("test"), msgspec.convert(position, Position)
    )
    intake = Intake(Shapes(Patterns("*"), Resources(frozenset()), Own()), 1000)
    lane = Lane(source, sending, intake, machine=name, message_bytes=1000, log=log)
    await lane.advance()
    assert sending.position.cursor != msgspec.convert(position, Position).cursor
    return {name: msgspec.to_builtins(sending.position)}


async def test_a_machine_that_sends_late_is_read_all_the_same(journal: JournalFolder) -> None:
    hour = 3_600_000_000
    now = time.time_ns() // 1000
    late = {"machine": "d4" * 16, "boot": "d5" * 16}
    await write(journal, "now", name="prompt")
    await write(journal, "two hours ago", name="late", time_us=now - 2 * hour, **late)
    async with reading(settings_of(journal)) as run:
        assert sorted(await run.lines(2)) == ["now", "two hours ago"]
        await write(journal, "now again", name="prompt")
        await run.lines(3)
        await write(journal, "an hour ago", name="late", time_us=now - hour, **late)
        assert "an hour ago" in await run.lines(4)


async def test_a_machine_that_is_new_is_read_from_its_beginning(journal: JournalFolder) -> None:
    await write(journal, "history", name="first")
    other = {"machine": "d4" * 16, "boot": "d5" * 16}
    async with reading(settings_of(journal, start_at="end")) as run:
        await run.until(lambda: run.outlet.committed)
        await write(journal, "one", name="first")
        assert await run.lines(1) == ["one"]
    await write(journal, "new machine", name="second", **other)
    again = settings_of(journal, start_at="end")
    async with reading(again, run.outlet.committed) as later:
        assert await later.lines(1) == ["new machine"]


async def test_the_last_entries_come_first_if_asked_for(journal: JournalFolder) -> None:
    await write(journal, *(f"{number}" for number in range(9)))
    async with reading(settings_of(journal, start_at="end", start_lines=2)) as run:
        await run.lines(2)
        await write(journal, "live")
        assert await run.lines(3) == ["7", "8", "live"]


async def test_a_stop_between_the_groups_of_one_read_repeats_nothing(
    journal: JournalFolder,
) -> None:
    data = b"".join(entry(f"{n}", unit=f"u{n % 3}.service", pid=n % 3 + 1) for n in range(30))
    await asyncio.to_thread(journal.write, data)
    for settled in range(1, 3):
        outlet = RecordingOutlet(capacity=settled)
        async with reading(settings_of(journal), outlet=outlet) as run:
            await run.until(lambda: outlet.waiting)  # noqa: B023 - awaited here
            outlet.settle_all()
        first = [body for sent in outlet.sent[:settled] for body in sent.lines]
        async with reading(settings_of(journal), outlet.committed) as later:
            rest = await later.lines(30 - len(first))
        extra = [body for sent in outlet.sent[settled:] for body in sent.lines]
        assert sorted([*first, *rest], key=int) == [f"{n}" for n in range(30)], extra


async def test_a_line_of_a_container_is_whole_over_a_restart(journal: JournalFolder) -> None:
    def part(text: str, **more: str) -> bytes:
        container = {"CONTAINER_ID_FULL": "c0" * 32, "_COMM": "dockerd"}
        return entry(text, unit="docker.service", pid=1, **container, **more)

    half = part("begins ", CONTAINER_PARTIAL_MESSAGE="true", CONTAINER_PARTIAL_ID="1")
    data = part("whole") + half + entry("between") + part("errors", PRIORITY="3")
    await asyncio.to_thread(journal.write, data)
    async with reading(settings_of(journal)) as run:
        assert sorted(await run.lines(3)) == ["between", "errors", "whole"]
    ended = part("and ends", CONTAINER_PARTIAL_ID="1", CONTAINER_PARTIAL_LAST="true")
    await asyncio.to_thread(journal.write, ended + part("next"))
    async with reading(settings_of(journal), run.outlet.committed) as later:
        assert await later.lines(2) == ["begins and ends", "next"]


async def test_what_is_vacuumed_while_the_destination_hangs_is_said(
    journal: JournalFolder,
) -> None:
    now = time.time_ns() // 1000
    await write(journal, "one", name="one", time_us=now - 90_000_000)
    outlet = RecordingOutlet(settle=True)
    async with reading(settings_of(journal), outlet=outlet) as run:
        await run.lines(1)
        outlet.shut()
        await write(journal, "two", name="one", time_us=now - 80_000_000)
        await run.until(lambda: outlet.waiting)
        # What comes and goes while it waits is never seen.
        journal.vacuum("one")
        await write(journal, "three", name="three", time_us=now - 60_000_000)
        await asyncio.sleep(0.7)
        outlet.open()
        assert await run.lines(3) == ["one", "two", "three"]
    gaps = [(loss.gap.from_unix_nano, loss.gap.to_unix_nano) for loss in outlet.gaps]
    assert gaps == [((now - 80_000_000) * 1000, (now - 60_000_000) * 1000)]

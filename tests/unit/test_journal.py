"""The journal: what is true at one moment goes to disk together, and a bad disk loses nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.delivery.shelf import SINK, Shelf, lines_of, steps, until

from penstock.api import Outcome
from penstock.state.pages import PageRow
from penstock.state.unit import Unit

LANE = ("sources.a", "a")


async def test_pages_positions_letters_and_ledger_go_together(shelf: Shelf) -> None:
    spool = shelf.spool()
    spool.append(shelf.batch("1", "2", position=2))
    assert shelf.settled() == set(), "durable before the receipt settles"
    shelf.journal.add_letter(shelf.letter("bad"))
    await until(lambda: shelf.settled() == {"1"})
    (unit,) = shelf.disk.units
    assert [page.counts for page in unit.pages] == [{"a": 2}]
    assert len(unit.letters) == 1
    assert unit.positions == {}, "it was not settled when the group was made"
    kept = await shelf.close()
    assert kept.positions == {LANE: 2}
    assert kept.lines == {SINK: ["1", "2"]}
    assert kept.letters == [(SINK, "rejected", "bad")]
    again = Shelf(shelf.folder.path)
    row = again.ledger.row(SINK, "a")
    assert (row.read, row.in_flight, row.residue) == (2, 0, 2), "what waits is carried in apart"
    again.ledger.carry_in(SINK, {"a": 2})
    assert again.ledger.residues() == []
    again.leave()


async def test_what_comes_during_a_write_makes_up_the_next_group(shelf: Shelf) -> None:
    spool = shelf.spool()
    spool.append(shelf.batch("0"))
    shelf.disk.stand_still()
    await until(lambda: shelf.disk.units)
    for number in range(1, 50):
        spool.append(shelf.batch(f"{number}"))
    assert len(shelf.disk.units) == 1
    shelf.disk.go_on()
    await until(lambda: len(shelf.settled()) == 50)
    assert len(shelf.disk.units[1].pages) == 1
    assert (await shelf.close()).lines == {SINK: [f"{number}" for number in range(50)]}


async def test_a_page_that_nobody_needs_any_more_is_not_written(shelf: Shelf) -> None:
    spool = shelf.spool()
    shelf.disk.stand_still()
    spool.append(shelf.batch("first"))
    await until(lambda: shelf.disk.units)
    spool.append(shelf.batch("second", position=9))
    spool.first.seal()  # type: ignore[union-attr]
    first = spool.take()
    assert first
    spool.drop_oldest()
    shelf.disk.go_on()
    shelf.settle(first)
    kept = await shelf.close()
    assert shelf.settled() == {"first", "second"}
    assert kept.lines == {}
    assert kept.positions == {LANE: 9}
    assert [len(unit.pages) for unit in shelf.disk.units if unit.pages] == [1]
    assert spool.disk_bytes == shelf.journal.budget.used == spool.events == 0


async def test_under_load_there_are_some_groups_a_second(shelf: Shelf) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    while (seconds := clock() - began) < 1.5 or len(shelf.disk.units) < 2:
        shelf.batch(f"{seconds}", position=seconds)
        shelf.receipts[f"{seconds}"].release()
        await asyncio.sleep(0)
    assert len(shelf.disk.units) <= (clock() - began) / 0.2 + 3


async def test_under_load_who_flushes_is_not_kept_waiting(shelf: Shelf) -> None:
    async def load() -> None:
        number = 0
        while True:
            shelf.spool().append(shelf.batch(f"{(number := number + 1)}"))
            await asyncio.sleep(0)

    loading = asyncio.create_task(load())
    await until(lambda: shelf.disk.units)
    shelf.journal.add_letter(shelf.letter("bad"))
    async with asyncio.timeout(5):
        await shelf.journal.flush()
    loading.cancel()
    assert sum(len(unit.letters) for unit in shelf.disk.units) == 1
    await asyncio.gather(loading, return_exceptions=True)


async def test_a_row_is_folded_only_when_nothing_of_it_is_on_disk_any_more(shelf: Shelf) -> None:
    spool = shelf.spool()
    spool.append(shelf.batch("1", "2"))
    await until(lambda: shelf.settled() == {"1"})
    shelf.settle(await shelf.take(spool))
    shelf.ledger.row(SINK, "a").settle(Outcome.DELIVERED, "", 2)
    shelf.ledger.fold("a")
    shelf.disk.copy_to(shelf.folder.path / "copy")
    await shelf.close()
    for folder, rows in ((shelf.folder.path, ["(gone)"]), (shelf.folder.path / "copy", ["a"])):
        again = Shelf(folder)
        for head in again.contents.pages.get(SINK, ()):
            again.ledger.carry_in(SINK, head.counts)
        assert [origin for _, origin, _ in again.ledger.rows()] == rows
        assert again.ledger.residues() == []
        assert again.ledger.total(SINK).read == 2
        again.leave()


# --- a disk that does not let us -------------------------------------------------------------


async def test_a_failure_is_said_once_and_tried_again_until_it_is_over(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.disk.error = "no space left on device"
    spool = shelf.spool()
    spool.append(shelf.batch("1", position=1))
    await until(lambda: len(shelf.disk.units) == 3)
    assert shelf.journal.trouble == spool.trouble == "no space left on device"
    assert caplog.text.count("running on memory") == 1
    assert shelf.settled() == set()
    shelf.disk.error = ""
    await until(lambda: not shelf.journal.trouble)
    assert "state is written again" in caplog.text
    assert (await shelf.close()).positions == {LANE: 1}
    assert shelf.disk.units[0] is shelf.disk.units[3], "nothing of it was lost or changed"


async def test_in_trouble_pages_are_taken_from_memory(shelf: Shelf) -> None:
    shelf.disk.error = "input/output error"
    spool = shelf.spool()
    spool.append(shelf.batch("1"))
    await until(lambda: shelf.journal.trouble)
    found: list[str] = []
    for number in range(2, 5):
        spool.append(shelf.batch(f"{number}"))
        taken = spool.take()
        assert taken
        found += lines_of(taken)
        shelf.settle(taken)
    assert found == ["1", "2", "3"]
    assert lines_of(spool.take() or []) == ["4"]
    spool.append(shelf.batch("5"))
    assert lines_of(spool.take() or []) == ["5"], "the spool was empty, and the disk is bad"
    assert shelf.settled() == {"1", "2", "3"}


async def test_what_the_last_group_could_not_hold_is_said(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.disk.error = "no space left on device"
    spool = shelf.spool()
    spool.append(shelf.batch("1"))
    await until(lambda: shelf.journal.trouble)
    await shelf.journal.close(1)
    assert "the last state could not be written" in caplog.text
    assert [page.events for page in spool.unwritten()] == [1]


async def test_a_disk_that_hangs_does_not_hold_up_the_end(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.disk.stand_still()
    shelf.spool().append(shelf.batch("1"))
    await until(lambda: shelf.disk.units)
    async with asyncio.timeout(5):
        await shelf.journal.close(0.1)
    assert "could not be written: no time" in caplog.text


async def test_close_writes_everything_and_what_that_entails(tmp_path: Path) -> None:
    for _ in range(5):
        shelf = Shelf(tmp_path)
        shelf.journal.start()
        await steps(3)
        spool = shelf.spool()
        spool.append(shelf.batch("1", position=7))
        kept = await shelf.close()
        assert kept.positions == {LANE: 7}
        assert kept.lines[SINK][-1] == "1"


# --- what plugins and strangers may come up with ---------------------------------------------


async def test_names_and_texts_that_cannot_be_encoded_stop_nothing(shelf: Shelf) -> None:
    torn = "torn \udcff"
    shelf.spool().append(shelf.batch(torn, lane=torn, position=torn))
    shelf.journal.add_letter(shelf.letter(torn, torn))
    shelf.spool().append(shelf.batch("whole", lane="b", position=2))
    kept = await shelf.close()
    assert kept.positions[("sources.a", "b")] == 2
    assert kept.lines == {SINK: [r"torn \udcff", "whole"]}
    assert kept.letters == [(SINK, "rejected", r"torn \udcff")]


@pytest.mark.parametrize("position", [object(), 2**80, {"a": object()}])
async def test_a_position_that_cannot_be_kept_is_said_and_stops_no_other(
    shelf: Shelf, position: object, caplog: pytest.LogCaptureFixture
) -> None:
    for lane, number in (("a", 1), ("b", 2)):
        shelf.batch(lane, lane=lane, position=number)
        shelf.receipts[lane].release()
    await shelf.journal.flush()
    for lane, where in (("a", position), ("b", 3)):
        shelf.batch(lane, lane=lane, position=where)
        shelf.receipts[lane].release()
    kept = await shelf.close()
    assert kept.positions == {("sources.a", "a"): 1, ("sources.a", "b"): 3}
    assert "position cannot be kept" in caplog.text


async def test_a_group_that_cannot_be_made_is_said_and_nothing_of_it_is_settled(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.disk.defect = TypeError("a defect")
    shelf.spool().append(shelf.batch("1"))
    await until(lambda: shelf.journal.trouble)
    assert "a defect" in caplog.text
    assert shelf.settled() == set()
    shelf.disk.defect = None
    await until(lambda: shelf.settled() == {"1"})


# --- space ---------------------------------------------------------------------------------


async def test_space_is_given_back_though_there_is_always_something_to_write(
    shelf: Shelf,
) -> None:
    rows = [PageRow(SINK, n, {"a": 1}, [shelf.batch("x" * 100_000)]) for n in range(40)]
    await shelf.disk.write(Unit(pages=rows))
    shelf.leave()
    again = Shelf(shelf.folder.path)
    full = again.disk.path.stat().st_size
    assert full > 4_000_000
    again.journal.start()
    spool = again.spool()
    number = 0
    while again.disk.path.stat().st_size > full / 4:
        if not spool.is_empty:
            again.settle(await again.take(spool))
        again.batch("1", position=(number := number + 1))
        again.receipts["1"].release()
        await asyncio.sleep(0.05)
        assert number < 600
    again.leave()


async def test_a_commit_that_failed_and_is_there_all_the_same_is_made_again(
    shelf: Shelf,
) -> None:
    shelf.disk.doubt = "disk I/O error"
    shelf.spool().append(shelf.batch("1", "2", position=2))
    await until(lambda: shelf.settled() == {"1"})
    kept = await shelf.close()
    assert kept.lines == {SINK: ["1", "2"]}
    assert kept.positions == {LANE: 2}

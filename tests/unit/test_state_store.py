"""The store: units are written whole or not at all, pages are read back, letters are found."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from penstock.api import Batch, Log, Resource
from penstock.state import letters
from penstock.state.pages import DamagedPageError, PageRow
from penstock.state.store import Store
from penstock.state.unit import LetterRow, StateError, Unit

SINK = "sinks.x"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store(tmp_path / "penstock.db")
    one.open()
    yield one
    one.close()
    one.close()


def page(number: int, *lines: str, sink: str = SINK) -> PageRow:
    batch = Batch(Resource("o"), tuple(Log(n, line) for n, line in enumerate(lines)), 100)
    return PageRow(sink, number, {"o": len(lines)}, [batch])


def letter(line: str, sink: str = SINK, reason: str = "rejected", last: int = 10) -> LetterRow:
    batch = Batch(Resource("o", {"a": 1}), (Log(1, line),), 100)
    return LetterRow(
        sink=sink,
        origin="o",
        reason=reason,
        response=f"no {line}",
        attempts=2,
        first_unix_nano=5,
        last_unix_nano=last,
        configuration="f",
        size=100,
        batch=batch,
    )


def lines(batches: list[Batch]) -> list[str]:
    return [event.body for batch in batches for event in batch.events if type(event) is Log]


async def test_pages_are_read_back_until_they_are_deleted(store: Store) -> None:
    written = await store.write(Unit(pages=[page(2, "b", "c"), page(-1, "a"), page(2, sink="y")]))
    assert lines(await store.read((SINK, 2))) == ["b", "c"]
    heads = store.open().pages
    assert [(head.number, head.size) for head in heads[SINK]] == [
        (-1, written.page_bytes[1]),
        (2, written.page_bytes[0]),
    ]
    assert heads["y"][0].counts == {"o": 0}
    await store.write(Unit(deleted_pages=[(SINK, 2), (SINK, 99)]))
    assert [head.number for head in store.open().pages[SINK]] == [-1]
    with pytest.raises(DamagedPageError, match="not there"):
        await store.read((SINK, 2))


async def test_a_unit_that_fails_leaves_nothing_and_the_next_succeeds(store: Store) -> None:
    before = {("s", "l"): b"1"}
    await store.write(Unit(pages=[page(1, "a")], positions=before, letters=[letter("kept")]))
    unit = Unit(
        pages=[page(2, "b")],
        positions={("s", "l"): b"2"},
        deleted_pages=[(SINK, 1)],
        letters=[replace(letter("no"), sink=None)],  # type: ignore[arg-type]
    )
    with pytest.raises(StateError, match="NOT NULL"):
        await store.write(unit)
    contents = store.open()
    assert contents.positions == before
    assert [head.number for head in contents.pages[SINK]] == [1]
    await store.write(Unit(pages=[page(2, "b")], positions={("s", "l"): None}))
    assert store.open().positions == {}
    assert lines(await store.read((SINK, 2))) == ["b"]


async def test_a_job_with_a_defect_leaves_the_store_as_it_was(store: Store) -> None:
    def defective(connection: sqlite3.Connection) -> None:
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        await store.call(defective)
    with pytest.raises(AttributeError):
        await store.write(Unit(pages=[page(1, "a"), PageRow(SINK, 2, {}, [None])]))  # type: ignore[list-item]
    await store.write(Unit(pages=[page(1, "a")]))
    assert lines(await store.read((SINK, 1))) == ["a"]


async def test_rows_and_counts_are_replaced_and_deleted(store: Store) -> None:
    await store.write(Unit(ledger={(SINK, "o"): b"1", (SINK, "p"): b"2"}, sources={"s": b"3"}))
    await store.write(Unit(ledger={(SINK, "o"): b"4", (SINK, "p"): None}, sources={"s": b"5"}))
    contents = store.open()
    assert contents.ledger == {(SINK, "o"): b"4"}
    assert contents.sources == {"s": b"5"}


async def test_a_closed_store_stays_closed_and_the_file_is_whole(tmp_path: Path) -> None:
    store = Store(tmp_path / "penstock.db")
    store.open()
    await store.write(Unit(pages=[page(1, "a")]))
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["penstock.db"]
    with pytest.raises(RuntimeError):
        await store.read((SINK, 1))


async def test_what_deleted_pages_took_is_given_back(store: Store) -> None:
    text = "x" * 100_000
    await store.write(Unit(pages=[page(number, text + str(number)) for number in range(30)]))
    await store.write(Unit(deleted_pages=[(SINK, number) for number in range(30)]))
    rounds = 1
    while await store.shrink():
        rounds += 1
    assert 2 <= rounds <= 4
    assert store.path.stat().st_size < 100_000


# --- letters -------------------------------------------------------------------------------


async def chosen(store: Store, choice: letters.Choice) -> list[str]:
    found = await store.call(lambda connection: letters.chosen(connection, choice))
    return [one.response.removeprefix("no ") for one in found]


async def test_letters_are_found_by_what_is_asked_for(store: Store) -> None:
    rows = [letter("a"), letter("b", "sinks.y"), letter("c", reason="poison"), letter("d")]
    await store.write(Unit(letters=rows))
    assert store.open().letters == {SINK: (3, 300), "sinks.y": (1, 100)}
    assert await chosen(store, letters.Choice()) == ["a", "b", "c", "d"]
    assert await chosen(store, letters.Choice(sink=SINK)) == ["a", "c", "d"]
    assert await chosen(store, letters.Choice(sink=SINK, reason="rejected")) == ["a", "d"]
    assert await chosen(store, letters.Choice(ids=(2, 4, 9))) == ["b", "d"]
    assert await chosen(store, letters.Choice(ids=(2, 4), sink=SINK)) == ["d"]
    assert await chosen(store, letters.Choice(limit=2)) == ["a", "b"]
    assert await chosen(store, letters.Choice(after=1, upto=3)) == ["b", "c"]
    assert await chosen(store, letters.Choice(sink="' OR 1 --")) == []


async def test_a_letters_event_comes_back_and_its_number_is_never_used_again(store: Store) -> None:
    await store.write(Unit(letters=[letter("a"), letter("b")]))
    batch = await store.call(lambda connection: letters.batch_of(connection, 2))
    assert lines([batch]) == ["b"]
    assert batch.resource.attributes == {"a": 1}
    await store.write(Unit(deleted_letters=[2]))
    await store.write(Unit(letters=[letter("c")]))
    with pytest.raises(LookupError, match="no dead letter 2"):
        await store.call(lambda connection: letters.batch_of(connection, 2))
    batch = await store.call(lambda connection: letters.batch_of(connection, 3))
    assert lines([batch]) == ["c"]


@pytest.mark.parametrize(
    ("excess", "before", "expected"),
    [(0, 0, ""), (1, 0, "a"), (100, 0, "a"), (101, 0, "ac"), (0, 12, "ac"), (10**9, 0, "acd")],
)
async def test_the_oldest_are_named_by_size_and_by_age(
    store: Store, excess: int, before: int, expected: str
) -> None:
    rows = [
        letter("a", last=10),
        letter("b", "sinks.y"),
        letter("c", last=11),
        letter("d", last=12),
    ]
    await store.write(Unit(letters=rows))
    found = await store.call(lambda connection: letters.oldest(connection, SINK, excess, before))
    assert "".join(one.response.removeprefix("no ") for one in found) == expected


async def test_a_file_that_was_removed_is_put_back(store: Store) -> None:
    await store.write(Unit(pages=[page(1, "a")], positions={("sources.a", "lane"): b"1"}))
    shutil.rmtree(store.path.parent)
    await store.write(Unit(pages=[page(2, "b")]))
    assert [lines(await store.read((SINK, number))) for number in (1, 2)] == [["a"], ["b"]]
    assert store.path.stat().st_mode & 0o777 == 0o600
    other = Store(store.path)
    try:
        there = other.open()
    finally:
        other.close()
    assert there.positions == {("sources.a", "lane"): b"1"}
    assert [head.number for head in there.pages[SINK]] == [1, 2]


async def test_a_file_in_place_of_ours_is_left_alone(store: Store) -> None:
    store.path.rename(store.path.with_name("ours"))
    store.path.write_text("somebody's")
    with pytest.raises(StateError, match="another file was put in the place of"):
        await store.write(Unit(pages=[page(1, "a")]))
    assert store.path.read_text() == "somebody's"

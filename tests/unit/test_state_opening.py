"""Opening the state file: what is ours is read, what is not is set aside, and a start follows."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from penstock.api import Batch, ConfigError, Log, Resource
from penstock.state.folder import StateFolder
from penstock.state.opening import open_store
from penstock.state.pages import PageRow
from penstock.state.schema import connect
from penstock.state.store import Store, write
from penstock.state.unit import Contents, StateError, Unit

EVENTS = 300
LANE = ("sources.a", "web")


def unit(number: int) -> Unit:
    """Return a unit that holds a page of events, a position and a ledger row."""
    words = random.Random(number)
    logs = tuple(Log(n, words.randbytes(60).hex()) for n in range(EVENTS))
    return Unit(
        pages=[PageRow("sinks.x", number, {"o": EVENTS}, [Batch(Resource("o"), logs, 60_000)])],
        positions={LANE: b"\x05"},
        ledger={("sinks.x", "o"): b"row"},
        sources={"sources.a": b"counts"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[StateFolder]:
    one = StateFolder(tmp_path / "state")
    one.take()
    yield one
    one.leave()


def fill(folder: StateFolder, pages: int = 10) -> None:
    """Leave a state file behind, as a clean stop does."""
    with contextlib.closing(open_store(folder)[0]) as store:
        for number in range(pages):
            store.do(partial(write, unit=unit(number)))


def opened(folder: StateFolder) -> Contents:
    """Open the file as a start does, see that it can be written, and return what it held."""
    store, contents = open_store(folder)
    try:
        store.do(lambda connection: write(connection, Unit(positions={("new", ""): b"\x01"})))
    finally:
        store.close()
    return contents


def aside(folder: StateFolder) -> list[Path]:
    names = folder.path.glob("penstock.db.set-aside-*")
    return [path for path in names if not path.name.endswith(("-wal", "-shm"))]


def test_a_new_file_is_empty_and_an_old_one_comes_back(folder: StateFolder) -> None:
    assert opened(folder) == Contents()
    fill(folder)
    contents = opened(folder)
    assert contents.positions[LANE] == b"\x05"
    assert contents.ledger == {("sinks.x", "o"): b"row"}
    assert contents.sources == {"sources.a": b"counts"}
    assert [head.number for head in contents.pages["sinks.x"]] == [*range(10)]
    assert all(head.counts == {"o": EVENTS} for head in contents.pages["sinks.x"])
    assert aside(folder) == []


def test_nobody_else_may_read_it(folder: StateFolder) -> None:
    store, _ = open_store(folder)
    store.do(lambda connection: write(connection, unit(1)))
    files = [path for path in folder.path.iterdir() if path.name.startswith("penstock.db")]
    assert len(files) == 3
    assert [path.stat().st_mode & 0o077 for path in files] == [0, 0, 0]
    store.close()


# --- what is not ours, or not whole ----------------------------------------------------------


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def text(path: Path) -> None:
    path.write_text("this is a note, and no database\n" * 100)


def future(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def foreign(path: Path) -> None:
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE pages (counts); INSERT INTO pages VALUES (1); PRAGMA user_version = 1;"
        )


def of_another_program(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 7")


def without_a_table(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TABLE positions;")


def head_overwritten(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(b"\0" * 4096 + data[4096:])


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def cut_within_a_page(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10_001])


@pytest.mark.parametrize(
    "harm",
    [
        garbage,
        text,
        future,
        foreign,
        of_another_program,
        without_a_table,
        head_overwritten,
        cut,
        cut_within_a_page,
    ],
)
def test_a_file_that_cannot_be_used_is_set_aside_and_a_new_one_begun(
    folder: StateFolder, caplog: pytest.LogCaptureFixture, harm: object
) -> None:
    fill(folder)
    harm(folder.database)  # type: ignore[operator]
    before = folder.database.read_bytes()
    assert opened(folder) == Contents()
    (kept,) = aside(folder)
    assert kept.read_bytes() == before
    (record,) = [one for one in caplog.records if "set aside" in one.getMessage()]
    assert record.levelname == "ERROR"
    assert vars(record)["set_aside"] == str(kept)
    assert opened(folder).positions == {("new", ""): b"\x01"}, "the new one lasts"
    assert len(aside(folder)) == 1


def test_what_is_set_aside_is_counted_where_it_can_be(
    folder: StateFolder, caplog: pytest.LogCaptureFixture
) -> None:
    fill(folder)
    future(folder.database)
    opened(folder)
    assert [vars(r)["events_in_buffers"] for r in caplog.records if "aside" in r.getMessage()] == [
        10 * EVENTS
    ]
    garbage(folder.database)
    opened(folder)
    assert len(aside(folder)) == 2, "one set aside does not replace another"
    assert vars(caplog.records[-1])["events_in_buffers"] is None


@pytest.mark.parametrize("seed", range(25))
def test_a_start_succeeds_wherever_the_file_is_damaged(folder: StateFolder, seed: int) -> None:
    fill(folder)
    chance = random.Random(seed)
    data = bytearray(folder.database.read_bytes())
    size = chance.choice([1, 16, 512, 4096, 20_000])
    at = chance.randrange(len(data) - size)
    data[at : at + size] = chance.randbytes(size)
    folder.database.write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
    contents = opened(folder)
    if not aside(folder):
        assert contents.positions.keys() <= {LANE}


# --- a crash -------------------------------------------------------------------------------


def crashed(folder: StateFolder, tmp_path: Path) -> tuple[StateFolder, Path]:
    """Return a copy of a folder whose process was killed, and its write-ahead log."""
    store, _ = open_store(folder)
    for number in range(10):
        store.do(partial(write, unit=unit(number)))
    copy = StateFolder(tmp_path / "copy")
    copy.take()
    log = copy.database.with_name("penstock.db-wal")
    copy.database.write_bytes(folder.database.read_bytes())
    log.write_bytes(folder.database.with_name("penstock.db-wal").read_bytes())
    store.close()
    assert log.stat().st_size > 200_000
    return copy, log


def numbers(contents: Contents) -> list[int]:
    return [head.number for head in contents.pages.get("sinks.x", ())]


def test_what_was_written_before_a_crash_is_there(folder: StateFolder, tmp_path: Path) -> None:
    copy, _ = crashed(folder, tmp_path)
    assert numbers(opened(copy)) == [*range(10)]
    assert aside(copy) == []
    copy.leave()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.33, 0.5, 0.77, 0.999])
def test_half_a_log_holds_whole_units_only(
    folder: StateFolder, tmp_path: Path, share: float
) -> None:
    copy, log = crashed(folder, tmp_path)
    data = log.read_bytes()
    log.write_bytes(data[: int(len(data) * share)])
    contents = opened(copy)
    found = numbers(contents)
    assert found == [*range(len(found))]
    assert 10 * share - 2 <= len(found) <= 10 * share
    assert (LANE in contents.positions) is bool(found), "all of a unit, or nothing"
    assert aside(copy) == []
    copy.leave()


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_log_gives_what_came_before_the_damage(
    folder: StateFolder, tmp_path: Path, seed: int
) -> None:
    copy, log = crashed(folder, tmp_path)
    data = bytearray(log.read_bytes())
    at = random.Random(seed).randrange(len(data))
    data[at : at + 64] = random.Random(seed).randbytes(64)
    log.write_bytes(data)
    found = numbers(opened(copy))
    assert found == [*range(len(found))]
    assert len(found) >= int(10 * at / len(data)) - 1
    assert aside(copy) == []
    copy.leave()


# --- a disk that does not let us -------------------------------------------------------------


class FullStore(Store):
    """Has no room to open a file for writing until ``room`` is made."""

    room = False

    def connect(self, *, alone: bool = False) -> sqlite3.Connection:
        if not (FullStore.room or alone):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return super().connect(alone=alone)


async def test_on_a_full_disk_what_is_there_is_known_and_kept(
    folder: StateFolder, caplog: pytest.LogCaptureFixture
) -> None:
    fill(folder)
    FullStore.room = False
    store, contents = open_store(folder, FullStore)
    assert "running on memory" in caplog.text
    assert numbers(contents) == [*range(10)]
    assert contents.positions == {LANE: b"\x05"}
    with pytest.raises(StateError, match="full"):
        await store.write(unit(10))
    FullStore.room = True
    await store.write(unit(10))
    assert len(await store.read(("sinks.x", 3))) == 1
    store.close()
    assert numbers(opened(folder)) == [*range(11)]
    assert aside(folder) == []


def test_on_a_full_disk_a_first_start_begins_with_nothing(folder: StateFolder) -> None:
    FullStore.room = False
    store, contents = open_store(folder, FullStore)
    assert contents == Contents()
    store.close()


def test_what_can_be_neither_written_nor_read_stops_the_start(folder: StateFolder) -> None:
    fill(folder)
    with contextlib.closing(sqlite3.connect(folder.database, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM positions WHERE 0")
        with pytest.raises(ConfigError, match=r"can be neither written nor read.*locked"):
            open_store(folder, Impatient)
    assert opened(folder).positions == {LANE: b"\x05"}
    assert aside(folder) == []


class Impatient(Store):
    """Does not wait five seconds for somebody else's lock."""

    def connect(self, *, alone: bool = False) -> sqlite3.Connection:
        return connect(self.path, alone=alone, timeout_s=0.01)

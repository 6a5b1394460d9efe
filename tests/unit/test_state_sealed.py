"""Small blobs of the state file: a bit that flipped is known, and costs itself alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from penstock.api import Batch, Counter, Log, Resource
from penstock.state import letters
from penstock.state.pages import PageRow
from penstock.state.schema import VERSION
from penstock.state.sealed import seal, unseal
from penstock.state.store import Store
from penstock.state.unit import Contents, LetterRow, Unit

BATCH = Batch(Resource("o"), (Log(1, "a"), Counter(2, "c", 3)), 100)
LETTER = LetterRow(
    sink="sinks.x", origin="o", reason="rejected", response="", attempts=1, first_unix_nano=1,
    last_unix_nano=2, configuration="", size=100, batch=BATCH,
)  # fmt: skip
UNIT = Unit(
    pages=[
        PageRow("sinks.x", 1, {"o": 2}, [BATCH]),
        PageRow("sources.s", 1, {"log": 1, "counter": 1}, [BATCH]),
    ],
    letters=[LETTER],
    positions={("sources.s", "red"): b"\x01", ("sources.s", "blue"): b"\x02"},
    ledger={("sinks.x", "o"): b"\x03", ("sinks.x", "p"): b"\x04"},
    sources={"sources.s": b"\x05"},
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A state file with something in each table."""
    path = tmp_path / "penstock.db"
    store = Store(path)
    store.open()
    store.do(write_all)
    store.close()
    return path


def write_all(connection: sqlite3.Connection) -> None:
    from penstock.state.store import write

    write(connection, UNIT)


def change(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(statement)


def flip(file: Path, table: str, blob: str, where: str = "1") -> None:
    """Flip the last bit of a blob, in which SQLite sees nothing wrong."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.create_function("flip", 1, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
        connection.execute(f"UPDATE {table} SET {blob} = flip({blob}) WHERE {where}")


def opened(file: Path) -> Contents:
    store = Store(file)
    try:
        return store.open()
    finally:
        store.close()


def test_what_is_sealed_is_known_when_any_bit_of_it_flips() -> None:
    blob = seal(b"position")
    assert unseal(blob) == b"position"
    for bit in range(len(blob) * 8):
        changed = bytearray(blob)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match="checksum"):
            unseal(bytes(changed))
    for cut in range(len(blob)):
        with pytest.raises(ValueError, match="checksum"):
            unseal(blob[:cut])


def test_a_position_with_a_flipped_bit_is_none_and_the_others_stand(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flip(file, "positions", "position", "lane = 'red'")
    assert opened(file).positions == {("sources.s", "blue"): b"\x02"}
    (record,) = caplog.records
    assert record.getMessage().startswith("a position is damaged")
    assert vars(record)["row"] == "sources.s red"


def test_a_row_of_the_ledger_and_the_counts_of_a_source_likewise(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flip(file, "ledger", "row", "origin = 'o'")
    flip(file, "sources", "counts")
    contents = opened(file)
    assert contents.ledger == {("sinks.x", "p"): b"\x04"}
    assert contents.sources == {}
    assert len(caplog.records) == 2


def test_the_counts_of_a_page_are_counted_again_from_its_events(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flip(file, "pages", "counts")
    pages = opened(file).pages
    assert pages["sinks.x"][0].counts == {"o": 2}
    assert pages["sources.s"][0].counts == {"log": 1, "counter": 1}
    assert [vars(record)["sink"] for record in caplog.records] == ["sinks.x", "sources.s"]


def test_a_page_of_which_nothing_is_whole_counts_as_nothing(file: Path) -> None:
    flip(file, "pages", "counts")
    flip(file, "pages", "data", "sink = 'sinks.x'")
    assert opened(file).pages["sinks.x"][0].counts == {}


def test_a_damaged_letter_is_not_shown_as_another(file: Path) -> None:
    flip(file, "letters", "data")
    store = Store(file)
    with pytest.raises(ValueError, match="checksum"):
        store.do(lambda connection: letters.batch_of(connection, 1))
    store.close()


def test_what_the_first_version_wrote_is_brought_up_to_date(file: Path) -> None:
    """Version 1 is the same file without the four bytes in front of each small blob."""
    before = opened(file)
    blobs = {"positions": "position", "ledger": "row", "sources": "counts", "letters": "data"}
    for table, blob in {**blobs, "pages": "counts"}.items():
        change(file, f"UPDATE {table} SET {blob} = CAST(substr({blob}, 5) AS BLOB);")
    change(file, "PRAGMA user_version = 1;")
    assert opened(file) == before
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_first_version_that_cannot_be_written_is_not_taken_for_damaged(file: Path) -> None:
    change(file, "PRAGMA user_version = 1;")
    store = Store(file)
    with pytest.raises(sqlite3.OperationalError, match="version is 1"):
        store.peek()
    store.close()

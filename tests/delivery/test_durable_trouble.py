"""A disk that fails, and then does not: memory goes on, what has to wait waits, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penstock.api import BufferSettings
from tests.delivery.durable_lab import FOREVER, DurableLab
from tests.delivery.load import Load

SMALL = 80_000
FULL = "database or disk is full"


def buffer(type_: str) -> BufferSettings:
    return BufferSettings(type=type_, max_memory_bytes=SMALL, max_disk_bytes=FOREVER)  # type: ignore[arg-type]


@pytest.mark.parametrize("type_", ["memory", "overflow", "disk"])
async def test_live_sinks_are_served_from_memory(durable: DurableLab, type_: str) -> None:
    durable.settings("x", buffer=buffer(type_))
    durable.disk.error = FULL
    lines = Load(durable, "a")
    await durable.start(durable.plan(main="a > x"))
    await lines.offer(3000)
    await durable.destination("x").until_lines(3000)
    durable.disk.error = ""
    await asyncio.sleep(3)
    assert durable.journal_of_state.trouble == ""
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    assert sum(int(p) for p in durable.shut().positions.values()) == 3000
    durable.boot()
    assert durable.outcomes("x") == {"delivered": 3000}


@pytest.mark.parametrize("type_", ["overflow", "disk"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_dead_sink_blocks_until_the_disk_is_back(
    durable: DurableLab, type_: str, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    durable.settings("x", buffer=buffer(type_))
    far, lines = durable.destination("x"), Load(durable, "a")
    far.fail()
    if when == "before":
        durable.disk.error = FULL
    runtime = await durable.start(durable.plan(main="a > x"))
    await lines.offer(3000)
    durable.disk.error = FULL
    lines.write(6000)
    await asyncio.sleep(20)
    assert runtime.graph.sources["a"].outlet.blocked_on == "sinks.x"
    assert runtime.graph.sinks["x"].buffer.heap_bytes <= SMALL
    assert caplog.text.count("running on memory") == 1
    durable.disk.error = ""
    await durable.until(lambda: durable.services.ledger.received["sources.a"] == 9000, timeout=20)
    assert durable.spooled("x") > 8000
    far.mend()
    await far.until_lines(9000)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    assert durable.outcomes("x") == {"delivered": 9000}


@pytest.mark.parametrize("type_", ["overflow", "disk"])
async def test_a_buffer_that_cannot_be_read_waits_and_goes_on(
    durable: DurableLab, type_: str, caplog: pytest.LogCaptureFixture
) -> None:
    durable.settings("x", buffer=buffer(type_))
    far, lines = durable.destination("x"), Load(durable, "a")
    far.fail()
    await durable.start(durable.plan(main="a > x"))
    await lines.offer(6000)
    await asyncio.sleep(1)
    durable.disk.error = "disk I/O error"
    far.mend()
    await asyncio.sleep(20)
    assert len(durable.lines("x")) < 6000
    assert "the buffer cannot be read" in caplog.text
    durable.disk.error = ""
    await far.until_lines(6000)
    assert await durable.stop() == 0
    lines.check(durable.lines("x"))
    assert durable.outcomes("x") == {"delivered": 6000}


async def test_a_disk_that_comes_and_goes_costs_nothing(durable: DurableLab) -> None:
    for sink, type_ in (("x", "overflow"), ("y", "disk")):
        durable.settings(sink, buffer=buffer(type_))
    lines, chance = Load(durable, "a"), random.Random(4)
    await durable.start(durable.plan(main="a > x y"))
    for _ in range(60):
        durable.disk.error = chance.choice(["", "", FULL])
        far = durable.destination(chance.choice("xy"))
        if chance.random() < 0.5:
            far.mend()
        else:
            far.fail()
        await lines.offer(90)
        await asyncio.sleep(chance.choice([0.1, 1, 3]))
    durable.disk.error = ""
    for sink in "xy":
        durable.destination(sink).mend()
        await durable.destination(sink).until_lines(lines.count)
    assert await durable.stop() == 0
    for sink in "xy":
        lines.check(durable.lines(sink))
        assert durable.repeated(sink) == []
        assert durable.services.spools[f"sinks.{sink}"].disk_bytes == 0


async def test_a_disk_that_hangs_holds_up_no_sink_and_no_stop(durable: DurableLab) -> None:
    lines = Load(durable, "a")
    await durable.start(durable.plan(main="a > x"))
    durable.disk.stand_still()
    await lines.offer(900)
    await durable.destination("x").until_lines(900)
    assert await durable.stop() == 0
    durable.disk.go_on()


# --- pages that are damaged ------------------------------------------------------------------


async def left_on_disk(durable: DurableLab, count: int) -> int:
    """Leave so many lines on disk for a sink, and return how many pages that are."""
    durable.settings("x", buffer=buffer("overflow"))
    durable.destination("x").fail()
    lines = Load(durable, "a")
    await durable.start(durable.plan(main="a > x"))
    await lines.offer(count)
    assert await durable.stop() == 0
    durable.shut()
    durable.destination("x").mend()
    with closing(sqlite3.connect(durable.folder / "penstock.db")) as file:
        return int(file.execute("SELECT count(*) FROM pages").fetchone()[0])


@pytest.mark.parametrize("harm", ["data = zeroblob(100)", "checksum = checksum + 1"])
async def test_a_damaged_page_is_counted_by_its_events_and_the_rest_is_delivered(
    durable: DurableLab, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    pages = await left_on_disk(durable, 3000)
    assert pages > 4
    with closing(sqlite3.connect(durable.folder / "penstock.db")) as file, file:
        choice = "rowid IN (SELECT rowid FROM pages ORDER BY number LIMIT 2 OFFSET 1)"
        file.execute(f"UPDATE pages SET {harm} WHERE {choice}")
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    await durable.until(lambda: durable.services.spools["sinks.x"].events == 0)
    assert await durable.stop() == 0
    outcomes = durable.outcomes("x")
    lost = outcomes["dropped damaged_page"]
    assert outcomes == {"delivered": 3000 - lost, "dropped damaged_page": lost}
    assert lost == 3000 - len(durable.lines("x")) > 0
    told = [vars(r)["events_lost"] for r in caplog.records if "is damaged" in r.getMessage()]
    assert sum(told) == lost
    assert len(told) == 2
    assert durable.shut().lines == {}
    durable.boot()


@pytest.mark.parametrize("seed", range(8))
async def test_a_bad_sector_in_the_buffer_costs_the_pages_it_hit(
    durable: DurableLab, seed: int
) -> None:
    durable.settings("x", buffer=BufferSettings(type="disk"))
    durable.destination("x").fail()
    durable.origin("a").write([f"{number} {'x' * 300}" for number in range(1500)])
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    durable.shut()
    durable.destination("x").mend()
    path, chance = durable.folder / "penstock.db", random.Random(seed)
    data = bytearray(path.read_bytes())
    at = chance.randrange(8, len(data) // 4096) * 4096
    data[at : at + 4096] = chance.randbytes(4096)
    path.write_bytes(data)
    durable.boot()
    await durable.start(durable.plan(main="a > x"))
    await durable.until(lambda: durable.services.spools["sinks.x"].events == 0)
    durable.origin("a").write(["goes on"])
    await durable.until(lambda: "goes on" in durable.lines("x"))
    assert await durable.stop() == 0
    lost = durable.outcomes("x").get("dropped damaged_page", 0)
    if not [*durable.folder.glob("*set-aside*")]:
        assert len(durable.lines("x")) == 1501 - lost
        assert lost < 1000
    durable.shut()
    durable.boot()


async def test_a_damaged_row_costs_itself_alone(
    durable: DurableLab, caplog: pytest.LogCaptureFixture
) -> None:
    durable.origin("a").write(["1", "2"], "red")
    durable.origin("a").write(["1", "2"], "blue")
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    durable.shut()
    with closing(sqlite3.connect(durable.folder / "penstock.db")) as file, file:
        file.execute("UPDATE positions SET position = x'c1' WHERE lane = 'red'")
        file.execute("UPDATE ledger SET row = x'93' WHERE origin = 'memory:blue'")
        file.execute("UPDATE sources SET counts = x'c1'")
    durable.boot()
    assert durable.position("a", "red") is None
    assert durable.position("a", "blue") == 2
    assert durable.outcomes("x") == {"delivered": 2}
    assert caplog.text.count("is damaged") == 3
    await durable.start(durable.plan(main="a > x"))
    assert await durable.stop() == 0
    assert durable.lines("x").count("1") == 3


async def test_a_residue_on_disk_is_an_error_that_names_where(
    durable: DurableLab, caplog: pytest.LogCaptureFixture
) -> None:
    await left_on_disk(durable, 300)
    with closing(sqlite3.connect(durable.folder / "penstock.db")) as file, file:
        file.execute("DELETE FROM pages WHERE number = (SELECT min(number) FROM pages)")
    with pytest.raises(AssertionError):
        durable.boot()
    (record, *_) = [r for r in caplog.records if "does not add up" in r.getMessage()]
    assert record.levelname == "ERROR"
    assert vars(record)["sink"] == "sinks.x"
    assert vars(record)["origin"].startswith("memory:")
    assert vars(record)["residue"] > 0
    durable.services.ledger.restore({}, {})
    for _, _, row in durable.services.ledger.rows():
        row.read -= row.residue  # So that the end of the test finds the books in order.


# --- a real small disk -----------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "penstock-test", str(place)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, check=False, capture_output=True).returncode
    ):
        pytest.skip("cannot mount a small file system here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """Take all room that a file system has left."""
    path = place / "filler"
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, b"x" * 4096)
    except OSError:
        os.close(file)
    return path


async def test_a_full_file_system_blocks_and_recovers_by_itself(small_disk: Path) -> None:
    lab = DurableLab(small_disk / "state")
    lab.settings("x", buffer=buffer("overflow"))
    far, lines = lab.destination("x"), Load(lab, "a")
    far.fail()
    await lab.start(lab.plan(main="a > x"))
    await lines.offer(3000)
    filler = fill(small_disk)
    lines.write(60_000)
    await asyncio.sleep(30)
    read = lab.services.ledger.received["sources.a"]
    assert read < 30_000
    filler.unlink()
    await lab.until(lambda: lab.services.ledger.received["sources.a"] > read + 1000)
    far.mend()
    await far.until_lines(lines.count, timeout=100)
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))
    assert lab.repeated("x") == []
    await lab.close()


async def test_a_start_on_a_full_file_system_forgets_nothing(small_disk: Path) -> None:
    lab = DurableLab(small_disk / "state")
    lab.settings("x", buffer=buffer("overflow"))
    far, lines = lab.destination("x"), Load(lab, "a")
    far.fail()
    await lab.start(lab.plan(main="a > x"))
    await lines.offer(3000)
    assert await lab.stop() == 0
    lab.shut()
    filler = fill(small_disk)
    lab.boot()
    assert lab.spooled("x") == 3000
    lines.write(300)
    await lab.start(lab.plan(main="a > x"))
    await asyncio.sleep(10)
    assert lab.journal_of_state.trouble
    filler.unlink()
    far.mend()
    await far.until_lines(3300)
    assert await lab.stop() == 0
    lines.check(lab.lines("x"))
    assert lab.repeated("x") == []
    assert sum(int(p) for p in lab.shut().positions.values()) == 3300
    await lab.close()

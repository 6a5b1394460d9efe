"""A state folder that is full, read-only or damaged: Penstock runs on, and says so."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.parts.books import Books
from tests.system.parts.config import to_receiver
from tests.system.parts.counting import Counter
from tests.system.parts.disk import Disk, small_disk
from tests.system.parts.engine import Engine
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Runner
from tests.system.parts.waiting import eventually

UNWRITABLE = "state cannot be written, running on memory"
AGAIN = "state is written again"


def settles(probe: Callable[[], int]) -> None:
    """Wait until a number is above zero and does not change for a while."""
    seen = [0]

    def same() -> bool:
        seen.append(probe())
        return seen[-1] > 0 and len(seen) > 8 and len(set(seen[-8:])) == 1

    eventually(same, "it stays as it is", interval=0.2)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Twelve megabytes that a test can fill: half is left free, and SQLite's log may take four."""
    with small_disk(tmp_path / "disk", "12m") as disk:
        yield disk


def test_the_buffer_leaves_room_on_the_disk_during_an_outage(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner, disk: Disk
) -> None:
    receiver = rsyslog()
    receiver.stop()
    books = Books(disk.folder / "state")
    router = penstock(to_receiver(docker_engine, receiver.tcp), state_dir=books.folder)
    container = Counter(docker_engine, "steady", burst=200)
    # None of the limits in the configuration bites, but the disk itself.
    settles(lambda: books.waiting("central"))
    assert UNWRITABLE not in router.stderr.read_text()
    health = penstock.command("health", "--state-dir", books.folder)
    assert f"buffers have no room: {books.folder}: the rest" in health.stderr
    receiver.start()
    count = container.stop()
    receiver.wait_for_line(container.last_line(count), timeout=30)
    assert router.stop() == 0, router.tail()
    assert container.account(receiver.lines(), count).repeated == 0
    assert books.residues("central") == {}


def test_somebody_fills_the_disk_during_an_outage(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner, disk: Disk
) -> None:
    receiver = rsyslog()
    receiver.stop()
    books = Books(disk.folder / "state")
    router = penstock(to_receiver(docker_engine, receiver.tcp), state_dir=books.folder)
    container = Counter(docker_engine, "steady", burst=200)
    eventually(lambda: books.waiting("central") > 2000, "events wait on disk")
    disk.fill()
    router.wait_for_log(UNWRITABLE)
    receiver.start()
    before = receiver.received.count()
    receiver.wait_for(before + 4000)  # What waits on disk is read and delivered all the same.
    disk.empty()
    router.wait_for_log(AGAIN)
    count = container.stop()
    receiver.wait_for_line(container.last_line(count), timeout=30)
    assert router.stop() == 0, router.tail()
    assert container.account(receiver.lines(), count).repeated == 0
    assert books.residues("central") == {}


def test_a_full_disk_at_the_start_and_room_later(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner, disk: Disk
) -> None:
    receiver = rsyslog()
    books = Books(disk.folder / "state")
    books.folder.mkdir()
    disk.fill()
    router = penstock(to_receiver(docker_engine, receiver.tcp), state_dir=books.folder)
    container = Counter(docker_engine, "steady")
    router.wait_for_log(UNWRITABLE)
    receiver.wait_for(1000)
    disk.empty()
    router.wait_for_log(AGAIN)
    router.kill()
    router = penstock(to_receiver(docker_engine, receiver.tcp), state_dir=books.folder)
    count = container.stop()
    receiver.wait_for_line(container.last_line(count))
    assert router.stop() == 0, router.tail()
    container.account(receiver.lines(), count)
    assert books.residues("central") == {}


def test_the_disk_is_full_while_lines_are_delivered(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner, disk: Disk
) -> None:
    receiver = rsyslog()
    books = Books(disk.folder / "state")
    router = penstock(to_receiver(docker_engine, receiver.tcp), state_dir=books.folder)
    container = Counter(docker_engine, "steady")
    receiver.wait_for(500)
    disk.fill()
    router.wait_for_log(UNWRITABLE)
    before = receiver.received.count()
    receiver.wait_for(before + 1000)
    disk.empty()
    router.wait_for_log(AGAIN)
    count = container.stop()
    receiver.wait_for_line(container.last_line(count))
    assert router.stop() == 0, router.tail()
    assert container.account(receiver.lines(), count).repeated == 0


def test_a_read_only_disk_at_the_start_is_refused_with_the_remedy(
    docker_engine: Engine, penstock: Runner, disk: Disk
) -> None:
    disk.read_only(True)
    text = to_receiver(docker_engine, "tcp://127.0.0.1:9")
    router = penstock(text, state_dir=disk.folder / "state")
    assert router.wait() == 78
    told = router.stderr.read_text()
    assert "Read-only file system" in told
    assert "PENSTOCK_STATE_DIR" in told


def flip(file: Path, seed: random.Random) -> None:
    """Flip bits in lines that wait, all over a file."""
    data = bytearray(file.read_bytes())
    lines = [match.start() for match in re.finditer(rb"x{50}", data)]
    for at in seed.sample(lines, 20):
        data[at + seed.randrange(50)] ^= 1 << seed.randrange(8)
    file.write_bytes(data)


def cut(file: Path, seed: random.Random) -> None:
    """Cut a file off in its middle."""
    with file.open("r+b") as opened:
        opened.truncate(int(file.stat().st_size * seed.uniform(0.2, 0.9)))


def exchange(file: Path, seed: random.Random) -> None:
    """Put another program's database in its place."""
    file.unlink()
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE pages (title TEXT)")


def scribble(file: Path, seed: random.Random) -> None:
    """Put what is no database in its place."""
    file.write_bytes(seed.randbytes(20_000))


@pytest.mark.parametrize("damage", [flip, cut, exchange, scribble])
def test_a_state_file_that_was_damaged(
    docker_engine: Engine,
    rsyslog: Callable[..., Rsyslog],
    penstock: Runner,
    damage: Callable[[Path, random.Random], None],
) -> None:
    receiver = rsyslog()
    receiver.stop()
    books = Books(penstock.folder / "state")
    text = to_receiver(docker_engine, receiver.tcp, core="drain_timeout_s = 1")
    router = penstock(text, state_dir=books.folder)
    container = Counter(docker_engine, "steady", burst=200)
    eventually(lambda: books.waiting("central") > 5000, "events wait on disk")
    assert router.stop() == 0, router.tail()
    waiting = books.waiting("central")
    damage(books.file, random.Random(7))

    receiver.start()
    router = penstock(text, state_dir=books.folder)
    # A container of which nothing is known, and that has ended, would not be read at all.
    receiver.wait_for(1)
    count = container.stop()
    receiver.wait_for_line(container.last_line(count), timeout=20)
    assert router.stop() == 0, router.tail()
    told = router.stderr.read_text()
    aside = list(books.folder.glob("*.set-aside-*"))
    arrived = set(container.numbers(receiver.lines()))
    if aside:
        # Nothing is known any more: Docker is asked for everything that it has.
        assert "was set aside" in told
        assert arrived == set(range(count))
    else:
        lost = books.outcomes("central").get("dropped", 0)
        assert len(arrived) == count - lost
        assert 0 < lost <= waiting
        assert "a page of the buffer is damaged" in told
    assert books.residues("central") == {}
    print(f"{damage.__name__}: set aside {bool(aside)}, {count - len(arrived)} of {waiting} lost")

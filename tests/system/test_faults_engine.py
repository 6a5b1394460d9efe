"""What happens to Docker, its logs, its containers and the clock, beside the whole process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.parts.books import Books
from tests.system.parts.config import to_receiver
from tests.system.parts.counting import Counter
from tests.system.parts.engine import Engine
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Runner
from tests.system.parts.waiting import eventually

CLOCK = '''
"""A wall clock that a file sets back."""

import pathlib, time
offset, real, real_ns = pathlib.Path(__file__).with_name("offset"), time.time, time.time_ns
time.time = lambda: real() + float(offset.read_text())
time.time_ns = lambda: real_ns() + int(float(offset.read_text()) * 10**9)
'''


def with_path(folder: Path) -> dict[str, str]:
    """The environment in which Python looks into this folder first."""
    return {"PYTHONPATH": str(folder)}


def test_dockerd_restarts_in_mid_stream(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    books = Books(penstock.folder / "state")
    router = penstock(to_receiver(docker_engine, receiver.tcp), state_dir=books.folder)
    container = Counter(docker_engine, "steady", restarts=True)
    receiver.wait_for(1000)
    docker_engine.restart()
    before = receiver.received.count()
    docker_engine.docker("start", container.name)
    receiver.wait_for(before + 1000)
    docker_engine.docker("kill", container.name)
    expected, _ = docker_engine.logs(container.name)
    receiver.wait_for(len(expected))
    assert router.stop() == 0, router.tail()
    assert receiver.lines() == expected, "each exactly once, in order"
    assert books.gaps() == 0


# A buffer in memory is full at once, so that Docker's log is the only one, and rotates away.
@pytest.mark.parametrize("buffer", ["overflow", "memory"])
def test_logs_that_rotate_fast_while_the_receiver_is_away(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner, buffer: str
) -> None:
    receiver = rsyslog()
    books = Books(penstock.folder / "state")
    text = to_receiver(docker_engine, receiver.tcp, buffer=buffer)
    router = penstock(text, state_dir=books.folder)
    rotate = {"max-size": "1m", "max-file": "5"}
    count = 80_000
    container = Counter(
        docker_engine, "fast", count=count, burst=200, pause_s=0.01, log_opts=rotate
    )
    receiver.wait_for(5000)
    receiver.stop()
    docker_engine.wait(container.container, timeout=60)
    receiver.start()
    receiver.wait_for_line(container.last_line(count), timeout=60)
    assert router.stop() == 0, router.tail()
    missing = container.unexplained(receiver.lines(), count)
    assert missing == [], "lines are missing without a gap event before the next one"
    kept = container.numbers(docker_engine.logs(container.name)[0])
    assert kept[0] > 5000, "the log was rotated away"
    assert bool(books.gaps()) == (buffer == "memory")
    arrived = len(set(container.numbers(receiver.lines())))
    print(f"{buffer}: {books.gaps()} gaps, {arrived} of {count} lines, Docker kept {len(kept)}")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_container_is_removed_while_the_receiver_is_down(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner, end: str
) -> None:
    receiver = rsyslog()
    receiver.stop()
    books = Books(penstock.folder / "state")
    text = to_receiver(docker_engine, receiver.tcp, core="drain_timeout_s = 1")
    router = penstock(text, state_dir=books.folder)
    count = 20_000
    container = Counter(docker_engine, "doomed", count=count, burst=200)
    eventually(lambda: books.waiting("central") == count, "all of it is on disk")
    docker_engine.docker("rm", "--force", container.name)
    if end == "stop":
        eventually(lambda: container.container not in books.lanes(), "its removal was noted")
        assert router.stop() == 0, router.tail()
    else:
        router.kill()
    receiver.start()
    router = penstock(text, state_dir=books.folder)
    receiver.wait_for_line(container.last_line(count))
    assert router.stop() == 0, router.tail()
    assert container.account(receiver.lines(), count).repeated == 0
    # Killed before it noted that it had read all of the container, it says what it cannot know.
    assert books.gaps() <= (end == "kill")
    assert books.outcomes("central") == {"delivered": count + books.gaps()}


def test_the_wall_clock_is_set_back_in_mid_stream(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner, tmp_path: Path
) -> None:
    shim = tmp_path / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text(CLOCK)
    offset = shim / "offset"
    offset.write_text("0")
    receiver = rsyslog()
    books = Books(penstock.folder / "state")
    text = to_receiver(docker_engine, receiver.tcp)
    containers = [Counter(docker_engine, "red")]
    router = penstock(text, state_dir=books.folder, env=with_path(shim))
    receiver.wait_for(1000)
    for seconds in ("-3600", "-86400"):
        offset.write_text(seconds)
        containers.append(Counter(docker_engine, f"new{seconds}"))
        before = receiver.received.count()
        receiver.wait_for(before + 1000)
        receiver.stop()
        router.wait_for_log("trying again")
        receiver.start()
        assert router.stop() == 0, router.tail()
        router = penstock(text, state_dir=books.folder, env=with_path(shim))
        receiver.wait_for(before + 2000)
    counts = {container: container.stop() for container in containers}
    for container, count in counts.items():
        receiver.wait_for_line(container.last_line(count))
    assert router.stop() == 0, router.tail()
    lines = receiver.lines()
    for container, count in counts.items():
        container.account(lines, count)
    stamps = {record["timestamp"][:10] for one in penstock.started for record in one.log()}
    assert len(stamps) > 1, "the clock was another one"
    assert books.residues("central") == {}

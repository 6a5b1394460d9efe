"""Stops and reloads under load: nothing that was settled comes again, nothing is left behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.system.parts.books import Books
from tests.system.parts.config import to_receiver
from tests.system.parts.counting import Counter
from tests.system.parts.engine import Engine
from tests.system.parts.message import free_port
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Penstock, Runner
from tests.system.parts.waiting import eventually


def test_sigterm_in_mid_stream_replays_nothing(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    books = Books(penstock.folder / "state")
    text = to_receiver(docker_engine, receiver.tcp)
    containers = [Counter(docker_engine, name) for name in ("red", "green")]
    for _ in range(3):
        router = penstock(text, state_dir=books.folder)
        before = receiver.received.count()
        receiver.wait_for(before + 1000)
        assert router.stop() == 0, router.tail()
        assert books.waiting("central") == 0
    router = penstock(text, state_dir=books.folder)
    for container in containers:
        count = container.stop()
        receiver.wait_for_line(container.last_line(count))
        assert container.account(receiver.lines(), count).repeated == 0
    assert router.stop() == 0
    assert books.residues("central") == {}


@pytest.mark.parametrize("buffer", ["memory", "overflow", "disk"])
def test_sigterm_with_full_buffers_and_a_dead_sink(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner, buffer: str
) -> None:
    receiver = rsyslog()
    receiver.stop()
    books = Books(penstock.folder / "state")
    text = to_receiver(docker_engine, receiver.tcp, buffer=buffer, core="drain_timeout_s = 1")
    container = Counter(docker_engine, "steady", burst=100)
    router = penstock(text, state_dir=books.folder)
    router.wait_for_log("trying again")
    time.sleep(2)
    router.send_signal(signal.SIGTERM)
    began = time.monotonic()
    code = router.wait(timeout=10)
    print(f"{buffer}: stopped in {time.monotonic() - began:.1f} s, {books.outcomes('central')}")
    # What is only in memory is abandoned: counted, said by the exit code, and read again.
    assert code == (1 if buffer == "memory" else 0), router.tail()
    left = books.waiting("central") or books.outcomes("central")["abandoned"]
    assert left > 100, "the buffer was full"

    receiver.start()
    router = penstock(text, state_dir=books.folder)
    count = container.stop()
    receiver.wait_for_line(container.last_line(count), timeout=60)
    assert router.stop() == 0, router.tail()
    assert container.account(receiver.lines(), count).repeated == 0
    assert books.residues("central") == {}
    assert books.outcomes("central")["delivered"] == count


def has_reloaded(router: Penstock, times: int) -> bool:
    """Say whether Penstock has reloaded so many times."""
    return [record["message"] for record in router.log()].count("reloaded") == times


def got(count: int, *receivers: Rsyslog) -> bool:
    """Say whether these receivers have so many messages together."""
    return sum(receiver.received.count() for receiver in receivers) >= count


def test_reload_in_mid_stream_under_load(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    first, second = rsyslog(), rsyslog()
    books = Books(penstock.folder / "state")
    addresses = (first.tcp, second.tcp)
    router = penstock(to_receiver(docker_engine, first.tcp), state_dir=books.folder)
    containers = [Counter(docker_engine, name, burst=100) for name in ("red", "green")]
    first.wait_for(500)
    for number in range(1, 6):
        before = first.received.count() + second.received.count()
        # In turn another receiver, and another transform between it and the source.
        router.reload(
            to_receiver(
                docker_engine,
                addresses[number % 2],
                settings=f"facility = 'local{number}'",
                more=f"[transforms.tagging]\nadd = {{ number = '{number}' }}",
            ).replace('["docker"]', '["docker"]\ntransforms = ["tagging"]')
        )
        eventually(partial(has_reloaded, router, number), f"reload {number}")
        eventually(partial(got, before + 1000, first, second), "lines go on")
    counts = {container: container.stop() for container in containers}
    eventually(partial(got, sum(counts.values()), first, second), "the last lines")
    assert router.stop() == 0, router.tail()
    lines = first.lines() + second.lines()
    for container, count in counts.items():
        assert sorted(container.numbers(lines)) == list(range(count)), "each exactly once"
        for receiver in (first, second):
            numbers = container.numbers(receiver.lines())
            assert numbers == sorted(numbers)
    assert books.residues("central") == {}


def test_an_orphaned_spool_is_never_forgotten(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    receiver.stop()
    books = Books(penstock.folder / "state")
    container = Counter(docker_engine, "steady", burst=100)
    text = to_receiver(docker_engine, receiver.tcp, buffer="disk", core="drain_timeout_s = 1")
    router = penstock(text, state_dir=books.folder)
    eventually(lambda: books.waiting("central") > 1000, "events wait")
    assert router.stop() == 0, router.tail()
    waiting = books.waiting("central")

    renamed = text.replace("[sinks.central]", "[sinks.other]").replace('["central"]', '["other"]')
    refused = penstock(renamed, state_dir=books.folder)
    assert refused.wait() == 78
    told = refused.stderr.read_text()
    assert f"sinks.central: {waiting} events wait" in told
    assert "orphans" in told
    assert books.waiting("central") == waiting

    receiver.start()
    router = penstock(text, state_dir=books.folder)
    count = container.stop()
    receiver.wait_for_line(container.last_line(count))
    assert router.stop() == 0
    assert container.account(receiver.lines(), count).repeated == 0


def test_an_orphaned_spool_becomes_dead_letters_where_asked(
    docker_engine: Engine, penstock: Runner
) -> None:
    dead = f"tcp://127.0.0.1:{free_port()}"
    books = Books(penstock.folder / "state")
    Counter(docker_engine, "steady", burst=100)
    text = to_receiver(docker_engine, dead, buffer="disk", core="drain_timeout_s = 1")
    router = penstock(text, state_dir=books.folder)
    eventually(lambda: books.waiting("central") > 1000, "events wait")
    assert router.stop() == 0
    waiting = books.waiting("central")
    other = to_receiver(docker_engine, dead, sink="other", core='orphans = "dead_letter"')
    router = penstock(other, state_dir=books.folder)
    router.wait_for_log("its events are dead letters now")
    assert router.stop() in (0, 1)
    assert books.waiting("central") == 0
    assert len(books.letters("central")) == waiting
    assert books.outcomes("central") == {"dead_lettered": waiting}


def test_two_processes_on_one_state_folder(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    books = Books(penstock.folder / "state")
    text = to_receiver(docker_engine, receiver.tcp)
    router = penstock(text, state_dir=books.folder)
    container = Counter(docker_engine, "steady")
    receiver.wait_for(100)
    second = penstock(text, state_dir=books.folder)
    assert second.wait() == 78
    assert f"process {router.pid}" in second.stderr.read_text()
    count = container.stop()
    receiver.wait_for_line(container.last_line(count))
    assert router.stop() == 0
    assert container.account(receiver.lines(), count).repeated == 0

"""One sink's trouble is not the other's: a dead receiver, and plugins that do everything wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugin_lab import distribute
from tests.system.parts.books import Books
from tests.system.parts.config import to_receiver
from tests.system.parts.counting import Counter
from tests.system.parts.engine import Engine
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Runner
from tests.system.parts.waiting import eventually

FAULTY = '''
"""A sink that raises, or hangs, and a transform that forgets an event."""

import asyncio
import pathlib

from penstock.api import Log, Sink, Transform, hookimpl


class Faulty(Sink):
    """Writes lines to a file, but for what its fault is about."""

    name = "faulty"
    write_timeout_s = 0.5

    class Config(Sink.Config, frozen=True, kw_only=True):
        fault: str
        file: str

    async def write(self, batches):
        lines = [event.body for batch in batches for event in batch.events]
        if self.config.fault == "raises" and any(" 777 " in line for line in lines):
            raise ZeroDivisionError("777")
        if self.config.fault == "hangs" and not pathlib.Path(self.config.file).exists():
            await asyncio.Event().wait()
        with open(self.config.file, "a") as file:
            file.writelines(line + chr(10) for line in lines)


class Forgetful(Transform):
    """Leaves out an event and says nothing of it."""

    name = "forgetful"

    def apply(self, batch):
        events = [event for event in batch.events if " 777 " not in event.body]
        if len(events) == len(batch.events):
            return batch
        return type(batch)(batch.resource, events, batch.size, batch.trail)


@hookimpl
def penstock_sinks():
    return [Faulty]


@hookimpl
def penstock_transforms():
    return [Forgetful]
'''


def faulty_sink(fault: str, file: Path) -> str:
    """The table of the sink of the test plugin."""
    return f"""
[sinks.plugin]
type = "faulty"
fault = "{fault}"
file = "{file}"
retry = {{ initial_backoff_ms = 20, max_backoff_ms = 100 }}
batch = {{ max_wait_ms = 10 }}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a plugin that was installed there."""
    folder = tmp_path / "site"
    points = {"sink-faulty": "penstock_faulty", "transform-forgetful": "penstock_faulty"}
    distribute(folder, "penstock-faulty", points, {"penstock_faulty": FAULTY})
    return folder


def test_two_sinks_and_one_is_dead(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    dead, alive = rsyslog(), rsyslog()
    dead.stop()
    books = Books(penstock.folder / "state")
    text = to_receiver(
        docker_engine,
        dead.tcp,
        more=f'[sinks.alive]\ntype = "syslog"\naddress = "{alive.tcp}"',
    ).replace('["central"]', '["central", "alive"]')
    router = penstock(text, state_dir=books.folder)
    count = 30_000
    container = Counter(docker_engine, "steady", count=count, burst=200)
    alive.wait_for_line(container.last_line(count), timeout=30)
    assert alive.received.count() == count, "each exactly once"
    assert dead.received.count() == 0
    dead.start()
    dead.wait_for_line(container.last_line(count), timeout=30)
    assert router.stop() == 0, router.tail()
    for receiver in (dead, alive):
        assert container.account(receiver.lines(), count).repeated == 0
    for sink in ("central", "alive"):
        assert books.outcomes(sink) == {"delivered": count}
        assert books.residues(sink) == {}


@pytest.mark.parametrize("fault", ["raises", "hangs"])
def test_a_plugin_that_raises_or_hangs_in_write(
    docker_engine: Engine,
    rsyslog: Callable[..., Rsyslog],
    penstock: Runner,
    site: Path,
    fault: str,
) -> None:
    receiver = rsyslog()
    books = Books(penstock.folder / "state")
    written = penstock.folder / "written"
    text = to_receiver(docker_engine, receiver.tcp, more=faulty_sink(fault, written)).replace(
        '["central"]', '["central", "plugin"]'
    )
    router = penstock(text, state_dir=books.folder, env=site_env(site))
    count = 3000
    container = Counter(docker_engine, "steady", count=count)
    receiver.wait_for_line(container.last_line(count))
    if fault == "hangs":
        router.wait_for_log("timeout")
        written.touch()
    eventually(lambda: container.last_line(count) in lines_of(written), "the plugin's last line")
    eventually(lambda: sum(books.outcomes("plugin").values()) == count, "all is accounted for")
    assert router.stop() == 0, router.tail()
    assert container.account(receiver.lines(), count).repeated == 0
    expected = set(range(count)) - ({777} if fault == "raises" else set())
    assert set(container.numbers(lines_of(written))) == expected
    if fault == "raises":
        (letter,) = books.letters("plugin")
        assert letter[0] == "plugin_error"
        assert "ZeroDivisionError" in letter[1]
    assert books.residues("plugin") == {}


def test_a_plugin_that_loses_an_event(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner, site: Path
) -> None:
    receiver = rsyslog()
    books = Books(penstock.folder / "state")
    text = to_receiver(docker_engine, receiver.tcp, more="[transforms.forgetful]").replace(
        '["docker"]', '["docker"]\ntransforms = ["forgetful"]'
    )
    router = penstock(text, state_dir=books.folder, env=site_env(site))
    count = 3000
    container = Counter(docker_engine, "steady", count=count)
    receiver.wait_for_line(container.last_line(count))
    assert router.stop() == 0, router.tail()
    assert set(container.numbers(receiver.lines())) == set(range(count)) - {777}
    assert "lost without account" in router.stderr.read_text()
    (letter,) = books.letters("central")
    assert "forgetful" in letter[1]
    assert books.outcomes("central") == {"delivered": count - 1, "dead_lettered": 1}
    assert books.residues("central") == {}


def lines_of(file: Path) -> list[str]:
    """Lines of a file that may not be there yet."""
    return file.read_text().splitlines() if file.exists() else []


def site_env(site: Path) -> dict[str, str]:
    """The environment in which a folder's distributions are installed as well."""
    return {"PYTHONPATH": str(site)}

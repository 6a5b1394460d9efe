"""A plugin by somebody else: built, installed and used with nothing of this checkout around it."""

from __future__ import annotations

import ast
import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import WORKSPACE
from tests.system.parts.author import author_wheels
from tests.system.parts.books import Books
from tests.system.parts.page_session import Session
from tests.system.parts.pages import Page, steps
from tests.system.parts.processes import Process
from tests.system.parts.redis import Redis
from tests.system.parts.require import require
from tests.system.parts.waiting import eventually
from tests.system.parts.wheels import EmptyEnvironment, build

PLUGIN = WORKSPACE / "examples/plugins/penstock-sink-redis"
EVENTS = 6000

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> EmptyEnvironment:
    """An environment with Penstock and the plugin, all of it from wheels."""
    wheels = author_wheels(tmp_path_factory.mktemp("wheels"))
    build(PLUGIN, wheels)
    environment = EmptyEnvironment(tmp_path_factory.mktemp("stranger") / "venv")
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())
    for name in (
        "penstock-sink-redis",
        "penstock-source-demo",
        *project["dependency-groups"]["dev"],
    ):
        environment.install(name, wheels)
    return environment


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A server that listens."""
    require("redis")
    server = Redis(tmp_path)
    server.start()
    yield server
    server.close()


def test_it_uses_what_the_tutorial_and_the_guides_teach_and_nothing_else_of_penstock() -> None:
    docs = WORKSPACE / "docs"
    pages = [docs / "tutorial.md", *(docs / "guides").glob("*.md")]
    taught = {word for page in pages for word in re.findall(r"\w+", page.read_text())}
    for folder, may in (("src", {"api"}), ("tests", {"api", "testing"})):
        for path in (PLUGIN / folder).rglob("*.py"):
            for module, names in imported(path):
                assert module in may, f"{path}: penstock.{module}"
                assert names <= taught, f"{path}: {sorted(names - taught)}"


def imported(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield what a file imports of Penstock: the package below it, and the names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("penstock."):
            yield str(node.module).split(".")[1], {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            assert not [one.name for one in node.names if one.name.startswith("penstock.")], path


def test_it_is_found_beside_those_of_penstock(stranger: EmptyEnvironment) -> None:
    found = {(one["kind"], one["type"]): one for one in stranger.plugins()}
    assert found.keys() == {("sink", "redis"), ("source", "demo")}
    redis = found["sink", "redis"]
    assert "error" not in redis, redis
    assert (redis["distribution"], redis["version"]) == ("penstock-sink-redis", "0.1.0")


def test_what_its_readme_shows_works(stranger: EmptyEnvironment, tmp_path: Path) -> None:
    with Session(tmp_path, path=[stranger.folder / "bin"]) as session:
        session.run(Page.read(PLUGIN / "README.md", WORKSPACE))


def test_it_is_worked_on_as_what_penstock_new_writes() -> None:
    """The commands are those of the starter, which ``test_new.py`` runs."""
    starter = WORKSPACE / "core/src/penstock/starter/common/README.md.txt"
    shown = [Page.read(path).blocks[-1] for path in (PLUGIN / "README.md", starter)]
    mine, theirs = ([step.command.split("  #")[0].rstrip() for step in steps(one)] for one in shown)
    assert len(mine) == 5
    assert mine == theirs


def test_its_own_tests_pass_on_what_was_installed(
    stranger: EmptyEnvironment, tmp_path: Path
) -> None:
    require("redis")
    shutil.copy(PLUGIN / "pyproject.toml", tmp_path)
    shutil.copytree(PLUGIN / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("*.pyc"))
    report = tmp_path / "report.json"
    argv = [stranger.python, "-m", "pytest", "-q", f"--penstock-report={report}"]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    tests = Process("tests", argv, tmp_path, env=env, cwd=tmp_path)
    tests.start()
    assert tests.wait(90) == 0, tests.tail(60)
    (redis,) = json.loads(report.read_text())["components"]
    assert (redis["distribution"], redis["installed"]) == ("penstock-sink-redis", "wheel")
    assert (redis["broken"], redis["errors"]) == (0, 0)
    # Redis never says how long to wait; all else that can be asked of a sink was asked.
    open_ = [one["reason"] for one in redis["obligations"] if one["outcome"] == "not_checked"]
    assert [("throttle_destination" in why) for why in open_] == [True]


def test_no_event_is_lost_when_redis_dies_in_mid_stream(
    stranger: EmptyEnvironment, redis: Redis, tmp_path: Path
) -> None:
    config = tmp_path / "penstock.toml"
    config.write_text(f"""
[sources.demo]
count = {EVENTS}
rate = 2000

[sinks.redis]
url = "{redis.url}"
batch = {{ max_events = 200, max_wait_ms = 20 }}
retry = {{ initial_backoff_ms = 50, max_backoff_ms = 200 }}

[pipelines.main]
sources = ["demo"]
sinks = ["redis"]
""")
    state = tmp_path / "state"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PENSTOCK_STATE_DIR": str(state)}
    argv = [stranger.folder / "bin/penstock", "run", config]
    penstock = Process("penstock", argv, tmp_path, env=env)
    penstock.start()
    try:
        eventually(lambda: redis.length() > EVENTS // 10, "the first events", 30)
        redis.kill()
        eventually(lambda: "trying again" in penstock.tail(99), "the outage is noticed", 30)
        redis.start()
        assert penstock.wait(60) == 0, penstock.tail()
    finally:
        penstock.end()
    ids = [entry["id"] for stream in redis.streams() for entry in redis.entries(stream)]
    total = Books(state).total("redis")
    assert len(set(ids)) == EVENTS
    assert total.outcomes == {("delivered", ""): EVENTS}
    assert len(redis.streams()) == 3

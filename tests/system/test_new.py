"""``penstock new``: what it writes works as it stands, with nothing of this checkout around it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.system.parts.author import author_wheels, offline
from tests.system.parts.page_session import Session
from tests.system.parts.pages import Block, Page
from tests.system.parts.processes import Process
from tests.system.parts.waiting import eventually
from tests.system.parts.wheels import EmptyEnvironment, build

CI = ["ruff check", "ruff format", "mypy", "pytest"]
NEW = {"source": "log_file", "transform": "replace", "sink": "json-lines"}

pytestmark = pytest.mark.timeout(180)


USES = """
from collections.abc import AsyncIterator, Iterator
from penstock.api import Counter, Event, Log, Positioned, Resource, Source, Transform
from penstock.api import source, transform

class Settings(Transform.Config, frozen=True, kw_only=True):
    word: str = ""

class Other(Source.Config, frozen=True, kw_only=True):
    path: str = ""

@transform(config=Settings)
def configured(event: Log, config: Settings, resource: Resource) -> list[Log]:
    return [event]

@transform(name="all")
def every(event: Event) -> Event | None:
    return event

@source
async def live() -> AsyncIterator[tuple[Resource, Counter]]:
    yield Resource("a"), Counter(1, "b")

@source(config=Other)
def again(config: Other, position: int | None) -> Iterator[Positioned | None]:
    yield None

def transforms() -> list[type[Transform]]:
    return [configured, every]

def sources() -> list[type[Source]]:
    return [live, again]

@transform(config=Settings)  # wrong
def other_config(event: Log, config: Other) -> Log:
    return event

@transform  # wrong
def no_event(event: str) -> Log:
    return Log(1, event)

@transform  # wrong
def no_result(event: Log) -> int:
    return 1

@source  # wrong
async def no_events() -> AsyncIterator[int]:
    yield 1

@source  # wrong
async def no_position(position: int | None) -> AsyncIterator[Log]:
    yield Log(1, "")
"""
"""Right uses and wrong ones, as an author may write them."""


class Author:
    """Somebody with an environment, and a folder in which the three packages were made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.wheels = wheels = folder / "wheels"
        wheels.mkdir()
        author_wheels(wheels)
        self.environment = EmptyEnvironment(folder / "venv")
        self.environment.install("penstock[testing]", wheels)
        self.said = {kind: self._new(kind, name) for kind, name in NEW.items()}
        for kind in NEW:
            build(self.package(kind), wheels)
            self.environment.install(self.package(kind).name, wheels)
        for tool in ("mypy", "ruff"):
            self.environment.install(tool, wheels)

    def package(self, kind: str) -> Path:
        return self.folder / f"penstock-{kind}-{NEW[kind].replace('_', '-')}"

    def run(self, *argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment."""
        program = str(self.environment.folder / "bin" / argv[0])
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder)}
        return subprocess.run(
            [program, *argv[1:]], cwd=cwd, env=env, capture_output=True, text=True, check=False
        )

    def _new(self, kind: str, name: str) -> str:
        done = self.run("penstock", "new", kind, name, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Author:
    return Author(tmp_path_factory.mktemp("author"))


@pytest.mark.parametrize("kind", NEW)
def test_what_its_ci_runs_passes(author: Author, kind: str) -> None:
    package = author.package(kind)
    steps = [step for step in ci_steps(package) if "pip install" not in step]
    assert [step.partition(" --")[0] for step in steps] == CI
    for step in steps:
        done = author.run(*step.split(), cwd=package)
        assert done.returncode == 0, done.stdout + done.stderr
    report = package / "penstock-report.json"
    (component,) = json.loads(report.read_text())["components"]
    report.unlink()
    assert component["held"] > 25
    assert (component["broken"], component["errors"], component["installed"]) == (0, 0, "wheel")
    assert component["type"] == NEW[kind]


def ci_steps(package: Path) -> list[str]:
    """Return the commands of its workflow."""
    workflow = yaml.safe_load((package / ".github/workflows/ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


def test_what_its_readme_says_and_its_ci_installs_works(author: Author, tmp_path: Path) -> None:
    package = author.package("transform")
    author.environment.install("pip", author.wheels)
    env = offline(author.wheels)
    path = [author.environment.folder / "bin"]
    with Session(tmp_path, path=path, env=env, real_pip=True) as session:
        session.run(console(f"cp -r {package} .", f"cd {package.name}"))
        session.run(Page.read(package / "README.md"))
        installs = [step for step in ci_steps(package) if "pip install" in step]
        session.run(console(". .venv/bin/activate", *installs))


def console(*commands: str) -> Page:
    """Make a page of commands."""
    text = "".join(f"$ {command}\n" for command in commands)
    return Page("test", [Block(page="test", line=0, language="console", text=text, markers={})])


def test_types_of_the_helpers_find_wrong_uses(author: Author, tmp_path: Path) -> None:
    file = tmp_path / "uses.py"
    file.write_text(USES)
    done = author.run(
        "mypy", "--strict", "--cache-dir", str(author.folder / "mypy"), "uses.py", cwd=tmp_path
    )
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    lines = enumerate(USES.splitlines(), start=1)
    assert found == {number for number, line in lines if "# wrong" in line}, done.stdout


def test_penstock_lists_what_is_installed(author: Author) -> None:
    listed = [one for one in author.environment.plugins() if one["type"] in NEW.values()]
    found = {one["kind"]: one for one in listed}
    assert {kind: one["type"] for kind, one in found.items()} == NEW
    assert [one.get("error") for one in found.values()] == [None] * 3
    assert found["sink"]["description"] == "Append events to a file, each as a line of JSON."


def test_it_says_what_comes_next(author: Author) -> None:
    said = author.said["source"]
    assert "penstock-source-log-file: a source of type log_file" in said
    readme = (author.package("source") / "README.md").read_text()
    next_ = [line.strip() for line in said.partition("next:\n")[2].splitlines()]
    assert next_[0] == "cd penstock-source-log-file"
    for line in next_[1:-1]:
        assert f"$ {line}\n" in readme, "what it says is what its README says, which is run"


def test_nothing_is_overwritten_and_no_name_is_taken_twice(author: Author) -> None:
    done = author.run("penstock", "new", "sink", "json_lines", cwd=author.folder)
    assert done.returncode == 2
    assert "a sink json_lines is installed already" in done.stderr
    (author.folder / "penstock-sink-other").mkdir()
    done = author.run("penstock", "new", "sink", "other", cwd=author.folder)
    assert done.returncode == 2
    assert "penstock-sink-other exists already and is left as it is" in done.stderr
    assert list((author.folder / "penstock-sink-other").iterdir()) == []


@pytest.fixture
def configuration(author: Author, tmp_path: Path) -> Path:
    """A pipeline of the three."""
    file = tmp_path / "penstock.toml"
    file.write_text(f"""
[penstock]
state_dir = "{tmp_path}/state"

[sources.log_file]
path = "{tmp_path}/in.log"
poll_ms = 10

[transforms.replace]
pattern = "[0-9]{{4,}}"

[sinks.json-lines]
path = "{tmp_path}/out.jsonl"

[pipelines.main]
sources = ["log_file"]
transforms = ["replace"]
sinks = ["json-lines"]
""")
    return file


@pytest.fixture
def router(author: Author, configuration: Path) -> Iterator[Process]:
    program = author.environment.folder / "bin/penstock"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(configuration.parent)}
    process = Process("penstock", [program, "run", configuration], configuration.parent, env=env)
    yield process
    process.end()


def test_the_three_work_together(author: Author, configuration: Path, router: Process) -> None:
    folder = configuration.parent
    done = author.run("penstock", "check", str(configuration), cwd=folder)
    assert done.returncode == 0, done.stderr
    source, out = folder / "in.log", folder / "out.jsonl"
    lines = [f"line {number} card {10**15 + number}" for number in range(300)]
    source.write_text("".join(f"{line}\n" for line in lines[:200]))
    out.touch()
    router.start()
    eventually(lambda: out.read_text().count("\n") >= 200, "200 lines in the file")
    assert router.stop() == 0
    with source.open("a") as file:
        file.writelines(f"{line}\n" for line in lines[200:])
    router.start()
    eventually(lambda: out.read_text().count("\n") >= 300, "300 lines in the file")
    assert router.stop() == 0
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["message"] for one in records] == [
        f"line {number} card [redacted]" for number in range(300)
    ]
    assert len({one["id"] for one in records}) == 300


def test_a_crash_loses_nothing(author: Author, configuration: Path, router: Process) -> None:
    folder = configuration.parent
    source, out = folder / "in.log", folder / "out.jsonl"
    lines = [f"line {number // 100}-{number % 100}" for number in range(5000)]
    source.write_text("".join(f"2026-01-31T12:00:00Z {line}\n" for line in lines))
    out.touch()
    for written in (1, 1500):
        router.start()
        eventually(lambda seen=written: out.read_text().count("\n") > seen, "lines in the file")
        router.kill()
    router.start()
    eventually(lambda: '"line 49-99"' in out.read_text(), "the last line in the file")
    assert router.stop() == 0
    texts: dict[str, str] = {}
    for line in out.read_text().splitlines():
        record = json.loads(line)
        assert texts.setdefault(record["id"], record["message"]) == record["message"]
    assert list(texts.values()) == lines


def test_a_transform_can_be_tried(author: Author) -> None:
    program = str(author.environment.folder / "bin/penstock")
    done = subprocess.run(
        [program, "try", "replace", "--pattern", "[0-9]{4,}"],
        input="pin 1234\n",
        capture_output=True,
        text=True,
        check=False,
        cwd=author.folder,
    )
    assert json.loads(done.stdout)["message"] == "pin [redacted]"

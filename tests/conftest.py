"""What all tests of the workspace share: where things are, and that nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import tomllib
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from tests.system.parts.processes import STARTED, leaks

WORKSPACE = Path(__file__).parent.parent
BEGAN = pytest.StashKey[int]()


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution of the workspace: ``package`` is None where it has no code of its own."""

    folder: Path
    distribution: str
    package: Path | None
    entry_points: dict[str, str]

    @property
    def plugin(self) -> tuple[str, str] | None:
        """Kind and type where it is a plugin."""
        for name in self.entry_points:
            kind, _, type_ = name.partition("-")
            return kind, type_
        return None


def _members() -> Iterator[Member]:
    folders = [WORKSPACE / "core", *sorted((WORKSPACE / "plugins").glob("*/*"))]
    for folder in [*folders, *sorted((WORKSPACE / "deploy").glob("*"))]:
        file = folder / "pyproject.toml"
        if not file.exists():
            continue
        project = tomllib.loads(file.read_text())["project"]
        yield Member(
            folder=folder,
            distribution=project["name"],
            package=next(iter((folder / "src").glob("*")), None),
            entry_points=project.get("entry-points", {}).get("penstock", {}),
        )


@pytest.fixture(scope="session")
def workspace() -> Path:
    """Root of the checkout."""
    return WORKSPACE


@pytest.fixture(scope="session")
def members() -> list[Member]:
    """Core, every plugin, and penstock-all."""
    return list(_members())


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Every file of the project: what git tracks, and what it would."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(argv, cwd=WORKSPACE, capture_output=True, text=True, check=True).stdout
    paths = (WORKSPACE / name for name in listed.split("\0") if name)
    return [path for path in paths if path.is_file()]


def pytest_configure() -> None:
    """Have SIGTERM end the tests as Ctrl-C does: what they started is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that takes ``member`` or ``plugin`` each of them, named in its id."""
    members = list(_members())
    if "member" in metafunc.fixturenames:
        metafunc.parametrize("member", members, ids=[one.distribution for one in members])
    if "plugin" in metafunc.fixturenames:
        plugins = [one for one in members if one.plugin]
        metafunc.parametrize("plugin", plugins, ids=[one.distribution for one in plugins])


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[BEGAN] = len(STARTED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of what the parts printed to a failed test's report."""
    report = yield
    if report.failed and BEGAN in item.stash:
        uses_engine = any("engine" in name for name in getattr(item, "fixturenames", ()))
        for number, process in enumerate(STARTED):
            if number >= item.stash[BEGAN] or (uses_engine and process.running):
                report.sections.append((f"part {process.name}", process.tail()))
    return report


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Fail the session if a process that it started outlives it, and end that process."""
    yield
    deadline = time.monotonic() + 5
    while (left := leaks()) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, "these processes outlived the session"

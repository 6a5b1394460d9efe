"""Every first-party plugin keeps its contract when it and the kit are installed from wheels.

Nothing of the checkout is on the path: the contracts and the far ends that they need are copied to
an empty folder. The docker source runs against its scripted engine here; with a real one it does in
``tests/contract/test_docker_engine.py``, which needs the engine's fixtures.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import WORKSPACE, Member
from tests.system.parts.require import find
from tests.system.parts.wheels import EmptyEnvironment, build, repack, third_party

pytestmark = pytest.mark.timeout(600)

TOOLS = ("pytest", "pytest-asyncio", "pytest-timeout", "trustme")
SETTINGS = """
[pytest]
addopts = --import-mode=importlib --strict-markers --strict-config -ra -q -p no:cacheprovider
pythonpath = .
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
timeout = 60
filterwarnings = error
markers = system: needs real parts
"""
JOURNAL_REMOTE = "/lib/systemd/systemd-journal-remote"
PROCESSES = (("sink-http",), ("sink-[!h]*",), ("source-*", "transform-*"))
"""Whose contracts run together; most of them wait most of the time."""
INSTALLED = {
    "test_entry_point",
    "test_imports_only_the_api",
    "test_imports_only_what_it_declares",
    "test_is_typed",
    "test_metadata",
    "test_wheel_is_whole",
}
"""What the kit can only find out of a distribution that is installed."""
UNANSWERED = {"test_refused_event", "test_says_how_long_to_wait"}
NOT_CHECKED = {
    "console": UNANSWERED,  # A pipe refuses nothing and asks for nothing.
    "syslog": UNANSWERED,  # Nor does a receiver: the protocol has no answers.
    "demo": {  # It makes its lines itself: there is no input to spoil or to take away.
        "test_hostile_bytes",
        "test_hostile_lines",
        "test_outage",
        "test_outage_at_start",
        "test_reads_what_came_while_it_was_away",
    },
    "firehose": {  # What is gone by cannot be had again.
        "test_ids_are_stable",
        "test_reads_what_came_while_it_was_away",
        "test_resumes_without_loss_or_repeat",
    },
}
"""Obligations of ours that none of a plugin's contracts can check, and why."""


@pytest.fixture(scope="module")
def environment(
    members: list[Member], tmp_path_factory: pytest.TempPathFactory
) -> EmptyEnvironment:
    """An environment with penstock-all and the tools, from wheels, and nothing else."""
    wheels = tmp_path_factory.mktemp("kit-wheels")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda member: build(member.folder, wheels), members))
    for name in third_party([member.distribution for member in members] + list(TOOLS)):
        repack(name, wheels)
    for name in TOOLS:
        repack(name, wheels)
    made = EmptyEnvironment(tmp_path_factory.mktemp("kit") / "venv")
    for name in ("penstock-all", "penstock[testing]", "pytest-timeout", "trustme"):
        made.install(name, wheels)
    return made


@pytest.fixture(scope="module")
def reports(
    environment: EmptyEnvironment, members: list[Member], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """What the kit reports, component by component, of three processes at once."""
    folder = tmp_path_factory.mktemp("contracts")
    _lay_out(folder, members)
    runs = [_start(environment, folder, *patterns) for patterns in PROCESSES]
    try:
        outputs = [process.communicate()[0] for _, process in runs]
    finally:
        for _, process in runs:
            process.kill()
            process.wait()
    for (_, process), output in zip(runs, outputs, strict=True):
        assert process.returncode == 0, output[-6000:]
    return [one for report, _ in runs for one in json.loads(report.read_text())["components"]]


def _lay_out(folder: Path, members: list[Member]) -> None:
    """Copy the contracts and what they need; the journal's is with the system tests."""
    (folder / "pytest.ini").write_text(SETTINGS)
    for member in members:
        if member.plugin:
            to = folder / "-".join(member.plugin)
            to.mkdir()
            for name in ("conftest.py", "test_contract.py"):
                if (file := member.folder / "tests" / name).exists():
                    shutil.copy(file, to)
    shutil.copy(WORKSPACE / "tests/system/test_journald_contract.py", folder / "source-journald")
    ignored = shutil.ignore_patterns("__pycache__", "test_*")
    for part in ("loggregator", "system/parts"):
        shutil.copytree(WORKSPACE / "tests" / part, folder / "tests" / part, ignore=ignored)


def _start(
    environment: EmptyEnvironment, folder: Path, *patterns: str
) -> tuple[Path, subprocess.Popen[str]]:
    report = folder / f"report-{PROCESSES.index(patterns)}.json"
    where = [str(path) for pattern in patterns for path in sorted(folder.glob(pattern))]
    argv = [str(environment.python), "-m", "pytest", "--penstock-report", str(report), *where]
    env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return report, subprocess.Popen(argv, cwd=folder, env=env, **out)  # type: ignore[call-overload]


def test_every_plugin_is_reported_as_a_wheel(
    reports: list[dict[str, Any]], members: list[Member]
) -> None:
    expected = {one.distribution for one in members if one.plugin}
    if not find("systemd-journal-remote") and not Path(JOURNAL_REMOTE).exists():
        expected -= {"penstock-source-journald"}
    found = {one["distribution"] for one in reports if one["installed"] == "wheel"}
    assert found == expected
    assert {one["requires_api"] for one in reports if one["type"]} == {"1.0"}


def test_every_obligation_is_held(reports: list[dict[str, Any]]) -> None:
    for one in reports:
        assert (one["broken"], one["errors"]) == (0, 0), one["contract"]
        assert all(found["is_kits_own"] for found in one["obligations"]), one["contract"]


def test_what_only_an_installed_plugin_shows_was_looked_at(reports: list[dict[str, Any]]) -> None:
    for one in reports:
        if one["type"]:
            held = {f["test"] for f in one["obligations"] if f["outcome"] == "held"}
            assert held >= INSTALLED, one["contract"]


def test_what_was_not_checked_is_what_no_far_end_can_do(reports: list[dict[str, Any]]) -> None:
    held: dict[str, set[str]] = {}
    asked: dict[str, set[str]] = {}
    for one in reports:
        for found in one["obligations"]:
            asked.setdefault(one["type"], set()).add(found["test"])
            if found["outcome"] == "held":
                held.setdefault(one["type"], set()).add(found["test"])
    missing = {name: tests - held.get(name, set()) for name, tests in asked.items() if name}
    assert {name: tests for name, tests in missing.items() if tests} == NOT_CHECKED

"""What the README and the examples tell people to do can be done."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import WORKSPACE
from tests.system.parts.runner import Runner

README = WORKSPACE / "README.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
EXAMPLES = sorted((WORKSPACE / "examples").glob("**/*.toml"))


def blocks(language: str) -> list[str]:
    """Texts of the README's fenced blocks in a language."""
    return [text for found, text in FENCE.findall(README.read_text()) if found == language]


def commands() -> Iterator[list[str]]:
    """Words of each command that the README shows after a prompt."""
    for block in blocks("console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                yield shlex.split(line[2:], comments=True)


def test_the_two_commands_of_a_fresh_clone_are_there() -> None:
    made = [words for words in commands() if words[0] == "make"]
    assert made == [["make", "run"], ["make", "test"]]
    for words in made:
        plan = subprocess.run(
            ["make", "--dry-run", *words[1:]],
            cwd=WORKSPACE,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ".venv/bin/" in plan.stdout


def test_every_penstock_command_that_it_shows_exists(penstock: Runner) -> None:
    shown = {words[1] for words in commands() if words[0] == "penstock"}
    assert shown >= {"check", "run"}
    for name in shown:
        assert penstock.command(name, "--help").returncode == 0, name


def test_the_file_that_it_shows_passes_check(penstock: Runner) -> None:
    files = [block for block in blocks("toml") if "[pipelines." in block]
    assert files
    for number, text in enumerate(files):
        done = penstock.command("check", penstock.write(text, f"readme{number}.toml"))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_passes_check(example: Path, penstock: Runner) -> None:
    done = penstock.command("check", "--no-env", example)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_link_between_the_documents_leads_somewhere(tracked: list[Path]) -> None:
    broken = [
        f"{path.relative_to(WORKSPACE)}: {target}"
        for path in tracked
        if path.suffix == ".md"
        for target in LINK.findall(path.read_text())
        if "://" not in target and not target.startswith("mailto:")
        if not (path.parent / target).exists()
    ]
    assert broken == []

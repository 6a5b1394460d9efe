"""What docs/guarantees.md promises is proven by tests that are there."""

from __future__ import annotations

import re
from pathlib import Path


def test_every_row_names_a_test_that_exists(workspace: Path) -> None:
    text = (workspace / "docs/guarantees.md").read_text()
    named = set(re.findall(r"`([\w/]+\.py)::(\w+)`", text))
    missing = [
        f"{path}::{name}"
        for path, name in sorted(named)
        if f"def {name}(" not in _read(workspace / path)
    ]
    assert missing == []
    rows = [line for line in text.splitlines() if line.startswith("|") and "---" not in line]
    table = text.partition("## The fault table")[2].partition("## Measured")[0]
    unproven = [
        row
        for row in rows
        if row in table and "proven by" not in row and "::" not in row and "the same |" not in row
    ]
    assert unproven == []
    assert named


def test_every_fault_test_is_in_the_table(workspace: Path) -> None:
    text = (workspace / "docs/guarantees.md").read_text()
    tests = {
        f"{path.name}::{name}"
        for path in (workspace / "tests/system").glob("test_faults_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }
    assert {test for test in tests if f"/{test}`" not in text} == set()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""

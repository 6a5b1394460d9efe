"""The house stays small: files, and the kernel that everything else stands on."""

from __future__ import annotations

import ast
from pathlib import Path

MAX_FILE_LINES = 400
MAX_KERNEL_LINES = 4000
BESIDE = "authoring"
"""Helpers for authors are in ``penstock.api``, but the engine neither loads nor uses them."""


def code_lines(path: Path) -> int:
    """Lines of a file but for blank ones, comments and docstrings."""
    text = path.read_text()
    documented = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = enumerate(map(str.strip, text.splitlines()), start=1)
    return sum(1 for number, line in lines if line and line[0] != "#" and number not in documented)


def test_the_kernel_stays_small(workspace: Path) -> None:
    core = workspace / "core/src/penstock"
    sizes = {
        part: sum(code_lines(p) for p in (core / part).rglob("*.py") if BESIDE not in p.parts)
        for part in ("api", "bus", "delivery")
    }
    assert 0 < sum(sizes.values()) <= MAX_KERNEL_LINES, sizes


def test_no_file_is_longer_than_a_room(workspace: Path, tracked: list[Path]) -> None:
    sizes = {
        str(path.relative_to(workspace)): len(path.read_text().splitlines())
        for path in tracked
        if path.suffix == ".py"
    }
    assert sizes
    assert {name: size for name, size in sizes.items() if size > MAX_FILE_LINES} == {}

"""What modules import, read from their source and not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def imported(path: Path, package: str = "") -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, wherever in it that stands.

    ``from a import b`` gives ``a.b``; ``package`` is the one that relative imports start from.
    """
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def modules(folder: Path) -> Iterator[tuple[Path, str, str]]:
    """Path, full name and package of each module under a source folder such as core/src."""
    for path in sorted(folder.rglob("*.py")):
        names = path.relative_to(folder).with_suffix("").parts
        if names[-1] == "__init__":
            yield path, ".".join(names[:-1]), ".".join(names[:-1])
        else:
            yield path, ".".join(names), ".".join(names[:-1])

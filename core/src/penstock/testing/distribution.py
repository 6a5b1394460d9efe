"""The installed distribution that brings a component: what it declares, and what it needs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, requires
from importlib.metadata import packages_distributions as _packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

from penstock.plugins import Entry, entry_points
from penstock.plugins.entries import location, normalized

CORE = "penstock"


@cache
def owners() -> dict[str, Distribution]:
    """Return the distributions that bring plugins by the package of their entry points."""
    found: dict[str, Distribution] = {}
    for entry in entry_points():
        found.setdefault(entry.package, entry.owner)
    return found


def owned_class(component: type) -> type:
    """Return the class that a distribution brings: the component's own, or one it derives from."""
    for one in component.__mro__:
        if one.__module__.partition(".")[0] in owners():
            return one
    return component


def owner_of(component: type) -> Distribution | None:
    """Return the distribution whose entry point brings a component; None if none does."""
    return owners().get(owned_class(component).__module__.partition(".")[0])


def entries_of(owner: Distribution) -> list[Entry]:
    """Return the entry points of the group that a distribution has."""
    name = normalized(owner.metadata["Name"])
    return [one for one in entry_points() if normalized(one.distribution) == name]


def source_files(package: str) -> list[Path]:
    """Return the files of Python that a package consists of."""
    place = location(package)
    if place is None:
        return []
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


@cache
def needed(owner: Distribution) -> frozenset[str]:
    """Return the names of all that a distribution declares to need, and of what that needs."""
    seen: set[tuple[str, str]] = set()
    waiting = [(normalized(owner.metadata["Name"]), "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for text in _requires(name):
            one = Requirement(text)
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                waiting += [(normalized(one.name), wanted) for wanted in ("", *one.extras)]
    return frozenset(name for name, _ in seen)


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def undeclared(owner: Distribution, package: str) -> list[str]:
    """Say which imports of a package are of distributions that its own does not declare to need."""
    found: dict[str, str] = {}
    for file in source_files(package):
        for line, module in imports(file):
            if problem := _undeclared(module, package, needed(owner)):
                found.setdefault(problem, f"{file.name}, line {line}")
    return [f"{problem} ({place})" for problem, place in found.items()]


def undeclared_modules(owner: Distribution, package: str) -> list[str]:
    """Return the modules that are installed here and would be missing beside the package alone."""
    declared = needed(owner)
    known = {*_by_package(), *owners()} - {package, CORE}
    return sorted(top for top in known if not {normalized(n) for n in _bringing(top)} & declared)


def _undeclared(module: str, package: str, declared: frozenset[str]) -> str:
    top = module.partition(".")[0]
    if top == package or top in sys.stdlib_module_names:
        return ""
    if module.startswith("penstock.http") and "aiohttp" not in declared:
        return "penstock.http, which needs penstock[http]"
    bringing = {normalized(name) for name in _bringing(top)}
    if not bringing:
        return "" if location(top) else f"{top}, which is not installed"
    return "" if bringing & declared else f"{top}, which {' or '.join(sorted(bringing))} brings"


def _bringing(top: str) -> set[str]:
    """Return the distributions that bring a module; one that is editable does not list its own."""
    listed = set(_by_package().get(top, ()))
    if top == CORE:
        return {CORE}
    if top in owners():
        listed.add(owners()[top].metadata["Name"])
    return listed


@cache
def _by_package() -> dict[str, list[str]]:
    return dict(_packages_distributions())


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Yield line and module of each import that has to succeed when its line runs.

    Left out are those for type checkers alone, and those for whose failure the code is prepared.
    """
    yield from _imports(ast.parse(file.read_bytes(), str(file)))


def _imports(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield node.lineno, alias.name
    elif isinstance(node, ast.ImportFrom):
        if node.module and not node.level:
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"
    elif not _is_optional(node):
        for child in ast.iter_child_nodes(node):
            yield from _imports(child)
    elif isinstance(node, ast.If | ast.Try):
        for child in node.orelse:
            yield from _imports(child)


def _is_optional(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test).endswith("TYPE_CHECKING")
    if isinstance(node, ast.Try):
        caught = " ".join(ast.unparse(one.type) for one in node.handlers if one.type)
        return "ImportError" in caught or "ModuleNotFoundError" in caught
    return False

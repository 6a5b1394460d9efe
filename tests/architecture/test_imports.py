"""Who may import whom: ``cli -> admin -> runtime -> config -> plugins`` and the rest of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.imports import imported, modules
from tests.conftest import Member

# Each part of core, and the parts that it builds on directly; what those build on comes with them.
BUILDS_ON = {
    "api": (),
    "log": (),
    "notify": (),
    "guard": ("api",),
    "telemetry": ("api",),
    "state": ("api",),
    "http": ("api",),
    "delivery": ("state", "telemetry", "log"),
    "bus": ("delivery", "guard"),
    "plugins": ("guard", "log"),
    "config": ("plugins",),
    "wiring": ("config", "bus"),
    "durable": ("bus",),
    "watch": ("config", "bus"),
    "runtime": ("wiring", "notify", "durable", "watch"),
    "admin": ("runtime",),
    "cli": ("admin",),
    "testing": ("wiring",),
}


def allowed(part: str) -> set[str]:
    """Every part that a part may import, itself included."""
    return {part}.union(*(allowed(other) for other in BUILDS_ON[part]))


def part_of(name: str) -> str:
    """``bus`` of ``penstock.bus.buffer``; empty for ``penstock`` itself."""
    return ".".join(name.split(".")[1:2])


def core_imports(workspace: Path) -> Iterator[tuple[str, str, str]]:
    """Place, importing module and imported name of every import in core."""
    for path, module, package in modules(workspace / "core/src"):
        for line, name in imported(path, package):
            yield f"{path.relative_to(workspace)}:{line}", module, name


def test_each_part_of_core_imports_only_what_it_builds_on(workspace: Path) -> None:
    wrong = [
        f"{place}: {part_of(module)} imports {name}"
        for place, module, name in core_imports(workspace)
        if name.startswith("penstock.") and part_of(module)
        if part_of(name) not in allowed(part_of(module))
    ]
    assert wrong == []


def test_every_part_of_core_has_its_place_in_the_rule(workspace: Path) -> None:
    parts = {part_of(module) for _, module, _ in modules(workspace / "core/src")} - {""}
    assert parts <= BUILDS_ON.keys()


def test_the_package_itself_imports_nothing(workspace: Path) -> None:
    imports = {name for _, module, name in core_imports(workspace) if not part_of(module)}
    assert imports <= {"__future__.annotations"}


def test_core_imports_no_plugin(workspace: Path, members: list[Member]) -> None:
    plugins = {module for member in members for module in member.entry_points.values()}
    assert plugins
    wrong = [
        f"{place}: {name}"
        for place, _, name in core_imports(workspace)
        if name.partition(".")[0] in plugins
    ]
    assert wrong == []
    spelled = [
        f"{path.relative_to(workspace)} spells {plugin}"
        for path, _, _ in modules(workspace / "core/src")
        for plugin in plugins
        if plugin in path.read_text()
    ]
    assert spelled == [], "a plugin is reached through its entry point only"


def test_a_plugin_imports_the_contract_and_nothing_else_of_core(plugin: Member) -> None:
    assert plugin.plugin is not None
    may = {"penstock.api"} | ({"penstock.http"} if plugin.plugin[0] == "sink" else set())
    assert foreign(plugin, "src", may) == []


def test_a_plugins_tests_import_the_contract_and_the_kit(plugin: Member) -> None:
    assert foreign(plugin, "tests", {"penstock.api", "penstock.http", "penstock.testing"}) == []


def foreign(plugin: Member, folder: str, may: set[str]) -> list[str]:
    """Imports of core or of other plugins that a plugin may not make."""
    own = next(iter(plugin.entry_points.values()))
    return [
        f"{path.relative_to(plugin.folder)}:{line}: {name}"
        for path, _, package in modules(plugin.folder / folder)
        for line, name in imported(path, package)
        if name.partition(".")[0].startswith("penstock") and name.partition(".")[0] != own
        if ".".join(name.split(".")[:2]) not in may
    ]


@pytest.mark.parametrize("module", ["penstock.api", "penstock.bus", "penstock.bus.graph"])
def test_the_kernel_loads_nothing_heavy(module: str) -> None:
    script = f"import sys, {module}; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert module in loaded
    heavy = {"aiohttp", "click", "docker", "http", "penstock.http", "pluggy", "re2", "sqlite3"}
    assert loaded & heavy == set()
    assert "penstock.api.authoring" not in loaded

"""Builds the wheel of a checkout, and looks at what an environment that had only it would have."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib.metadata import Distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from penstock.testing.distribution import undeclared_modules

TIMEOUT_S = 120.0
NOT_SOURCES = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "node_modules", "venv", "site"
)

_BUILD = """
import importlib, sys
sys.path[:0] = sys.argv[3:]
module, _, thing = sys.argv[1].partition(":")
backend = importlib.import_module(module)
for name in filter(None, thing.split(".")):
    backend = getattr(backend, name)
backend.build_wheel(sys.argv[2])
"""
_LOAD = """
import importlib, json, pkgutil, sys
folder, kind, type_, package, *absent = sys.argv[1:]
sys.path.insert(0, folder)
class Alone:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"it needs {name!r} and does not declare it")
sys.meta_path.insert(0, Alone)
def said():
    module = importlib.import_module(package)
    if not (module.__file__ or "").startswith(folder):
        return f"{package} is not in the wheel"
    for one in pkgutil.walk_packages(getattr(module, "__path__", []), package + "."):
        if not one.name.endswith(".__main__"):
            importlib.import_module(one.name)
    from penstock.plugins import Plugins
    Plugins().component(kind, type_)
    return ""
try:
    problem = said()
except Exception as error:
    problem = f"{type(error).__name__}: {error}"
print(json.dumps(problem))
"""


class NotBuiltError(Exception):
    """Why there is no wheel to look at; ``is_fault`` says whether the project is to blame."""

    def __init__(self, reason: str, *, is_fault: bool) -> None:
        super().__init__(reason)
        self.is_fault = is_fault


def source_tree(owner: Distribution) -> Path:
    """Return the folder that a distribution is installed from."""
    told = json.loads(owner.read_text("direct_url.json") or "{}")
    return Path(unquote(urlsplit(str(told.get("url", ""))).path))


@cache
def problems(owner: Distribution, kind: str, type_: str, package: str) -> tuple[str, ...]:
    """Build a wheel and say what is wrong with it; ``NotBuiltError`` if there is none."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        wheel = _build(source_tree(owner), folder, owner.version)
        content = folder / "content"
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            archive.extractall(content)
        absent = undeclared_modules(owner, package)
        return (*_strange(names, package), *_load(content, kind, type_, package, *absent))


def _build(tree: Path, folder: Path, version: str) -> Path:
    try:
        project = tomllib.loads((tree / "pyproject.toml").read_text())
    except OSError as error:
        raise NotBuiltError(f"its checkout cannot be read: {error}", is_fault=False) from error
    system = project.get("build-system", {})
    backend = system.get("build-backend", "setuptools.build_meta")
    copy = folder / "tree"
    shutil.copytree(tree, copy, ignore=NOT_SOURCES, symlinks=True)
    paths = [str(copy / one) for one in system.get("backend-path", ())]
    if not paths and find_spec(backend.partition(":")[0].partition(".")[0]) is None:
        raise NotBuiltError(f"its build backend {backend} is not installed here", is_fault=False)
    out = folder / "out"
    out.mkdir()
    done = _run(_BUILD, [backend, str(out), *paths], copy, version)
    if done.returncode or not (made := list(out.glob("*.whl"))):
        raise NotBuiltError(f"its wheel does not build: {_end(done.stderr)}", is_fault=True)
    return made[0]


def _strange(names: list[str], package: str) -> list[str]:
    """Say which files a wheel lacks, and which would be installed where they do not belong."""
    found = []
    if f"{package}/py.typed" not in names and f"{package}.py" not in names:
        found.append(f"it has no {package}/py.typed")
    top = {name.partition("/")[0] for name in names}
    strays = sorted(top & {"tests", "test", "docs", "examples", "src"})
    return [*found, *(f"it would install a package named {stray}" for stray in strays)]


def _load(content: Path, *arguments: str) -> list[str]:
    """Load the component from the wheel's content, in a process of its own."""
    done = _run(_LOAD, [str(content), *arguments], content, "")
    try:
        problem = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        problem = _end(done.stderr)
    return [str(problem)] if problem else []


def _run(
    script: str, arguments: list[str], folder: Path, version: str
) -> subprocess.CompletedProcess[str]:
    # Without .git a version taken from it has to be given.
    given: Mapping[str, str] = {"SETUPTOOLS_SCM_PRETEND_VERSION": version} if version else {}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-c", script, *arguments],
        cwd=folder,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def _end(text: str) -> str:
    """Return the last lines of what a process said, on one."""
    return " ".join(text.split())[-300:]

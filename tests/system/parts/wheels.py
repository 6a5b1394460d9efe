"""Wheels of the workspace and of what it depends on, made without network."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
"""


def build(member: Path, folder: Path) -> None:
    """Build a member's wheel as a release would."""
    argv = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(folder)]
    done = subprocess.run(argv, cwd=member, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def third_party(distributions: list[str]) -> set[str]:
    """Names of all that these distributions depend on, as their metadata says, but for ours."""
    seen: set[tuple[str, str]] = set()
    queue = [(name, "") for name in distributions]
    while queue:
        name, extra = queue.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for text in importlib.metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                other = canonicalize_name(requirement.name)
                queue += [(other, one) for one in ("", *requirement.extras)]
    return {name for name, _ in seen}.difference(distributions)


def repack(name: str, folder: Path) -> None:
    """Make the wheel again from which a distribution was installed here."""
    distribution = importlib.metadata.distribution(name)
    tag = next(
        line.partition(": ")[2]
        for line in (distribution.read_text("WHEEL") or "").splitlines()
        if line.startswith("Tag: ")
    )
    base = f"{canonicalize_name(name).replace('-', '_')}-{distribution.version}-{tag}"
    scripts = "-".join(base.split("-")[:2]) + ".data/scripts"
    with zipfile.ZipFile(folder / f"{base}.whl", "w") as wheel:
        for file, path in _files(distribution, scripts):
            wheel.write(path, file)


def _files(
    distribution: importlib.metadata.Distribution, scripts: str
) -> Iterator[tuple[str, Path]]:
    """Files of an installed distribution; what the installer made is left out."""
    made = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
    commands = distribution.entry_points.select(group="console_scripts").names
    for file in distribution.files or ():
        path = Path(str(distribution.locate_file(file)))
        if file.suffix == ".pyc" or file.name in made:
            continue
        if file.parts[0] != "..":
            yield file.as_posix(), path
        elif file.parent.name == "bin" and file.name not in commands:
            yield f"{scripts}/{file.name}", path


class EmptyEnvironment:
    """A virtual environment with nothing in it, that installs from a folder of wheels alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin/python"
        argv = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(argv, check=True, capture_output=True)

    def install(self, distribution: str, wheels: Path) -> None:
        """Install a distribution and what its metadata asks for."""
        pip = [sys.executable, "-m", "pip", "--isolated", "--python", str(self.python), "install"]
        options = ["--no-index", "--find-links", str(wheels), "--no-compile", "--quiet"]
        done = self._run([*pip, *options, distribution])
        assert done.returncode == 0, done.stdout + done.stderr

    def penstock(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its ``penstock``."""
        return self._run([str(self.folder / "bin/penstock"), *arguments])

    def import_all(self, package: str) -> None:
        """Import every module of a package, also those that it imports only when needed."""
        done = self._run([str(self.python), "-c", _IMPORT_ALL, package])
        assert done.returncode == 0, done.stderr

    def plugins(self) -> list[dict[str, Any]]:
        """What ``penstock plugins --json`` finds in it."""
        done = self.penstock("plugins", "--json")
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def _run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        # From a folder of its own: neither the checkout nor PYTHONPATH may stand in for an install.
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "PYTHONWARNINGS": "ignore"}
        return subprocess.run(
            argv, cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )

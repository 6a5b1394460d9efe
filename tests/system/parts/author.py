"""What an author of a plugin installs from: wheels of Penstock and the tools, without network."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.conftest import WORKSPACE
from tests.system.parts.wheels import build, repack, third_party

OURS = ("core", "plugins/sources/demo", "plugins/sinks/console", "plugins/sinks/http")
TOOLS = (
    "editables",
    "hatchling",
    "mypy",
    "pip",
    "pytest",
    "pytest-asyncio",
    "redis",
    "ruff",
    "trustme",
)
"""What authors use beside Penstock; all of it is what this checkout is developed with."""

_PIP = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    # What is used once need not be compiled for the next time. pip takes 0 for yes here.
    "PIP_NO_COMPILE": "0",
}

PYTHON = Path(sys.base_prefix) / "bin"
"""The folder of a Python in which nothing of this checkout is installed."""


def author_wheels(folder: Path) -> Path:
    """Make the wheels of Penstock, of what it needs and of the tools; return their folder."""
    members = [WORKSPACE / name for name in OURS]
    for member in members:
        build(member, folder)
    names = ["penstock", *(f"penstock-{_kind(member)}-{member.name}" for member in members[1:])]
    for name in third_party([*names, *TOOLS]) | set(TOOLS):
        repack(name, folder)
    return folder


def _kind(member: Path) -> str:
    return member.parent.name.removesuffix("s")


def offline(wheels: Path) -> dict[str, str]:
    """Return the environment in which pip has the wheels of a folder, and nothing else."""
    return {**_PIP, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}


def asking(index: str) -> dict[str, str]:
    """Return the environment in which pip asks this package index by itself."""
    return {**_PIP, "PIP_INDEX_URL": index, "PIP_NO_CACHE_DIR": "1"}

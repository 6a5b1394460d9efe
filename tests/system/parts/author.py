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

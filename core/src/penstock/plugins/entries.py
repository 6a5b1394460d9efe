"""The entry points of the group, and what the distributions that bring them say of themselves."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

from msgspec import Struct

GROUP = "penstock"
NAME = re.compile(r"(source|transform|sink|extension)-([A-Za-z0-9_-]{1,64})")
"""What an entry point may be called: its kind and its type."""


class Entry(Struct, frozen=True):
    """One entry point of the group, and the distribution that brings it."""

    point: EntryPoint
    owner: Distribution

    @property
    def distribution(self) -> str:
        """The distribution's name, or where it lies if it does not say."""
        return self.distribution_name or str(getattr(self.owner, "_path", "unknown"))

    @property
    def distribution_name(self) -> str:
        """The distribution's name, empty if it does not say."""
        return metadata(self.owner, "Name")

    @property
    def version(self) -> str:
        """The distribution's version, empty if it does not say."""
        return metadata(self.owner, "Version")

    @property
    def module(self) -> str:
        """The name of the module that is loaded."""
        return self.point.value.partition(":")[0].strip()

    @property
    def package(self) -> str:
        """The name of the package that the module is in."""
        return self.module.partition(".")[0]

    @property
    def editable(self) -> bool:
        """Whether it is installed as a link to a checkout."""
        return is_editable(self.owner)

    @property
    def location(self) -> str:
        """Where its package lies on the disk, empty if it is not there; nothing is imported."""
        return str(location(self.package) or "")


def entry_points() -> Iterator[Entry]:
    """Yield the group's entry points; of one distribution on the path twice, the first counts."""
    seen: set[str] = set()
    for owner in distributions():
        try:
            points = [point for point in owner.entry_points if point.group == GROUP]
        except (OSError, ValueError, AttributeError, TypeError, KeyError):
            continue  # Another program's damaged metadata is not ours to report.
        if points:
            yield from _first_of_distribution(points, owner, seen)


def brought_by(module: str) -> Entry | None:
    """Return the entry point in whose package a module is, if it is a plugin's."""
    package = module.partition(".")[0]
    return next((entry for entry in entry_points() if entry.package == package), None)


def metadata(owner: Distribution, key: str) -> str:
    """Return a field of a distribution's metadata, empty if there is none."""
    try:
        fields = owner.metadata
        return str(fields[key] or "") if key in fields else ""
    except Exception:
        return ""


def is_editable(owner: Distribution) -> bool:
    """Say whether a distribution is installed as a link to a checkout."""
    try:
        origin = json.loads(owner.read_text("direct_url.json") or "{}")
        return bool(origin["dir_info"]["editable"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def location(package: str) -> Path | None:
    """Return the folder of a package, or the file of a module; nothing is imported."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None or not spec.origin:
        return None
    path = Path(spec.origin)
    return path.parent if path.stem == "__init__" else path


def normalized(name: str) -> str:
    """Return a distribution's name as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _first_of_distribution(
    points: Iterable[EntryPoint], owner: Distribution, seen: set[str]
) -> Iterator[Entry]:
    entries = [Entry(point, owner) for point in points]
    name = normalized(entries[0].distribution)
    if name not in seen:
        seen.add(name)
        yield from entries

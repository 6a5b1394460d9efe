"""Compares what lies on the disk with what was installed: each distribution's RECORD.

Nothing is imported: what was changed may be hostile. Compiled caches (``__pycache__``) are not
looked at, as an installer does not write them down.
"""

from __future__ import annotations

import base64
import csv
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path, PurePosixPath

from msgspec import Struct

from penstock.plugins.entries import GROUP, Entry, is_editable, location, metadata

_CODE = (".py", ".pyc", ".so", ".pyd")
_BLOCK = 1 << 18


class Difference(Struct, frozen=True):
    """A file that is not as it was installed; ``what`` is changed, missing or unexpected.

    ``elsewhere``: Python finds the package in another place than the distribution's.
    """

    what: str
    path: str


class Verified(Struct, frozen=True, kw_only=True):
    """A distribution and what differs; ``reason`` is why nothing can be said."""

    distribution: str
    version: str
    files: int = 0
    reason: str = ""
    differences: tuple[Difference, ...] = ()

    @property
    def state(self) -> str:
        """Return ``ok``, ``changed`` or ``not verifiable``."""
        if self.differences:
            return "changed"
        return "not verifiable" if self.reason else "ok"


class _Line(Struct, frozen=True):
    """One line of a RECORD; hash and size may be empty."""

    path: str
    hash: str
    size: str


def verify(entries: Iterable[Entry]) -> list[Verified]:
    """Verify core and every distribution that brings a plugin."""
    owners: dict[str, tuple[Distribution, set[str]]] = {}
    with suppress(PackageNotFoundError):  # It may run from where it was not installed.
        owners[GROUP] = (distribution(GROUP), {GROUP})
    for entry in sorted(entries, key=lambda one: one.distribution):
        owners.setdefault(entry.distribution, (entry.owner, set()))[1].add(entry.package)
    return [_verified(name, owner, packages) for name, (owner, packages) in owners.items()]


def _verified(name: str, owner: Distribution, packages: Iterable[str]) -> Verified:
    about = Verified(distribution=name, version=metadata(owner, "Version"))
    if is_editable(owner):
        return _because(about, "editable")
    try:
        lines = list(_lines(owner))
    except (OSError, ValueError, csv.Error) as error:
        return _because(about, f"its RECORD cannot be read: {error}")
    if not lines:
        return _because(about, "it has no RECORD")
    return Verified(
        distribution=name,
        version=about.version,
        files=len(lines),
        differences=(*_differences(owner, lines), *_elsewhere(owner, lines, packages)),
    )


def _because(about: Verified, reason: str) -> Verified:
    return Verified(distribution=about.distribution, version=about.version, reason=reason)


def _lines(owner: Distribution) -> Iterator[_Line]:
    for row in csv.reader((owner.read_text("RECORD") or "").splitlines()):
        if row and not _is_cache(row[0]):
            path, digest, size = (*row, "", "")[:3]
            yield _Line(path, digest, size)


def _differences(owner: Distribution, lines: list[_Line]) -> Iterator[Difference]:
    for line in lines:
        if what := _difference(Path(str(owner.locate_file(line.path))), line):
            yield Difference(what, line.path)
    recorded = {line.path for line in lines}
    for path in _unrecorded(owner, recorded):
        yield Difference("unexpected", path)


def _difference(path: Path, line: _Line) -> str:
    """Say how a file differs from its line, empty if it does not."""
    try:
        size = path.stat().st_size
        if line.size and int(line.size) != size:
            return "changed"
        return "changed" if line.hash and _digest(path, line.hash) != line.hash else ""
    except FileNotFoundError:
        return "missing"
    except (OSError, ValueError):
        return "changed"


def _digest(path: Path, like: str) -> str:
    """Return a file's digest in the form of a RECORD, by the same algorithm."""
    name = like.partition("=")[0]
    digest = hashlib.new(name)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return f"{name}={base64.urlsafe_b64encode(digest.digest()).decode().rstrip('=')}"


def _unrecorded(owner: Distribution, recorded: set[str]) -> list[str]:
    """List code in the distribution's packages that nobody has installed."""
    found = [path for folder in sorted(_packages(recorded)) for path in _code(owner, folder)]
    strange = [path for path in found if path not in recorded]
    if strange:  # Several distributions may share a package.
        others = {path for other in distributions() for path in _recorded(other)}
        strange = [path for path in strange if path not in others]
    return strange


def _packages(recorded: Iterable[str]) -> set[str]:
    """Return the folders in which a distribution's modules lie."""
    parts = [PurePosixPath(path).parts for path in recorded if path.endswith(_CODE)]
    return {path[0] for path in parts if len(path) > 1 and path[0] not in ("..", "/")}


def _code(owner: Distribution, folder: str) -> Iterator[str]:
    root = Path(str(owner.locate_file("")))
    for path in sorted((root / folder).rglob("*")):
        if path.suffix in _CODE and not _is_cache(path.as_posix()) and path.is_file():
            yield path.relative_to(root).as_posix()


def _recorded(owner: Distribution) -> list[str]:
    try:
        return [line.path for line in _lines(owner)]
    except (OSError, ValueError, csv.Error):
        return []


def _elsewhere(
    owner: Distribution, lines: list[_Line], packages: Iterable[str]
) -> Iterator[Difference]:
    """Yield packages that are loaded from another place than where they were installed."""
    root = Path(str(owner.locate_file(""))).resolve()
    heads = {PurePosixPath(line.path).parts[0] for line in lines if line.path}
    for package in sorted(packages):
        place = location(package)
        if place is None or not heads & {package, f"{package}.py"}:
            continue  # What is not there is missing; what comes by a link is not ours to follow.
        if place.resolve().parent != root:
            yield Difference("elsewhere", str(place))


def _is_cache(path: str) -> bool:
    return "__pycache__" in PurePosixPath(path).parts

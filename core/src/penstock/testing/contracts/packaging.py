"""What is asked of the distribution that brings a component."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution

import pytest

from penstock.api.component import Component
from penstock.api.errors import ConfigError, PluginError
from penstock.plugins import Plugins
from penstock.plugins.entries import is_editable, location, metadata
from penstock.plugins.record import verify
from penstock.plugins.versions import asked_range
from penstock.testing.contracts.base import ContractBase
from penstock.testing.contracts.settings import kind_of
from penstock.testing.distribution import (
    entries_of,
    imports,
    owned_class,
    owner_of,
    source_files,
    undeclared,
)
from penstock.testing.obligation import require
from penstock.testing.wheel import NotBuiltError, problems

OF_CORE = ("penstock.api", "penstock.http")
"""What a plugin may import of core."""


class PackagingContract(ContractBase):
    """A distribution that installs by itself, and that core finds.

    Cannot check: that the oldest versions that the distribution says it works with are enough;
    that its wheel installs on other systems and other versions of Python.
    """

    def test_entry_point(self) -> None:
        """Core finds the component by the entry point ``<kind>-<name>`` of its distribution."""
        component = type(self.make_component())
        owner = self._owner()
        point = f"{kind_of(component)}-{getattr(component, 'name', '')}"
        have = [entry.point.name for entry in entries_of(owner)]
        problem = "" if point in have else f"its entry points are {', '.join(have)}"
        problem = problem or _loading_problem(component)
        require(
            not problem,
            self.test_entry_point,
            seen=problem,
            do=f'write `{point} = "package"` under [project.entry-points.penstock], have the '
            f"package implement the hook penstock_{kind_of(component)}s, and install it again",
        )

    def test_metadata(self) -> None:
        """The distribution says what it is, its licence, its Python, and its range of core."""
        missing = list(_missing_metadata(self._owner()))
        require(
            not missing,
            self.test_metadata,
            seen=f"missing: {'; '.join(missing)}",
            do="give `description`, `readme`, `license`, `requires-python` and a dependency such "
            'as "penstock>=0.1,<0.2" in pyproject.toml, and install it again',
        )

    def test_is_typed(self) -> None:
        """The package has ``py.typed``: type checkers then use its annotations."""
        self._owner()
        package = self._package()
        place = location(package)
        require(
            place is not None and (not place.is_dir() or (place / "py.typed").exists()),
            self.test_is_typed,
            seen=f"there is no {package}/py.typed",
            do="put an empty file of that name beside the package's __init__.py",
        )

    def test_imports_only_what_it_declares(self) -> None:
        """Everything that is imported is the package's own, the standard library's or declared.

        What is imported for type checkers alone, or between try and except ImportError, is not
        looked at.
        """
        found = undeclared(self._owner(), self._package())
        require(
            not found,
            self.test_imports_only_what_it_declares,
            seen=f"it imports {'; '.join(found[:4])}",
            do="name the distribution under `dependencies` in pyproject.toml: where it is "
            "missing, the plugin does not load",
        )

    def test_imports_only_the_api(self) -> None:
        """Of core it imports ``penstock.api`` and ``penstock.http`` only: the rest may change."""
        self._owner()
        found = {
            module: f"{module} ({file.name}, line {line})"
            for file in source_files(self._package())
            for line, module in imports(file)
            if module.partition(".")[0] == "penstock" and not _is_public(module)
        }
        require(
            not found,
            self.test_imports_only_the_api,
            seen=f"it imports {'; '.join(list(found.values())[:4])}",
            do="use what penstock.api exports, and ask for what it lacks",
        )

    def test_wheel_is_whole(self) -> None:
        """The wheel has all that the component needs, and installs as it was made.

        Where it is installed editable the wheel is built, unpacked, and the component loaded from
        there; where it is installed from a wheel every file is compared with its RECORD.
        """
        component = type(self.make_component())
        owner = self._owner()
        faults = _built_faults(owner, component) if is_editable(owner) else _faults(owner)
        require(
            not faults,
            self.test_wheel_is_whole,
            seen="; ".join(faults[:3]),
            do="have the build backend put every file that the package needs into the wheel and "
            "nothing else, and install it anew",
        )

    def _owner(self) -> Distribution:
        component = type(self.make_component())
        owner = owner_of(component)
        if owner is None:
            pytest.skip(
                f"not installed: no distribution with a plugin has {component.__module__}, so "
                "nothing is known of its entry point, metadata and wheel"
            )
        return owner

    def _package(self) -> str:
        return owned_class(type(self.make_component())).__module__.partition(".")[0]


def _loading_problem(component: type[Component]) -> str:
    """Say what keeps core from loading the class, empty if it does."""
    try:
        loaded = Plugins().component(kind_of(component), getattr(component, "name", ""))
    except (ConfigError, PluginError) as error:
        return str(error)
    if loaded in component.__mro__:
        return ""
    return f"core loads {loaded.__module__}.{loaded.__qualname__}, which is not what is tested"


def _missing_metadata(owner: Distribution) -> Iterator[str]:
    for key, word in (("Summary", "a description"), ("Requires-Python", "requires-python")):
        if not metadata(owner, key):
            yield word
    classifiers = owner.metadata.get_all("Classifier") or []
    licensed = metadata(owner, "License-Expression") or metadata(owner, "License")
    if not licensed and not any(one.startswith("License ::") for one in classifiers):
        yield "a licence"
    if not (metadata(owner, "Description") or _body(owner)).strip():
        yield "a README"
    asked = asked_range(owner)
    if not asked:
        yield "a dependency on penstock with a range of versions"
    elif not any(mark in asked for mark in ("<", "~=", "==")):
        yield f"an upper end of the range of penstock ({asked})"


def _body(owner: Distribution) -> str:
    """Return what stands behind the headers, where newer metadata has the README."""
    return (owner.read_text("METADATA") or "").partition("\n\n")[2]


def _is_public(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in OF_CORE)


def _built_faults(owner: Distribution, component: type[Component]) -> list[str]:
    package = owned_class(component).__module__.partition(".")[0]
    try:
        return list(problems(owner, kind_of(component), component.name, package))
    except NotBuiltError as error:
        if error.is_fault:
            return [str(error)]
        pytest.skip(f"not built: {error}")


def _faults(owner: Distribution) -> list[str]:
    name = owner.metadata["Name"]
    for one in verify(entries_of(owner)):
        if one.distribution == name:
            if one.reason:
                pytest.skip(f"not compared: {one.reason}")
            return [f"{d.path} is {d.what}" for d in one.differences]
    return []

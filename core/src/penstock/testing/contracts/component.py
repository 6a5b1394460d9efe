"""What every plugin owes, whatever its kind: its name, its API, and how it is made."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from penstock.api.component import Component
from penstock.api.errors import PluginError
from penstock.plugins import check_instance
from penstock.plugins.versions import fits, here, is_version
from penstock.testing.contracts.packaging import PackagingContract
from penstock.testing.contracts.secrets import SecretsContract
from penstock.testing.contracts.settings import SettingsContract, kind_of
from penstock.testing.obligation import require
from penstock.testing.watch import Watch

ASYNCHRONOUS = {
    "source": ("open", "run", "check", "close"),
    "transform": (),
    "sink": ("open", "check", "write", "drain", "close"),
}
"""The methods that core awaits."""
SYNCHRONOUS = {"source": (), "transform": ("apply", "flush", "passes"), "sink": ()}


class ComponentContract(SettingsContract, SecretsContract, PackagingContract):
    """The part of each contract that is the same for sources, transforms and sinks."""

    def test_name(self) -> None:
        """A component has a ``name``: the type that a configuration writes."""
        name = getattr(type(self.make_component()), "name", None)
        require(
            isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name),
            self.test_name,
            seen=f"name = {name!r}",
            do='set `name = "…"` on the class, in lower case, equal to the entry point behind '
            "its kind",
        )

    def test_states_its_api(self) -> None:
        """A component says which version of ``penstock.api`` it was written against."""
        stated = getattr(type(self.make_component()), "requires_api", "")
        require(
            stated and is_version(stated) and fits(stated),
            self.test_states_its_api,
            seen=f"requires_api = {stated!r}; {here()}",
            do='set `requires_api = "1.0"` on the class: the version that you read and tested '
            "against",
        )

    def test_attributes_have_values_that_core_knows(self) -> None:
        """What core reads of an instance (``order``, ``in_flight``, ``kinds`` …) is what it can be.

        It may depend on the settings, so the class alone does not show it.
        """
        problem = ""
        try:
            check_instance(self.make_component())
        except PluginError as error:
            problem = str(error)
        require(
            not problem,
            self.test_attributes_have_values_that_core_knows,
            seen=problem,
            do="leave what you do not need as the base class has it",
        )

    def test_has_the_methods_of_its_kind(self) -> None:
        """What core awaits is ``async def``, what it calls is not, and each takes what it gets."""
        component = type(self.make_component())
        wrong = list(_wrong_methods(component))
        require(
            not wrong,
            self.test_has_the_methods_of_its_kind,
            seen="; ".join(wrong),
            do="write the methods with the parameters of `penstock.api`'s class",
        )

    def test_construction_does_no_io(self) -> None:
        """Construction does no I/O: it only looks at the settings."""
        watch = Watch()
        watch.call(self.make_component)
        did = [*watch.io, *(f"started the thread {thread.name}" for thread in watch.threads)]
        require(
            not did,
            self.test_construction_does_no_io,
            seen="; ".join(did[:3]),
            do="move it to `open`, which core calls when everything else is known to be right",
        )


def _wrong_methods(component: type[Component]) -> Iterator[str]:
    kind = kind_of(component)
    for name in (*ASYNCHRONOUS[kind], *SYNCHRONOUS[kind]):
        method = getattr(component, name, None)
        is_awaited = name in ASYNCHRONOUS[kind]
        if method is None:
            continue
        if inspect.iscoroutinefunction(inspect.unwrap(method)) != is_awaited:
            yield f"{name} is {'not ' if is_awaited else ''}`async def`"
        elif problem := _misfit(component, name):
            yield f"{name}{inspect.signature(method)}: {problem}"


def _misfit(component: type[Component], name: str) -> str:
    """Say why a method cannot be called as core does, empty if it can."""
    base = next(one for one in component.__mro__ if one.__module__ == Component.__module__)
    asked = list(inspect.signature(getattr(base, name)).parameters)
    try:
        inspect.signature(getattr(component, name)).bind(*asked)
    except TypeError as error:
        return str(error)
    return ""

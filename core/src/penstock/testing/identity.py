"""Whose contract it is: the component, the distribution that it comes from, and its obligations."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

from penstock.plugins.entries import is_editable
from penstock.testing.distribution import owned_class, owner_of
from penstock.testing.obligation import first_paragraph

KIT = "penstock.testing."
CANNOT = "Cannot check: "


def identity(contract: Any) -> dict[str, str]:
    """Return what identifies the component of a contract's instance; nothing if none is made."""
    try:
        component = type(contract.make_component())
    except BaseException:  # Whatever it is, the tests tell of it.
        return {}
    owner = owner_of(component)
    written = owned_class(component)
    return {
        "type": str(getattr(component, "name", "")),
        "component": f"{written.__module__}.{written.__qualname__}",
        "distribution": str(owner.metadata["Name"]) if owner else "",
        "version": owner.version if owner else "",
        "requires_api": str(getattr(component, "requires_api", "")),
        "installed": "" if owner is None else ("editable" if is_editable(owner) else "wheel"),
    }


@cache
def obligations(contract: type) -> dict[str, tuple[str, bool]]:
    """Return the text of every obligation by its test, and whether the test is the kit's own."""
    kits = {name for one in _kits(contract) for name in vars(one) if name.startswith("test_")}
    return {name: _obligation(contract, name) for name in sorted(kits)}


def _obligation(contract: type, name: str) -> tuple[str, bool]:
    test = getattr(contract, name)
    kits = next(getattr(one, name) for one in _kits(contract) if name in vars(one))
    return first_paragraph(kits), test is kits


@cache
def cannot_check(contract: type) -> list[str]:
    """Return what a contract's classes say that they cannot check."""
    paragraphs = (p for one in _kits(contract) for p in (inspect.getdoc(one) or "").split("\n\n"))
    found = [" ".join(p.split()).removeprefix(CANNOT) for p in paragraphs if p.startswith(CANNOT)]
    return list(dict.fromkeys(found))


def _kits(contract: type) -> Iterator[type]:
    return (one for one in contract.__mro__ if one.__module__.startswith(KIT))

"""What ``--penstock-report`` writes: a format that is stable within its number."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

REPORT_FORMAT = 1
"""The number of the report's format: fields may be added to it, and none leaves or changes."""

Outcome = Literal["held", "broken", "not_checked", "error"]
"""held; broken: the plugin does not keep it; not_checked: the test said why; error: the test could
not be carried out, for example because a fixture failed."""


class Obligation(Struct, frozen=True, kw_only=True):
    """One obligation of a contract, and what was found."""

    test: str
    """The name of the test."""
    obligation: str
    """What is asked of the plugin, in a sentence or two."""
    outcome: Outcome
    reason: str = ""
    """Why it was not checked, or the error."""
    seen: str = ""
    """What was seen, where it is broken."""
    do: str = ""
    """What to do about it."""
    is_kits_own: bool = True
    """False where the subclass has replaced the kit's test by one of its own."""


class ComponentReport(Struct, frozen=True, kw_only=True):
    """One contract: a component with some settings, and every obligation of its kind."""

    contract: str
    """The test class, as pytest names it."""
    kind: Literal["source", "transform", "sink"]
    type: str
    """The component's ``name``; empty, as what follows, where none could be made."""
    component: str
    """The class, with its module."""
    distribution: str
    version: str
    requires_api: str
    """The version of ``penstock.api`` that the component says it needs; empty if it does not."""
    installed: Literal["", "wheel", "editable"]
    """How its distribution is installed; empty where it belongs to none."""
    held: int
    broken: int
    not_checked: int
    errors: int
    obligations: list[Obligation]
    cannot_check: list[str]
    """What this contract has no way to find out, whatever the outcomes."""


class Kit(Struct, frozen=True, kw_only=True):
    """What checked."""

    version: str
    """The version of the distribution ``penstock``."""
    api: str
    python: str
    platform: str


class Report(Struct, frozen=True, kw_only=True):
    """Everything that one run of pytest found."""

    format: int
    kit: Kit
    components: list[ComponentReport]


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of the file that ``--penstock-report`` writes."""
    return msgspec.json.schema(Report)

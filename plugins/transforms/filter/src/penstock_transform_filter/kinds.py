"""Which kinds of event a rule concerns, as far as the rule alone says."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.api import KINDS, Event, Gap, Log, Patterns

ONLY_OF: Mapping[str, frozenset[type[Event]]] = {
    "message": frozenset({Log}),
    "severity": frozenset({Log}),
    "stream": frozenset({Log, Gap}),
}
"""Fields that other kinds never have: a rule with such a key matches none of those."""


def may_match(rule: Mapping[str, Patterns], kind: type[Event]) -> bool:
    """Say whether some event of this kind could match."""
    named = rule["kind"].matches(KINDS[kind]) if "kind" in rule else True
    return named and all(kind in kinds for field, kinds in ONLY_OF.items() if field in rule)


def drops_all(rule: Mapping[str, Patterns], kind: type[Event]) -> bool:
    """Say whether every event of this kind is sure to match: the kind is all that is asked."""
    return set(rule) == {"kind"} and rule["kind"].matches(KINDS[kind])

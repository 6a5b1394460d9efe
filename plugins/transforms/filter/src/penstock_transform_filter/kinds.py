"""Which kinds of event a rule concerns, as far as the rule alone says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from penstock.api import KINDS, SEVERITIES, Event, Gap, Log, Patterns

ONLY_OF: Mapping[str, frozenset[type[Event]]] = {
    "message": frozenset({Log}),
    "severity": frozenset({Log}),
    "stream": frozenset({Log, Gap}),
}
"""Fields that other kinds never have: a rule with such a key matches none of those."""

WORDS: Mapping[str, Sequence[str]] = {
    "kind": tuple(KINDS.values()),
    "severity": tuple(SEVERITIES),
}
"""Fields that have one of a few words."""


def misspelt(rules: Iterable[Mapping[str, Patterns]]) -> Iterator[str]:
    """Say of each pattern for such a field that none of its words can match."""
    for rule in rules:
        for field in WORDS.keys() & rule.keys():
            for pattern in rule[field].patterns:
                if not any(map(pattern.hits, WORDS[field])):
                    words = ", ".join(WORDS[field])
                    yield f"{field}: {pattern.text!r} matches none of {words}"


def may_match(rule: Mapping[str, Patterns], kind: type[Event]) -> bool:
    """Say whether some event of this kind could match."""
    named = rule["kind"].matches(KINDS[kind]) if "kind" in rule else True
    return named and all(kind in kinds for field, kinds in ONLY_OF.items() if field in rule)


def drops_all(rule: Mapping[str, Patterns], kind: type[Event]) -> bool:
    """Say whether every event of this kind is sure to match: the kind is all that is asked."""
    return set(rule) == {"kind"} and rule["kind"].matches(KINDS[kind])

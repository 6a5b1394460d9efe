"""What a filter says of kinds: never fewer than come through."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api import KINDS
from penstock.testing import batch, configured, one_of_each, resource
from penstock_transform_filter.filter import Filter

EVERY = frozenset(KINDS)
METRICS = {"counter", "gauge", "timer", "event"}


def passes(**settings: Any) -> set[str]:
    return {KINDS[kind] for kind in configured(Filter, settings).passes(EVERY)}


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, {"log", "gap", *METRICS}),
        ({"keep": {"kind": "gauge"}}, {"gauge"}),
        ({"keep": [{"kind": "gauge"}, {"kind": "t*"}]}, {"gauge", "timer"}),
        ({"keep": {"kind": "!log"}}, {"gap", *METRICS}),
        ({"keep": {"kind": ["*", "!g*"]}}, {"log", "counter", "timer", "event"}),
        ({"keep": {"kind": "re:^(log|gap)$", "tags.a": "b"}}, {"log", "gap"}),
        ({"keep": {"kind": "log", "stream": "x"}}, {"log"}),
        ({"keep": {"message": "*"}}, {"log"}),
        ({"keep": {"severity": "!error"}}, {"log"}),
        ({"keep": {"stream": "stdout"}}, {"log", "gap"}),
        ({"keep": {"stream": "stdout", "kind": "gauge"}}, set()),
        ({"keep": {"attributes.job": "x"}}, {"log", "gap", *METRICS}),
        ({"drop": {"kind": ["counter", "timer"]}}, {"log", "gap", "gauge", "event"}),
        ({"drop": {"kind": "counter", "attributes.job": "x"}}, {"log", "gap", *METRICS}),
        ({"drop": {"container.name": "*"}}, {"log", "gap", *METRICS}),
        ({"keep": {"kind": "g*"}, "drop": {"kind": "gap"}}, {"gauge"}),
    ],
)
def test_kinds_that_may_come_through(settings: dict[str, Any], left: set[str]) -> None:
    assert passes(**settings) == left


def test_only_what_comes_in_comes_out() -> None:
    logs = frozenset(kind for kind in KINDS if KINDS[kind] == "log")
    assert configured(Filter, {"keep": {"kind": "*"}}).passes(logs) == logs


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"keep": {"kind": ["log", "counters"]}}, "keep: kind: 'counters' matches none of log"),
        ({"drop": [{"kind": "gap"}, {"kind": "!Log"}]}, "drop: kind: '!Log' matches none"),
        ({"keep": {"severity": "warning", "stream": "x"}}, "trace, debug, info, warn, error"),
        ({"keep": {"kind": "re:^metric"}, "drop": {"severity": "err"}}, r"'re:\^metric'.*'err'"),
    ],
)
def test_a_word_that_there_is_not_is_an_error(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        configured(Filter, settings)


def test_patterns_for_words_are_patterns() -> None:
    words = {"kind": ["*", "!g?p", "re:e"], "severity": ["warn*", "!re:^d", "[ef]*"]}
    assert configured(Filter, {"keep": words}).config.keep


PATTERNS = st.lists(
    st.sampled_from(["log", "g*", "!gap", "re:e", "!re:^c", "*", "?????"]), min_size=1, max_size=2
)
OTHERS = ["kind", "stream", "message", "container.name", "attributes.a"]
RULES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(OTHERS, PATTERNS),
        "severity": st.sampled_from(["info", "!error", "*", "re:e"]),
    },
).filter(bool)


@given(st.lists(RULES, max_size=2), st.lists(RULES, max_size=2))
def test_no_kind_comes_through_that_was_not_named(keep: Any, drop: Any) -> None:
    transform = configured(Filter, {"keep": keep, "drop": drop})
    of = resource("docker:log", {"container.name": "log"})
    through = {type(event) for event in transform.apply(batch(one_of_each(), of)).events}
    assert through <= transform.passes(EVERY)

"""Patterns of the operator's: what they match, and that none of them takes long."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.api import Batch, Pattern
from penstock.testing import batch, configured, lines
from penstock_transform_multiline.matching import simple
from penstock_transform_multiline.multiline import Multiline
from penstock_transform_multiline.presets import MACHINES

BAD = [
    r"(a+)+$",
    r"^(a+)+$",
    r"(a|aa)+$",
    r"(a|a?)+$",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(.*a){20}",
    r"^(a?){30}a{30}$",
    r"^a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaaaaaaaaaaaX",
    r"(\s+|\S+)*!",
    r"a*a*a*a*a*a*a*a*b",
    r"^\s+\s+\s+\s+$",
    r"^.*.*.*=.*",
]
"""Patterns with which a backtracking engine takes time that grows exponentially, or as a power."""

LONG = 50_000
SIMPLE = [
    r"^\s",
    r"^\S+",
    r"^\d{4}-\d{2}-\d{2}",
    r"^\[\d+\]",
    r"^(INFO|WARN|ERROR) ",
    r"^(?:\d{4}-|[A-Z][a-z]{2} \d)",
    r"^[^ ]+ \[",
    r"^\s+at ",
    r"^.*x",
]
ATOMS = st.sampled_from(
    ["a", "b", " ", r"\s", r"\S", r"\d", r"\w", r"\W", r"\[", r"\\", ".", "[ab]", "[^a]", "b{2}"]
)
ENDS = st.sampled_from(["", "a+", r"\s*", ".*b", "[^b]+a", r"\S+ "])
LINES = st.text(st.sampled_from("ab 1[\\\t\v\x0c\r\x1c\u00e9\u00a0"), max_size=8)


def through(transform: Multiline, texts: list[str]) -> list[str]:
    """Return what comes out, held or not."""
    made = transform.apply(batch(texts))
    out = lines([made] if isinstance(made, Batch) else made)
    return out + lines(transform.flush(0, True))


# An engine that goes back would be at it for minutes, or for ever.
@pytest.mark.timeout(30)
@pytest.mark.parametrize("pattern", BAD)
def test_no_pattern_runs_away(pattern: str) -> None:
    texts = ["a" * LONG + "!", "ab" * LONG, " " * LONG + "x", "b" * 100]
    transform = configured(Multiline, {"pattern": pattern})
    assert "\n".join(through(transform, texts)) == "\n".join(texts)


@pytest.mark.parametrize("pattern", BAD)
def test_only_what_cannot_run_away_is_left_to_pythons_engine(pattern: str) -> None:
    assert simple(pattern) is None


@pytest.mark.parametrize("pattern", SIMPLE)
def test_common_patterns_take_the_short_way(pattern: str) -> None:
    assert simple(pattern) is not None


@settings(max_examples=400, deadline=None)
@given(st.lists(ATOMS, max_size=4), ENDS, st.booleans(), st.lists(LINES, max_size=6))
def test_both_ways_match_the_same(
    atoms: list[str], end: str, grouped: bool, texts: list[str]
) -> None:
    body = "".join(atoms)
    pattern = f"^({body}|{body}a){end}" if grouped and body else f"^{body}{end}"
    short = simple(pattern)
    if short is not None:
        hits = Pattern(f"re:{pattern}").hits
        assert [short(text) is not None for text in texts] == [hits(text) for text in texts]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("preset", [*MACHINES, "auto"])
@pytest.mark.parametrize(
    "text",
    [
        "a.b." * LONG + "Exception",
        "Error" * LONG,
        "java.lang.Error: " + "a: " * LONG,
        "\tat " + "(" * LONG,
        " " * LONG + "at x",
        "x:1:in `" + "'`" * LONG,
        "thread '" + "' panicked at " * 5000,
        "/" + ":1" * LONG,
        "panic: " * LONG,
        "Traceback (most recent call last):" * 5000,
    ],
    ids=lambda text: text[:12],
)
def test_no_line_holds_up_a_preset(preset: str, text: str) -> None:
    transform = configured(Multiline, {"preset": preset})
    texts = [text, "\tat a.B(C.java:1)", *[text] * 20]
    assert "\n".join(through(transform, texts)) == "\n".join(texts)

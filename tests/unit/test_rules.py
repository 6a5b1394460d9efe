"""Patterns and rules: what matches, how fast on hostile text, and what is refused."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Log, Pattern, Patterns, Resource, Rules, image_matches

DB = Resource("docker:1", {"container.name": "shop_db", "process.pid": 7}, {"env": "prod"})
WEB = Resource("docker:2", {"container.name": "web"})


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("web", "web", True),
        ("web", "web-1", False),
        ("web", "Web", False),
        ("", "", True),
        ("*", "", True),
        ("web-*", "web-1", True),
        ("*db", "shop_db", True),
        ("*/healthz*", "GET /a/healthz?x\nmore", True),
        ("a*a", "a", False),
        ("*a*a", "a", False),
        ("*ab*b", "ab", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("ab*bc", "abc", False),
        ("?", "é", True),
        ("?", "\n", True),
        ("*a?c*", "xxabcxx", True),
        ("web-[0-9]", "web-7", True),
        ("web-[!0-9]", "web-7", False),
        ("[[]x]", "[x]", True),
        ("[]]", "]", True),
        ("[a-]", "-", True),
        ("[^a]", "^", True),
        ("a.c", "abc", False),
        ("re:^GET /ping", "GET /ping HTTP/1.1", True),
        ("re:ping$", "GET /ping", True),
        ("re:^.$", "é", True),
        ("!web", "web", False),
        ("!web", "db", True),
        ("!re:^w", "web", False),
        ("!!web", "!web", False),
    ],
)
def test_a_pattern_matches(pattern: str, value: str, expected: bool) -> None:
    assert Pattern(pattern).matches(value) is expected


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("web-[0-9", "without ']'"),
        ("web-[]", "empty set"),
        ("[z-a]", "reversed"),
        ("re:(a", r"bad regular expression '\(a': missing"),
        ("re:(?=a)", "bad regular expression"),
        ("!re:[", "bad regular expression"),
        ("re:", "needs a regular expression"),
    ],
)
def test_a_bad_pattern_is_refused_with_what_is_wrong(pattern: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Pattern(pattern)


def _matches_slowly(pattern: str, value: str) -> bool:
    """Match a glob of letters, ``*`` and ``?`` by its definition, for comparison."""
    ends = {0}
    for char in pattern:
        if char == "*":
            ends = {later for end in ends for later in range(end, len(value) + 1)}
        else:
            ends = {end + 1 for end in ends if end < len(value) and char in ("?", value[end])}
    return len(value) in ends


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_globs_match_as_they_are_defined(pattern: str, value: str) -> None:
    assert Pattern(pattern).matches(value) is _matches_slowly(pattern, value)


@given(st.text(min_size=1), st.text(), st.text())
def test_a_set_matches_each_of_its_characters(members: str, before: str, after: str) -> None:
    safe = "".join(sorted(set(members) - set("]!-")))
    if safe:
        assert all(Pattern(f"*[{safe}]*").matches(before + char + after) for char in safe)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "pattern", ["*a*a*a*a*b", "*a?a*a?a*?b", "*[ab]*[ab]*[ab]*[ab]c", "re:(a+)+$x", "a*" * 30 + "b"]
)
def test_hostile_text_of_a_megabyte_is_searched_once(pattern: str) -> None:
    assert not Pattern(pattern).matches("a" * 1_000_000)


def test_half_a_surrogate_pair_is_text_too() -> None:
    assert Pattern("re:^a.b$").matches("a\ud800b")


@pytest.mark.parametrize(
    ("patterns", "value", "expected"),
    [
        (("web-*", "db"), "db", True),
        (("web-*", "db"), "api", False),
        (("web-*", "!web-1"), "web-1", False),
        (("web-*", "!web-1"), "web-2", True),
        (("!a", "!b"), "c", True),
        (("!a", "!b"), "b", False),
        ((), "", False),
    ],
)
def test_a_list_is_any_positive_and_no_negated_one(
    patterns: tuple[str, ...], value: str, expected: bool
) -> None:
    assert Patterns(*patterns).matches(value) is expected


def test_one_string_is_a_list_of_one() -> None:
    assert Patterns.from_setting("a*") == Patterns.from_setting(["a*"]) == Patterns("a*")
    assert len({Patterns("a"), Patterns("a"), Patterns("a", "b")}) == 2
    with pytest.raises(ValueError, match=r"expected a pattern.*got 5"):
        Patterns.from_setting(["a", 5])
    with pytest.raises(ValueError, match="expected a pattern"):
        Pattern.from_setting(["a"])


@pytest.mark.parametrize(
    ("pattern", "image", "expected"),
    [
        ("nginx", "nginx", True),
        ("nginx", "nginx:1.25", True),
        ("nginx", "ghcr.io/x/nginx:1.25", False),
        ("*/nginx", "ghcr.io/x/nginx:1.25", True),
        ("nginx:1.*", "nginx:1.25", True),
        ("nginx:1.*", "nginx:2.0", False),
        ("reg:5000/nginx", "reg:5000/nginx:1.25", True),
        ("reg:5000/nginx", "reg:5000/nginx", True),
        ("nginx", "nginx@sha256:0a", True),
        ("!nginx", "nginx:1.25", False),
        ("!nginx", "redis:7", True),
        ("re:nginx$", "nginx:1.25", True),
        ("re:^nginx:1", "nginx:1.25", True),
        ("!re:^nginx", "nginx:1.25", False),
    ],
)
def test_an_image_pattern_without_a_tag_matches_any(
    pattern: str, image: str, expected: bool
) -> None:
    assert image_matches(Pattern(pattern), image) is expected


def test_a_rule_is_all_its_keys_and_a_list_any_of_its_rules() -> None:
    rules = Rules([{"container.name": ["*_db"], "stream": "stderr"}, {"severity": ["error"]}])
    assert rules.first(DB, Log(0, "", stream="stderr")) == 0
    assert rules.first(DB, Log(0, "", stream="stdout")) is None
    assert rules.first(WEB, Log(0, "", stream="stderr")) is None
    assert rules.first(WEB, Log(0, "", severity_number=17)) == 1
    assert rules.matches(WEB, Log(0, "", severity_number=17))


@pytest.mark.parametrize("pattern", ["*", "!x", "re:.*"])
def test_a_missing_field_matches_nothing(pattern: str) -> None:
    assert not Rules({"tags.absent": pattern}).matches(DB, Log(0, ""))
    assert not Rules({"attributes.absent": pattern}).matches(DB, Log(0, ""))


def test_unquoted_dotted_keys_mean_the_same_as_quoted_ones() -> None:
    quoted = Rules({"container.name": "*_db", "tags.env": "prod"})
    nested = Rules({"container": {"name": "*_db"}, "tags": {"env": "prod"}})
    assert quoted == nested
    assert hash(quoted) == hash(nested)
    assert nested.per_resource
    assert nested.matches(DB, None)
    assert not nested.matches(WEB, None)


def test_numbers_are_compared_as_text() -> None:
    assert Rules({"process.pid": "7"}).matches(DB, None)


def test_what_only_the_resource_decides_is_decided_once() -> None:
    rules = Rules([{"container.name": "*_db"}, {"container.name": "*_db", "stream": "stderr"}])
    assert not rules.per_resource
    assert [(index, test is None) for index, test in rules.candidates(DB)] == [
        (0, True),
        (1, False),
    ]
    assert rules.candidates(DB) is rules.candidates(DB)
    assert rules.candidates(WEB) == ()


def test_a_resource_that_is_gone_is_forgotten() -> None:
    rules = Rules({"container.name": "x"})

    def resources() -> Iterator[weakref.ref[Resource]]:
        resource = Resource("docker:3")
        rules.matches(resource, Log(0, ""))
        yield weakref.ref(resource)

    (gone,) = resources()
    gc.collect()
    assert gone() is None


def test_no_rules_are_falsy_and_match_nothing() -> None:
    assert not Rules([])
    assert not Rules([]).matches(DB, Log(0, ""))
    assert Rules({"stream": "stdout"})


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({}, "at least one field"),
        ([{"stream": "stdout"}, {}], "at least one field"),
        ("stderr", "expected a table"),
        ({"stream": 5}, "stream: expected a pattern"),
        ({"stream": []}, "stream: an empty list"),
        ({"sevrity": "error"}, "did you mean severity"),
        ({"container": {"name": "[a"}}, "container.name: bad glob"),
        ({"container.name": "a", "container": {"name": "b"}}, "container.name: written twice"),
        ([{"stream": "a"}, {"strem": "a"}], "rule 1: strem: unknown field.*did you mean stream"),
        (
            [{"message": ["[a", "ok", "re:("]}, {"sevrity": 1, "stream": []}],
            r"rule 0: message: bad glob.*; bad regular.*; rule 1: sevrity: .*; stream: an empty",
        ),
    ],
)
def test_a_bad_rule_is_refused_with_what_is_wrong(value: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Rules.from_setting(value)

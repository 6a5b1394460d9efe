"""No pattern that a user writes takes time that grows faster than the text it looks at.

An engine that goes back would be at one of these for minutes or for ever: the time limit tells.
"""

from __future__ import annotations

import pytest

from penstock.api import Log, Pattern, Patterns, Resource, Rules, image_matches

LONG = 100_000
TEXTS = ["a" * LONG + "!", "ab" * LONG, "b" * LONG + "a", " " * LONG + "x"]
REGEXES = [
    r"(a+)+$",
    r"(a|aa)+$",
    r"(a|a?)+$",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(.*a){20}c",
    r"(a?){50}a{50}c",
    r"(\s+|\S+)*#",
    r"a*a*a*a*a*a*a*a*c",
    r"\s+\s+\s+\s+$",
    r"^(.*?,){25}P",
    r"(.*)=(.*)=(.*)=",
]
GLOBS = [
    "*a*a*a*a*a*a*a*a*a*a*a*a*c",
    "a*" * 50 + "c",
    "*" * 200 + "c",
    "*[ab]*[ab]*[ab]*[ab]*[ab]*c",
    "*?a?*?b?*?a?*?c",
    "*[!c]" * 30 + "c",
    "[ab]" * 100 + "*c",
]
PATTERNS = [*(f"re:{regex}" for regex in REGEXES), *GLOBS]

pytestmark = pytest.mark.timeout(30)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern(pattern: str) -> None:
    hits = [Pattern(pattern).matches(text) for text in TEXTS]
    assert [Pattern(f"!{pattern}").matches(text) for text in TEXTS] == [not hit for hit in hits]
    assert [Patterns(pattern, "never").matches(text) for text in TEXTS] == hits


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_rule_for_events_and_for_containers(pattern: str) -> None:
    for text in TEXTS:
        container = Resource("docker:1", {"container.name": text})
        for rule in ({"message": pattern}, {"container.name": [pattern, "!never"]}):
            Rules.from_setting(rule).matches(container, Log(1, text))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_for_images(pattern: str) -> None:
    for text in TEXTS:
        image_matches(Pattern(pattern), text.replace(" ", "/") + ":1")


@pytest.mark.parametrize("regex", [r"(a)\1", r"a(?=b)", r"(?<!a)b", r"(?P>x)", "a{1001}"])
def test_what_cannot_be_linear_is_refused(regex: str) -> None:
    with pytest.raises(ValueError, match="bad regular expression"):
        Pattern(f"re:{regex}")

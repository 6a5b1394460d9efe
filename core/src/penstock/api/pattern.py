"""Patterns: globs and regular expressions whose time grows with the text and no faster."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self

from penstock.api.setting import Setting

Predicate = Callable[[str], bool]
Find = Callable[[str, int, int], int]

_ATOM = re.compile(r"\[(?P<not>!?)(?P<set>\]?[^]]*)\]|(?P<char>.)", re.DOTALL)


class Pattern(Setting):
    """A glob, a regular expression behind ``re:``, or either negated by a leading ``!``.

    In a glob ``*`` is any text, ``?`` one character, ``[a-z]`` and ``[!a-z]`` sets; it matches the
    whole value, with case. A regular expression (RE2) matches anywhere in it.
    """

    __slots__ = ("hits", "matches", "negated", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.negated = text.startswith("!")
        positive = text[self.negated :]
        hits = _regex(positive[3:]) if positive.startswith("re:") else _glob(positive)
        self.hits = hits
        """Whether a value matches what follows the ``!``."""
        self.matches: Predicate = (lambda value: not hits(value)) if self.negated else hits
        """Whether a value matches, the ``!`` included."""

    @classmethod
    def from_setting(cls, value: object) -> Self:
        if not isinstance(value, str):
            raise ValueError(f"expected a pattern (a string), got {value!r}")
        return cls(value)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class Patterns(Setting):
    """A list of patterns; one string serves as a list of one.

    A value matches if any of the positive ones does and none of the negated ones hits; where all
    are negated, if none of them hits.
    """

    __slots__ = ("matches", "patterns")
    json_schema: ClassVar[dict[str, Any]] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    }

    def __init__(self, *texts: str) -> None:
        self.patterns = tuple(map(Pattern, texts))
        self.matches = _any_of(self.patterns)
        """Whether a value matches; without patterns none does."""

    @classmethod
    def from_setting(cls, value: object) -> Self:
        texts = value if isinstance(value, list | tuple) else [value]
        problems = []
        for text in texts:
            try:
                Pattern.from_setting(text)
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise ValueError("; ".join(problems))
        return cls(*texts)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def __repr__(self) -> str:
        return f"Patterns({', '.join(repr(one.text) for one in self.patterns)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Patterns) and other.patterns == self.patterns

    def __hash__(self) -> int:
        return hash(self.patterns)


def image_matches(pattern: Pattern, image: str) -> bool:
    """Tell whether an image such as ``ghcr.io/x/nginx:1.25`` matches.

    A pattern without a tag matches any: the ``:`` of a registry's port names none.
    """
    text = pattern.text[pattern.negated :]
    name = image.partition("@")[0]
    if ":" in name.rpartition("/")[2]:
        name = name.rpartition(":")[0]
    if text.startswith("re:"):
        return (pattern.hits(image) or pattern.hits(name)) is not pattern.negated
    return pattern.matches(image if ":" in text.rpartition("/")[2] else name)


def _any_of(patterns: Iterable[Pattern]) -> Predicate:
    positive = [one.hits for one in patterns if not one.negated]
    negated = [one.hits for one in patterns if one.negated]
    if not negated:
        return positive[0] if len(positive) == 1 else _either(positive)
    refused = _either(negated)
    accepted = _either(positive) if positive else lambda _: True
    return lambda value: not refused(value) and accepted(value)


def _either(predicates: Iterable[Predicate]) -> Predicate:
    several = tuple(predicates)

    def matches(value: str) -> bool:
        # A loop: any() makes a generator for each value, which costs more than most patterns.
        for hits in several:  # noqa: SIM110
            if hits(value):
                return True
        return False

    return matches


def _regex(text: str) -> Predicate:
    if not text:
        raise ValueError("re: needs a regular expression behind it")
    # The standard library's engine takes exponential time on some patterns; re2 never does.
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        search = re2.compile(text.encode(), options).search
    except re2.error as error:
        reason = error.args[0]
        shown = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        raise ValueError(f"bad regular expression {text!r}: {shown}") from None
    return lambda value: search(value.encode(errors="replace")) is not None


def _glob(text: str) -> Predicate:
    """Compile a glob into searches for its pieces between the stars, each the leftmost.

    Leftmost is enough because a piece has a fixed length: no text is ever looked at again, where
    a regular expression made of ``.*`` would go back through all of it for every star.
    """
    first, *others = _split_stars(text)
    if not others:
        return first.equals
    *middle, last = others
    if not any(middle):
        return _ends(first, last)
    if not (first or last) and len(middle) == 1 and (wanted := middle[0].literal):
        return lambda value: wanted in value
    return _sequence(first, [piece.find for piece in middle if piece], last)


def _ends(first: _Piece, last: _Piece) -> Predicate:
    if not last:
        return lambda value: first.at(value, 0)
    if not first:
        return lambda value: last.at(value, len(value) - last.length)
    length = first.length + last.length
    return lambda value: (
        len(value) >= length and first.at(value, 0) and last.at(value, len(value) - last.length)
    )


def _sequence(first: _Piece, finds: list[Find], last: _Piece) -> Predicate:
    ends = _ends(first, last)

    def matches(value: str) -> bool:
        if not ends(value):
            return False
        position, end = first.length, len(value) - last.length
        for find in finds:
            position = find(value, position, end)
            if position < 0:
                return False
        return True

    return matches


class _Piece:
    """A glob's text between two stars: a fixed number of characters."""

    __slots__ = ("at", "equals", "find", "length", "literal")

    def __init__(self, atoms: list[tuple[str, str | None]]) -> None:
        self.length = length = len(atoms)
        chars = [char for _, char in atoms if char is not None]
        self.literal = literal = "".join(chars) if len(chars) == length else None
        self.at: Callable[[str, int], bool]
        self.equals: Predicate
        self.find: Find
        if literal is not None:
            self.at = lambda value, start: start >= 0 and value.startswith(literal, start)
            self.equals = literal.__eq__
            self.find = _literal_finder(literal)
        else:
            regex = re.compile("".join(atom for atom, _ in atoms), re.DOTALL)
            self.at = lambda value, start: start >= 0 and regex.match(value, start) is not None
            self.equals = lambda value: regex.fullmatch(value) is not None
            self.find = _regex_finder(regex)

    def __bool__(self) -> bool:
        return bool(self.length)


def _literal_finder(literal: str) -> Find:
    def find(value: str, start: int, end: int) -> int:
        found = value.find(literal, start, end)
        return found + len(literal) if found >= 0 else -1

    return find


def _regex_finder(regex: re.Pattern[str]) -> Find:
    def find(value: str, start: int, end: int) -> int:
        found = regex.search(value, start, end)
        return found.end() if found else -1

    return find


def _split_stars(text: str) -> list[_Piece]:
    """Split a glob at its stars; an atom is a regular expression, and its character if literal."""
    pieces: list[list[tuple[str, str | None]]] = [[]]
    for atom in _ATOM.finditer(text):
        char = atom["char"]
        if char == "[":
            raise ValueError(f"bad glob {text!r}: '[' without ']'; for the character write [[]")
        if char == "*":
            pieces.append([])
        elif char is None:
            pieces[-1].append((_set(text, atom["set"], atom["not"]), None))
        else:
            pieces[-1].append((".", None) if char == "?" else (re.escape(char), char))
    return [_Piece(piece) for piece in pieces]


def _set(text: str, members: str, negation: str) -> str:
    """Return the regular expression of a set, such as ``[a-z_]``."""
    if not members:
        raise ValueError(f"bad glob {text!r}: empty set []; for the character write [[]")
    parts = []
    for low, high, single in re.findall(r"(.)-(.)|(.)", members, re.DOTALL):
        if low > high:
            raise ValueError(f"bad glob {text!r}: the range {low}-{high} is reversed")
        parts.append(re.escape(single) or f"{re.escape(low)}-{re.escape(high)}")
    return f"[{'^' if negation else ''}{''.join(parts)}]"

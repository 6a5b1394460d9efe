"""Which containers are read: include, exclude, and what containers say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from msgspec import Meta, Struct

from penstock.api import Pattern, Patterns, Setting, image_matches
from penstock_source_docker.answers import Details

T = TypeVar("T")

SHORT_ID = 12
ENABLE_LABEL = "penstock.enable"
IGNORE_VARIABLE = "LOGSPOUT"


class LabelPattern:
    """``key=pattern`` or a bare ``key``; a leading ``!`` negates the whole."""

    __slots__ = ("_key", "_value", "negated")

    def __init__(self, text: str) -> None:
        self.negated = text.startswith("!")
        key, equals, value = text[self.negated :].partition("=")
        if not key:
            raise ValueError(f'expected "key" or "key=pattern", got {text!r}')
        self._key = key
        self._value = Pattern(value) if equals else None

    def hits(self, labels: Mapping[str, str]) -> bool:
        """Say whether the label is there and its value matches."""
        value = labels.get(self._key)
        return value is not None and (self._value is None or self._value.matches(value))


class LabelPatterns(Setting):
    """A list of patterns for labels; one string serves as a list of one."""

    __slots__ = ("patterns", "texts")
    json_schema: ClassVar[dict[str, Any]] = Patterns.json_schema

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.patterns = tuple(map(LabelPattern, texts))

    @classmethod
    def from_setting(cls, value: object) -> Self:
        texts = value if isinstance(value, list | tuple) else [value]
        for text in texts:
            if not isinstance(text, str):
                raise ValueError(f"expected labels such as 'team' or 'tier=front*', got {text!r}")
        return cls(*texts)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def __repr__(self) -> str:
        return f"LabelPatterns({', '.join(map(repr, self.texts))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelPatterns) and other.texts == self.texts

    def __hash__(self) -> int:
        return hash(self.texts)


class Matches(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Patterns for containers, by what they look at."""

    names: Annotated[Patterns, Meta(description="Names, without the slash.")] = Patterns()
    images: Annotated[
        Patterns, Meta(description="Images; a pattern without a tag matches any.")
    ] = Patterns()
    labels: Annotated[
        LabelPatterns, Meta(description='Labels: "key", or "key=pattern" for its value.')
    ] = LabelPatterns()
    ids: Annotated[Patterns, Meta(description="Ids, of 12 or of 64 characters.")] = Patterns()


class Selection:
    """Says of a container why it is not read, if it is not."""

    def __init__(self, include: Matches, exclude: Matches, own_id: str | None) -> None:
        self._include = include
        self._exclude = exclude
        self._own_id = own_id

    def refusal(self, container: Details) -> str:
        """Return the reason for leaving a container out; empty if it is to be read."""
        if container.id == self._own_id:
            return "it is Penstock's own"
        if container.labels.get(ENABLE_LABEL, "").strip().lower() == "false":
            return f"its label {ENABLE_LABEL} is false"
        if container.env.get(IGNORE_VARIABLE, "").strip().lower() == "ignore":
            return f"its environment has {IGNORE_VARIABLE}=ignore"
        excluded = [key for key, hit in _keys(self._exclude, container) if hit]
        if excluded:
            return f"exclude.{excluded[0]} matches"
        missed = [key for key, hit in _keys(self._include, container) if not hit]
        return f"include.{missed[0]} does not match" if missed else ""


def _keys(matches: Matches, container: Details) -> Iterable[tuple[str, bool]]:
    """Yield the keys that are set, each with whether it matches the container."""
    if matches.names:
        yield "names", matches.names.matches(container.plain_name)
    if matches.images:
        image = container.config.image
        hits = lambda one: image_matches(one, image) is not one.negated  # noqa: E731
        yield "images", _any_of(matches.images.patterns, hits)
    if matches.labels:
        labels = container.labels
        yield "labels", _any_of(matches.labels.patterns, lambda one: one.hits(labels))
    if matches.ids:
        ids = matches.ids.matches
        yield "ids", ids(container.id) or ids(container.id[:SHORT_ID])


def _any_of(patterns: Iterable[Any], hits: Callable[[Any], bool]) -> bool:
    """Say whether any positive pattern hits and no negated one does, as ``Patterns`` does."""
    positive = [one for one in patterns if not one.negated]
    negated = [one for one in patterns if one.negated]
    if any(hits(one) for one in negated):
        return False
    return not positive or any(hits(one) for one in positive)

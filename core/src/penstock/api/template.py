"""Templates: text with fields in braces, compiled once into a function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Self

from penstock.api.event import Event, Resource
from penstock.api.fields import Field, Getter, field
from penstock.api.setting import Setting

_TOKEN = re.compile(r'\{\{|\}\}|\{((?:[^{}"]|"[^"]*")*)\}|[{}]|[^{}]+')
_ALTERNATIVE = re.compile(r'\s*(?:"([^"]*)"|([^|"]*?))\s*(\||$)')


class Template(Setting):
    """Text such as ``{service.name|container.name|"none"}:{stream}``; ``{{`` and ``}}`` are braces.

    A placeholder gives the first of its alternatives that is present. ``per_resource`` says that
    no field of an event is needed: such a template may be rendered once for a resource.
    """

    __slots__ = ("event_fields", "render", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        fields: list[Field] = []
        parts = list(_parts(text, fields))
        self.event_fields = tuple(one.name for one in fields if not one.per_resource)
        """The fields of events that it needs."""
        self.render = _compile(parts)
        """``render(resource, event) -> str | None``; None: no placeholder had a value."""

    @classmethod
    def from_setting(cls, value: object) -> Self:
        if not isinstance(value, str):
            raise ValueError(f"expected a template (a string), got {type(value).__name__}")
        return cls(value)

    @property
    def per_resource(self) -> bool:
        """Whether the event may be None."""
        return not self.event_fields

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def _parts(text: str, fields: list[Field]) -> Iterator[str | Getter]:
    """Split a template into literal text and getters, noting the fields that they read."""
    for token in _TOKEN.finditer(text):
        found = token.group()
        if found in ("{{", "}}"):
            yield found[0]
        elif token.group(1) is not None:
            yield _placeholder(token.group(1), fields)
        elif found in "{}":
            raise ValueError(
                f"{text!r}: the {found} at character {token.start() + 1} has no partner; "
                f"for the character itself write {found * 2}"
            )
        else:
            yield found


def _placeholder(inner: str, fields: list[Field]) -> Getter:
    """Compile the alternatives between two braces."""
    getters: list[Getter] = []
    position, more = 0, True
    while more:
        match = _ALTERNATIVE.match(inner, position)
        if match is None:
            raise ValueError(f'{{{inner}}}: text goes in quotes of its own, as in {{a|"text"}}')
        if match[1] is not None:
            getters.append(_constant(match[1]))
        else:
            fields.append(field(match[2]))
            getters.append(fields[-1].get)
        position, more = match.end(), bool(match[3])
    return getters[0] if len(getters) == 1 else _first(tuple(getters))


def _compile(parts: list[str | Getter]) -> Getter:
    if all(isinstance(part, str) for part in parts):
        return _constant("".join(part for part in parts if isinstance(part, str)))
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts[0]
    return _joined(tuple(parts))


def _constant(text: str) -> Getter:
    return lambda _resource, _event: text


def _first(getters: tuple[Getter, ...]) -> Getter:
    def get(resource: Resource, event: Event | None) -> str | None:
        for getter in getters:
            value = getter(resource, event)
            if value is not None:
                return value
        return None

    return get


def _joined(parts: tuple[str | Getter, ...]) -> Getter:
    def get(resource: Resource, event: Event | None) -> str | None:
        texts: list[str] = []
        present = False
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
            elif (value := part(resource, event)) is not None:
                texts.append(value)
                present = True
        return "".join(texts) if present else None

    return get

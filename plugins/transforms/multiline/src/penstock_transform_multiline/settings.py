"""The settings that only this transform has."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, ClassVar, Self

from penstock.api import Setting
from penstock_transform_multiline.matching import LineMatcher
from penstock_transform_multiline.presets import MACHINES

AUTO = "auto"
OFF = "off"
WORDS = (AUTO, OFF, *MACHINES)


class PresetNames(Setting):
    """One preset or several, ``auto`` or ``off``; in a string, several are parted by commas."""

    __slots__ = ("names",)
    json_schema: ClassVar[dict[str, Any]] = {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"enum": list(MACHINES)}, "minItems": 1},
        ]
    }

    def __init__(self, *names: str) -> None:
        self.names = names

    @classmethod
    def from_setting(cls, value: object) -> Self:
        given = value.split(",") if isinstance(value, str) else value
        if not isinstance(given, list | tuple) or not given:
            raise ValueError(f"expected a preset or a list of presets, got {value!r}")
        names = tuple(dict.fromkeys(_name(one) for one in given))
        if len(names) > 1 and (alone := {AUTO, OFF}.intersection(names)):
            raise ValueError(f'"{min(alone)}" stands alone, not in a list')
        return cls(*names)

    def __repr__(self) -> str:
        return f"PresetNames({', '.join(map(repr, self.names))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PresetNames) and other.names == self.names

    def __hash__(self) -> int:
        return hash(self.names)


class Regex(Setting):
    """A regular expression (RE2), found anywhere in a line; ``re:`` before it may be written."""

    __slots__ = ("matcher", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.matcher = LineMatcher(text.removeprefix("re:"))

    @classmethod
    def from_setting(cls, value: object) -> Self:
        if not isinstance(value, str) or not value:
            raise ValueError(f"expected a regular expression, got {value!r}")
        return cls(value)

    def __repr__(self) -> str:
        return f"Regex({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Regex) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def _name(value: object) -> str:
    name = value.strip().lower() if isinstance(value, str) else ""
    if name in WORDS:
        return name
    close = get_close_matches(name, WORDS, 1)
    hint = f'did you mean "{close[0]}"?' if close else f"there are {', '.join(WORDS)}"
    raise ValueError(f"no such preset: {value!r}; {hint}")

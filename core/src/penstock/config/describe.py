"""Says in the operator's words which TOML values a setting takes."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

import msgspec.inspect as types

from penstock.config.words import quoted

_PLAIN = {
    types.StrType: "a string",
    types.IntType: "an integer",
    types.FloatType: "a number",
    types.BoolType: "true or false",
    types.DateTimeType: "a date and time",
    types.DateType: "a date",
    types.TimeType: "a time",
    types.AnyType: "any value",
    types.NoneType: "nothing",
}
_BOUNDS = {
    "ge": "at least {}",
    "gt": "greater than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "matching {}",
}
_ARTICLE = re.compile(r"an? (\w+)")


def describe(kind: Any) -> str:
    """Describe a setting's type: ``an integer, at least 1``, ``"a" or "b"``, ``a list of …``."""
    return _describe(types.type_info(kind))


def value_kind(value: object) -> str:
    """Name the kind of a TOML value, without the value."""
    if isinstance(value, bool):
        return str(value).lower()
    if value == []:
        return "an empty list"
    names: dict[type, str] = {
        str: "a string",
        int: "an integer",
        float: "a number",
        list: "a list",
        dict: "a table",
        datetime.datetime: "a date and time",
        datetime.date: "a date",
        datetime.time: "a time",
    }
    return names.get(type(value), type(value).__name__)


def choices(kind: Any) -> list[str]:
    """List the strings that a setting's type takes, if it takes only some."""
    return [value for value in _choices(types.type_info(kind)) if isinstance(value, str)]


def _describe(info: types.Type) -> str:
    if isinstance(info, types.Metadata):
        return _describe(info.type)
    if isinstance(info, types.UnionType):
        parts = [_describe(part) for part in info.types if not isinstance(part, types.NoneType)]
        return " or ".join(parts)
    if isinstance(info, (types.LiteralType, types.EnumType)):
        words = list(map(_written, _choices(info)))
        return f"one of {', '.join(words)}" if len(words) > 3 else " or ".join(words)
    if isinstance(info, types.CustomType):
        return _custom(info.cls)
    return _bounded(info, _table(info) or _list(info) or _plain(info))


def _table(info: types.Type) -> str:
    if isinstance(info, types.DictType):
        values = _describe(info.value_type)
        return "a table" if values == "any value" else f"a table of {_plural(values)}"
    if not isinstance(info, types.StructType | types.TypedDictType):
        return ""
    names = ", ".join(field.encode_name for field in info.fields)
    return f"a table of {names}" if names else "a table"


def _list(info: types.Type) -> str:
    items = getattr(info, "item_type", None)
    return "" if items is None else f"a list of {_plural(_describe(items))}"


def _plain(info: types.Type) -> str:
    return _PLAIN.get(type(info), type(info).__name__.removesuffix("Type").lower())


def _custom(cls: type) -> str:
    schema = getattr(cls, "json_schema", {"type": "string"})
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cls.__name__).lower()
    if name == "secret":
        return "a string (secret)"
    if schema.get("type") == "string":
        return f"a string ({name})"
    return name


def _plural(text: str) -> str:
    """Write the description of an item for a list of them."""
    if " or " in text:
        return f"({text})"
    return _ARTICLE.sub(lambda match: f"{match[1]}s", text, count=1)


def _bounded(info: types.Type, text: str) -> str:
    given = {name: getattr(info, name, None) for name in _BOUNDS}
    bounds = [
        "not empty" if (name, bound) == ("min_length", 1) else _BOUNDS[name].format(bound)
        for name, bound in given.items()
        if bound is not None
    ]
    return ", ".join([text, *bounds])


def _choices(info: types.Type) -> Iterator[object]:
    if isinstance(info, types.Metadata):
        yield from _choices(info.type)
    elif isinstance(info, types.LiteralType):
        yield from info.values
    elif isinstance(info, types.EnumType):
        yield from (member.value for member in info.cls)
    elif isinstance(info, types.UnionType):
        for part in info.types:
            yield from _choices(part)


def _written(value: object) -> str:
    return quoted(value) if isinstance(value, str) else str(value)

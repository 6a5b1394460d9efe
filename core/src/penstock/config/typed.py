"""Turns TOML values into typed settings, key by key, so that all mistakes come at once."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo

from penstock.api.setting import Secret, Setting
from penstock.config.problems import Problems
from penstock.config.scrub import Scrubber
from penstock.config.settings import description, required
from penstock.config.substitute import Filled, plain, unresolved
from penstock.config.words import Path, quoted, suggestion

S = TypeVar("S", bound=Struct)

_LISTS: dict[Any, Any] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    Sequence: tuple,
    AbstractSet: frozenset,
}
_TABLES = (dict, Mapping)
_CONTAINERS: dict[type, Any] = {list: _LISTS, dict: _TABLES}


class _NoValue(Enum):
    NO_VALUE = "no value"


NO_VALUE: Final = _NoValue.NO_VALUE
"""What stands for a value that is wrong (and reported) or not known."""
NoValue = Literal[_NoValue.NO_VALUE]


class Reader:
    """Reads settings; what is wrong goes to ``problems``, under the path of its key."""

    def __init__(self, problems: Problems, absent: Mapping[Path, str], scrubber: Scrubber) -> None:
        self._problems = problems
        self._absent = absent
        self._scrubber = scrubber

    def struct(
        self, kind: type[S], table: Any, path: Path, default: S | None = None
    ) -> S | NoValue:
        """Read a table; keys that it lacks come from ``default``, else from the type."""
        if not isinstance(table, dict):
            return self._mismatch(table, kind, path)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key in table.keys() - fields.keys():
            self._problems.error((*path, key), f"unknown key; {suggestion(key, fields)}")
        given: dict[str, Any] = {}
        for key, field in fields.items():
            if key in table:
                given[field.name] = self.value(table[key], field.type, (*path, key))
            elif default is None and required(field):
                given[field.name] = self._missing(field, (*path, key))
        if table.keys() - fields.keys() or _failed(given.values()):
            return NO_VALUE
        return self._make(kind, given, path, default)

    def value(self, value: Any, kind: Any, path: Path) -> Any:
        """Read one value of a setting's type."""
        while get_origin(kind) is Annotated and not _bounds(kind):
            kind = get_args(kind)[0]
        if isinstance(value, Filled) and value.text is None:
            return NO_VALUE
        bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        origin = get_origin(bare) or bare
        if origin in (Union, types.UnionType):
            return self._one_of(value, kind, bare, path)
        if isinstance(origin, type) and issubclass(origin, Setting):
            return self._setting(value, origin, path)
        if isinstance(origin, type) and issubclass(origin, Struct):
            return self.struct(origin, value, path)
        if type(value) in (list, dict) and origin in _CONTAINERS[type(value)]:
            read = self._list if isinstance(value, list) else self._table
            return read(value, kind, bare, path)
        return self._leaf(value, kind, path)

    def _one_of(self, value: Any, kind: Any, bare: Any, path: Path) -> Any:
        options = [option for option in get_args(bare) if option is not type(None)]
        if len(options) == 1:
            return self.value(value, options[0], path)
        for option in options:
            if _takes_shape(option, value):
                return self.value(value, option, path)
        return self._leaf(value, kind, path)

    def _setting(self, value: Any, kind: type[Setting], path: Path) -> Any:
        if unresolved(value):
            return NO_VALUE
        raw = plain(value)
        if issubclass(kind, Secret) and isinstance(raw, str):
            self._scrubber.add(raw, "***", is_secret=True)
        try:
            return kind.from_setting(raw)
        except (ValueError, TypeError) as error:
            message = self._scrubber.foreign(_in_toml(str(error), raw), [kind.__doc__ or ""])
            self._problems.error(path, f"{_origin(value)}{message}")
            return NO_VALUE

    def _list(self, value: list[Any], kind: Any, bare: Any, path: Path) -> Any:
        inner = [arg for arg in get_args(bare) if arg is not Ellipsis] or [Any]
        if get_origin(bare) is tuple and Ellipsis not in get_args(bare):
            if len(inner) != len(value):
                return self._mismatch(value, kind, path)
        else:
            inner = inner * len(value)
        items = [
            self.value(item, item_kind, (*path, index))
            for index, (item, item_kind) in enumerate(zip(value, inner, strict=True))
        ]
        if _failed(items) or not self._fits(value, list, kind, path):
            return NO_VALUE
        return _LISTS[get_origin(bare) or bare](items)

    def _table(self, value: dict[str, Any], kind: Any, bare: Any, path: Path) -> Any:
        key_kind, item_kind = get_args(bare) or (str, Any)
        read = {
            self.value(key, key_kind, (*path, key)): self.value(item, item_kind, (*path, key))
            for key, item in value.items()
        }
        if _failed(read) or _failed(read.values()) or not self._fits(value, dict, kind, path):
            return NO_VALUE
        return read

    def _fits(self, value: Any, shape: type, kind: Any, path: Path) -> bool:
        """Check a list's or a table's own bounds, its items being right."""
        if get_origin(kind) is not Annotated:
            return True
        try:
            msgspec.convert(value, Annotated[(shape, *kind.__metadata__)], dec_hook=_as_is)
        except msgspec.ValidationError:
            self._mismatch(value, kind, path)
            return False
        return True

    def _leaf(self, value: Any, kind: Any, path: Path) -> Any:
        if unresolved(value):
            return NO_VALUE
        raw = plain(value)
        for strict in (True, False) if isinstance(value, Filled) and value.whole else (True,):
            try:
                return msgspec.convert(raw, kind, strict=strict, dec_hook=_from_setting)
            except msgspec.ValidationError:
                continue
        return self._mismatch(value, kind, path)

    def _mismatch(self, value: Any, kind: Any, path: Path) -> NoValue:
        from penstock.config.describe import choices, describe, value_kind

        expected = f"expected {describe(kind)}"
        known = choices(kind)
        if isinstance(value, Filled) and not value.whole:
            message = f"{expected}; with text around {value.label} it is a string"
        elif isinstance(value, Filled):
            message = f"{expected}; the value of {value.label} is something else"
        elif isinstance(value, str) and known:
            near = suggestion(value, known)
            hint = f"; {near}" if near.startswith("did you mean") else ""
            message = f"{expected}, got {quoted(value)}{hint}"
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            message = f"{expected}, got {value}"
        else:
            message = f"{expected}, got {value_kind(value)}"
        self._problems.error(path, message + _hint(value, kind))
        return NO_VALUE

    def _missing(self, field: FieldInfo, path: Path) -> NoValue:
        label = self._absent.get(path)
        cause = f"required, but {label} is empty" if label else "required"
        about = description(field)
        self._problems.error(path, f"{cause}: {about}" if about else cause)
        return NO_VALUE

    def _make(
        self, kind: type[S], given: dict[str, Any], path: Path, default: S | None
    ) -> S | NoValue:
        try:
            return msgspec.structs.replace(default, **given) if default else kind(**given)
        except (ValueError, TypeError) as error:
            message = self._scrubber.foreign(
                str(error), [kind.__doc__ or "", *kind.__annotations__]
            )
            self._problems.error(*at_key(message, kind, path))
            return NO_VALUE


def at_key(message: str, kind: type[Struct], path: Path) -> tuple[Path, str]:
    """Place a complaint at the key of a table that it begins with, if it does."""
    key, colon, rest = message.partition(":")
    fields = {field.encode_name for field in msgspec.structs.fields(kind)}
    if colon and key.split(".")[0] in fields:
        return (*path, *key.split(".")), rest.strip()
    return path, message


def _failed(values: Iterable[Any]) -> bool:
    return any(value is NO_VALUE for value in values)


def _bounds(kind: Any) -> bool:
    names = ("ge", "gt", "le", "lt", "multiple_of", "pattern", "min_length", "max_length")
    return any(
        getattr(meta, name, None) is not None for meta in kind.__metadata__ for name in names
    )


def _takes_shape(kind: Any, value: Any) -> bool:
    """Say whether a part of a union is the one to read a list or a table with."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    origin = get_origin(kind) or kind
    if not isinstance(origin, type):
        return False
    if issubclass(origin, Setting):
        return True
    if isinstance(value, list):
        return origin in _LISTS
    return isinstance(value, dict) and (origin in _TABLES or issubclass(origin, Struct))


def _in_toml(message: str, value: object) -> str:
    """Replace Python's word for the kind of a value, at the end of a setting's complaint."""
    from penstock.config.describe import value_kind

    word = f"got {type(value).__name__}"
    return message.removesuffix(word) + (f"got {value_kind(value)}" * message.endswith(word))


def _origin(value: Any) -> str:
    return f"{value.label}: " if isinstance(value, Filled) else ""


def _hint(value: Any, kind: Any) -> str:
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if (get_origin(bare) or bare) in _LISTS and isinstance(value, (str, Filled)):
        return "; put it in brackets: […]"
    if bare is str and isinstance(value, (int, float)):
        return "; put it in quotes"
    return ""


def _as_is(kind: type, value: Any) -> Any:
    return value


def _from_setting(kind: type, value: Any) -> Any:
    if issubclass(kind, Setting):
        return kind.from_setting(value)
    raise NotImplementedError(kind)

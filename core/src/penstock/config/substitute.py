"""Replaces ``${…}`` inside string values, after the parse: no value can change the structure."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from msgspec import Struct

from penstock.config.problems import Problems
from penstock.config.scrub import Scrubber
from penstock.config.words import Path, quoted

_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:-|:\?)(.*))?", re.DOTALL)
_CREDENTIAL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_CREDENTIALS = "/run/secrets"
_MAX_FILE_BYTES = 1_048_576


class Filled(Struct, frozen=True):
    """A string that came, at least in part, from ``${…}``.

    ``text`` is None where it was not resolved; ``label`` names the first placeholder. ``whole``
    tells that it is nothing but one ``${…}`` and so takes the key's type.
    """

    text: str | None
    label: str
    whole: bool = True

    def __repr__(self) -> str:
        return self.label


class _Placeholder(Struct, frozen=True):
    inner: str

    @property
    def label(self) -> str:
        return f"${{{re.split(':[-?]', self.inner, maxsplit=1)[0]}}}"


class Substitution:
    """Walks a parsed file and replaces its placeholders.

    ``environ`` None means that the environment is not looked at: what needs it stays unresolved.
    ``absent`` remembers which keys an empty value took away, for the message that misses them.
    """

    def __init__(
        self,
        folder: FilePath,
        environ: Mapping[str, str] | None,
        problems: Problems,
        scrubber: Scrubber,
    ) -> None:
        self.absent: dict[Path, str] = {}
        self._folder = folder
        self._environ = environ
        self._problems = problems
        self._scrubber = scrubber
        self._outside = False

    def table(self, table: Mapping[str, Any], path: Path = ()) -> dict[str, Any]:
        """Return a copy with every placeholder replaced; a value that is empty loses its key."""
        filled = {key: self._value(value, (*path, key)) for key, value in table.items()}
        return {key: value for key, value in filled.items() if not self._gone(value, (*path, key))}

    def _value(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return self._string(value, path)
        if isinstance(value, dict):
            return self.table(value, path)
        if isinstance(value, list):
            items = [self._value(item, (*path, i)) for i, item in enumerate(value)]
            return [item for i, item in enumerate(items) if not self._gone(item, (*path, i))]
        return value

    def _gone(self, value: object, path: Path) -> bool:
        if isinstance(value, Filled) and value.whole and value.text == "":
            self.absent[path] = value.label
            return True
        return False

    def _string(self, text: str, path: Path) -> str | Filled:
        if "${" not in text:
            return text
        try:
            parts = _split(text)
            if all(isinstance(part, str) for part in parts):
                return "".join(map(str, parts))
            return self._fill(parts)
        except ValueError as error:
            self._problems.error(path, str(error))
            return Filled(None, "${…}")

    def _fill(self, parts: list[str | _Placeholder]) -> Filled:
        label = next(part.label for part in parts if isinstance(part, _Placeholder))
        self._outside = False
        text = self._joined(parts)
        if self._outside:
            self._scrubber.add(text or "", label)
        return Filled(text, label, whole=len(parts) == 1)

    def _joined(self, parts: list[str | _Placeholder]) -> str | None:
        texts = [part if isinstance(part, str) else self._resolve(part) for part in parts]
        known = [text for text in texts if text is not None]
        return "".join(known) if len(known) == len(texts) else None

    def _resolve(self, placeholder: _Placeholder) -> str | None:
        inner = placeholder.inner
        if match := _VARIABLE.fullmatch(inner):
            value = self._variable(match, placeholder.label)
        elif inner.startswith("file:"):
            value = self._from_outside(self._file(inner[5:]), placeholder.label)
        elif inner.startswith("credential:"):
            value = self._from_outside(self._credential(inner[11:]), placeholder.label)
        else:
            raise ValueError(
                "not a placeholder: write ${NAME}, ${NAME:-default}, ${NAME:?message}, "
                "${file:PATH} or ${credential:NAME}, and $${ for a literal ${"
            )
        return value

    def _from_outside(self, value: str | None, label: str) -> str | None:
        """Have a value kept out of messages; a default is in the file for all to see."""
        self._outside = True
        self._scrubber.add(value or "", label)
        return value

    def _variable(self, match: re.Match[str], label: str) -> str | None:
        name, operator, rest = match.groups()
        if self._environ is None:
            return (self._joined(_split(rest)) or None) if operator == ":-" and rest else None
        value = self._environ.get(name)
        if value or (value is not None and operator is None):
            return self._from_outside(_utf8(value, f"${name}"), label)
        if operator == ":-":
            return self._joined(_split(rest or ""))
        if operator == ":?":
            raise ValueError(f"{name} is {'empty' if value == '' else 'not set'}: {rest}")
        raise ValueError(
            f"the environment variable {name} is not set: set it, or give a default: "
            f"${{{name}:-default}}"
        )

    def _file(self, name: str) -> str | None:
        if not name:
            raise ValueError("${file:} names no file: write ${file:PATH}")
        return None if self._environ is None else _read(self._folder / name)

    def _credential(self, name: str) -> str | None:
        if not _CREDENTIAL.fullmatch(name):
            raise ValueError("a credential's name has letters, digits, dots, - and _ only")
        if self._environ is None:
            return None
        folders = [self._environ.get("CREDENTIALS_DIRECTORY"), _CREDENTIALS]
        places = [FilePath(folder) / name for folder in folders if folder]
        return _read(next((place for place in places if os.path.exists(place)), places[0]))


def plain(value: Any) -> Any:
    """Return a value with every ``Filled`` replaced by its text."""
    if isinstance(value, Filled):
        return value.text
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def unresolved(value: Any) -> bool:
    """Say whether any part of a value is not known."""
    if isinstance(value, Filled):
        return value.text is None
    if isinstance(value, dict):
        return any(unresolved(item) for item in value.values())
    return isinstance(value, list) and any(unresolved(item) for item in value)


def _split(text: str) -> list[str | _Placeholder]:
    """Split a string into literal text and placeholders; ``$${`` is literal."""
    parts: list[str | _Placeholder] = []
    literal, at = "", 0
    while (found := text.find("${", at)) >= 0:
        literal += text[at:found]
        if literal.endswith("$"):
            literal, at = literal[:-1] + "${", found + 2
            continue
        end = _closing(text, found + 2)
        parts += [literal, _Placeholder(text[found + 2 : end])]
        literal, at = "", end + 1
    return [part for part in (*parts, literal + text[at:]) if part != ""]


def _closing(text: str, start: int) -> int:
    """Find the brace that closes; a default may hold braces of its own, in pairs."""
    depth = 1
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if not depth:
            return at
    raise ValueError("a ${ without its }: close it, or write $${ for a literal ${")


def _read(path: FilePath) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot read {quoted(str(path))}: {error.strerror}") from None
    if len(data) > _MAX_FILE_BYTES:
        raise ValueError(f"{quoted(str(path))} is larger than {_MAX_FILE_BYTES} bytes")
    text = _utf8(data.decode("utf-8", "surrogateescape"), quoted(str(path)))
    return text.removesuffix("\n").removesuffix("\r")


def _utf8(text: str, origin: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the value of {origin} is not UTF-8") from None
    return text

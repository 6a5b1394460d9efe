"""Finds the line of every key of a TOML text, which the standard parser does not tell.

Only ever given text that the standard parser has accepted, so it need not check anything.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress

from penstock.config.words import Path

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")' r"|'''.*?'{3,5}(?!')" r'|"(?:[^"\\]|\\.)*"' r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\r\n]+")


def key_lines(text: str) -> dict[Path, int]:
    """Map the path of every table, key and list item to its line; empty if that fails."""
    locator = _Locator(text)
    # Half a map is better than none: a message without its line is still a message.
    with suppress(IndexError, ValueError, RecursionError):
        locator.document()
    return locator.lines


class _Locator:
    """One walk over the text."""

    def __init__(self, text: str) -> None:
        # The parser does the same, so both see the same lines.
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        self._counted_to = 0
        self._line = 1

    def document(self) -> None:
        table: Path = ()
        while self._skip(_BLANK) < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        line = self._here()
        is_list = self.text.startswith("[[", self.at)
        self.at += 2 if is_list else 1
        path = self._resolve(self._key())
        self.at += 2 if is_list else 1
        if is_list:
            index = self._counts.get(path, 0)
            self._counts[path] = index + 1
            path = (*path, index)
        for end in range(1, len(path) + 1):
            self._mark(path[:end], line)
        return path

    def _resolve(self, key: Path) -> Path:
        """Within an array of tables, a key means the last one."""
        path: Path = ()
        for part in key[:-1]:
            path = (*path, part)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return (*path, key[-1])

    def _pair(self, table: Path) -> None:
        line = self._here()
        path = (*table, *self._key())
        for end in range(len(table) + 1, len(path) + 1):
            self._mark(path[:end], line)
        self.at += 1
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> Path:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            quote = self.text[self.at] in "\"'"
            start = self.at
            self._skip(_STRING if quote else _BARE_KEY)
            word = self.text[start : self.at]
            parts.append(tomllib.loads(f"k = {word}")["k"] if quote else word)
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return tuple(parts)
            self.at += 1

    def _value(self, path: Path) -> None:
        character = self.text[self.at]
        if character == "[":
            self._items(path)
        elif character == "{":
            self._inline_table(path)
        else:
            self._skip(_STRING if character in "\"'" else _SCALAR)

    def _items(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self.text[self._skip(_BLANK)] != "]":
            self._mark((*path, index), self._here())
            self._value((*path, index))
            index += 1
            if self.text[self._skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self.text[self._skip(_BLANK)] != "}":
            self._pair(path)
            if self.text[self._skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1

    def _mark(self, path: Path, line: int) -> None:
        self.lines.setdefault(path, line)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError("not what was expected")
        self.at = match.end()
        return self.at

    def _here(self) -> int:
        self._line += self.text.count("\n", self._counted_to, self.at)
        self._counted_to = self.at
        return self._line

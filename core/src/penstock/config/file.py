"""Reads and parses the configuration file; each way in which that fails is one clear line."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from typing import Any

from msgspec import Struct

from penstock.api.errors import ConfigError
from penstock.config.words import quoted

_MAX_BYTES = 4_194_304
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_HINTS = {
    "Invalid value": 'text needs quotes: key = "value"; numbers, true and false do not',
    "Invalid statement": 'write key = "value", or a table such as [sinks.console]',
    "Invalid initial character for a key part": "a key of other characters than A-Z a-z 0-9 _ - "
    "needs quotes; a table { … } has to be on one line",
    "Expected '=' after a key in a key/value pair": 'write key = "value"',
    "Expected newline or end of document after a statement": "write one key = value on each line; "
    "text needs quotes",
    "Cannot overwrite a value": "the key is there already: remove one of the two",
    "Unescaped '\\' in a string": "use single quotes, '…', or write each backslash twice",
    "Unclosed array": "close the list by ]",
    "Unclosed inline table": "close the table by }; it has to be on one line",
    "Unterminated string": "close the string by the quote that it began with",
    "Illegal character '\\n'": "close the string on its line, or put three quotes around it",
}
_PREFIX_HINTS = {
    "Cannot declare": "the table is there already: join the two",
    "Cannot mutate immutable namespace": "the table is written as { … } already: add the key there",
    "Cannot redefine namespace": "the table is there already: join the two",
    "Duplicate inline table key": "the key is there already: remove one of the two",
    "Expected ']": "close the table's name by ]; other characters than A-Z a-z 0-9 _ - need quotes",
    "Expected \"'": "close the string by the quotes that it began with",
    "Expected '\"": "close the string by the quotes that it began with",
}


class Text(Struct, frozen=True):
    """A configuration file's text and what it holds, and what is unwise about the file."""

    text: str
    tables: dict[str, Any]
    warnings: tuple[str, ...] = ()


def read_file(path: str) -> Text:
    """Read and parse a file; ``ConfigError`` says in one line why that cannot be done."""
    data, mode = _read(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8: save the file in that encoding") from None
    return Text(text, _parse(text, path), _unwise(path, mode))


def _read(path: str) -> tuple[bytes, int]:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_BYTES + 1)
    except IsADirectoryError:
        inside = quoted(os.path.join(path, "penstock.toml"))
        raise ConfigError(f"{path}: is a folder: name the file in it, such as {inside}") from None
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except PermissionError:
        raise ConfigError(f"{path}: {_denied(path)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{path}: cannot be read: {reason}") from None
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{path}: larger than {_MAX_BYTES} bytes: not a configuration")
    return data, mode


def _denied(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return f"no permission to look into its folder as user id {os.geteuid()}"
    return (
        f"no permission to read it as user id {os.geteuid()} (it belongs to user id "
        f"{status.st_uid}, group id {status.st_gid}, mode {stat.S_IMODE(status.st_mode):04o})"
    )


def _parse(text: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax(str(error), text, path)) from None
    except RecursionError:
        raise ConfigError(f"{path}: lists or tables are nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        reason = str(error).partition(":")[0]  # What follows speaks to programmers.
        raise ConfigError(f"{path}: not TOML: {reason}") from None


def _syntax(message: str, text: str, path: str) -> str:
    match = _PLACE.fullmatch(message)
    reason = match[1] if match else message
    last = text.rstrip().count("\n") + 1
    line = int(match[2]) if match and match[2] else last
    column = f" (column {match[3]})" if match and match[3] else ""
    if not column and reason == "Invalid value":
        reason = "Unclosed array"
    prefixes = (hint for start, hint in _PREFIX_HINTS.items() if reason.startswith(start))
    hint = _HINTS.get(reason) or next(prefixes, "see toml.io for how it is written")
    return f"{path}:{line}: not TOML: {reason}{column}: {hint}"


def _unwise(path: str, mode: int) -> tuple[str, ...]:
    # Not refused: folders shared with a virtual machine show every file as writable by all.
    if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
        return (f"{path}: warning: every user may change this file: chmod o-w",)
    return ()

"""Small pieces of Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

from penstock.config.settings import SettingInfo, toml_text

MADE = "<!-- Made by `make reference`: change the code that it describes, not this page. -->"

_CODE = re.compile(r"(`[^`]+`)|<|(?<=\S)\*")
_SPECIAL = {"<": "&lt;", "*": "\\*"}


def heading(title: str) -> str:
    """Begin a page."""
    return f"# {title}\n\n{MADE}\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table without empty columns; cells are Markdown, so a bar in them is escaped."""
    columns = [column for column in zip(heads, *rows, strict=True) if any(column[1:])]
    heads, *rows = zip(*columns, strict=True)
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def code(text: str) -> str:
    """Write a text as code, empty for nothing."""
    return f"`{text}`" if text else ""


def prose(docstring: str | None) -> str:
    """Turn a docstring into Markdown."""
    text = re.sub(r"``(.+?)``", r"`\1`", inspect.cleandoc(docstring or ""))
    return _CODE.sub(lambda match: match[0] if match[1] else _SPECIAL[match[0]], text)


def first(docstring: str | None) -> str:
    """Return the first line of a docstring."""
    return prose(docstring).partition("\n")[0]


def settings_table(settings: Sequence[SettingInfo]) -> str:
    """Write settings with their types, defaults and descriptions."""
    rows = [(code(one.name), one.type, default(one), prose(one.description)) for one in settings]
    return table(("key", "type", "default", "what it is"), rows)


def default(one: SettingInfo) -> str:
    """Write a setting's default."""
    if one.required:
        return "required"
    return "" if one.default is None else code(written(one.default))


def written(value: Any) -> str:
    """Write a value as TOML has it, without what is unset, and whole numbers without a fraction."""
    if isinstance(value, dict):
        value = {key: item for key, item in value.items() if item is not None}
    return toml_text(int(value) if isinstance(value, float) and value == int(value) else value)

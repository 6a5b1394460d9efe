"""A transform's settings as command-line options."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

import click

from penstock.config.substitute import Filled


def parse_options(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Split words into settings (``--key value``, ``--key=value``, ``--flag``) and the rest."""
    options: dict[str, Any] = {}
    rest: list[str] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if not word.startswith("--"):
            rest.append(word)
            continue
        key, equals, text = word[2:].partition("=")
        if not equals:
            text = "true" if not queue or queue[0].startswith("--") else queue.pop(0)
        _put(options, _key(key), _value(key, text))
    return options, rest


def _key(text: str) -> list[str]:
    """Split a dotted key as TOML does; ``-`` in the setting's own name means ``_``."""
    try:
        parsed: Any = tomllib.loads(f"{text} = 0") if text.isprintable() else {}
    except tomllib.TOMLDecodeError:
        parsed = {}
    keys: list[str] = []
    while isinstance(parsed, dict) and len(parsed) == 1:
        key, parsed = next(iter(parsed.items()))
        keys.append(key)
    if not keys or parsed != 0:
        raise click.UsageError(f"--{text} is no setting: write --key value or --table.key value")
    return [keys[0].replace("-", "_"), *keys[1:]]


def _value(key: str, text: str) -> Any:
    """Read lists, tables and quoted strings as TOML; all else takes the setting's type."""
    if text[:1] in ("[", "{", '"', "'"):
        try:
            parsed = tomllib.loads(f"v = {text}")
        except tomllib.TOMLDecodeError:
            parsed = {}
        if parsed.keys() == {"v"}:
            return parsed["v"]
    return Filled(text, f"--{key}") if text else ""


def _put(options: dict[str, Any], keys: list[str], value: Any) -> None:
    *tables, last = keys
    for key in tables:
        options = options.setdefault(key, {})
        if not isinstance(options, dict):
            raise click.UsageError(f"--{'.'.join(keys)}: --{key} is a value already")
    options[last] = value

"""Reads one transform alone, for trying it out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from penstock.api.errors import ConfigError
from penstock.config.components import Components
from penstock.config.file import Text, read_file
from penstock.config.locate import key_lines
from penstock.config.plan import TransformPlan
from penstock.config.problems import Problems, write_out
from penstock.config.scrub import Scrubber
from penstock.config.substitute import Substitution
from penstock.config.typed import Reader
from penstock.config.words import quoted, suggestion
from penstock.plugins import Plugins

GROUP = "transforms"


def load_transform(name: str, options: Mapping[str, Any], path: str | None) -> TransformPlan:
    """Return the transform of a type, or of a table in the file at ``path``, with options.

    ``ConfigError`` has a line for everything that is wrong.
    """
    source, table = _table(name, path)
    problems, scrubber = Problems(), Scrubber()
    folder = FilePath(path or "").parent
    substitution = Substitution(folder, os.environ, problems, scrubber)
    settings = _merged(substitution.table(table, (GROUP, name)), options)
    reader = Reader(problems, substitution.absent, scrubber)
    plan = Components(Plugins(), reader, problems, scrubber).read(GROUP, name, settings)
    if isinstance(plan, TransformPlan):
        return plan
    found = [*problems.errors, *problems.broken]
    lines = key_lines(source.text)
    raise ConfigError("\n".join(write_out(found, path or "", lines, scrubber)))


def _table(name: str, path: str | None) -> tuple[Text, dict[str, Any]]:
    if path is None:
        return Text("", {}), {"type": name}
    source = read_file(path)
    tables = source.tables.get(GROUP)
    table = tables.get(name) if isinstance(tables, dict) else None
    if not isinstance(table, dict):
        hint = suggestion(name, tables, f"[{GROUP}] has") if isinstance(tables, dict) else ""
        raise ConfigError(f"{path}: there is no transform {quoted(name)}; {hint}".rstrip("; "))
    return source, table


def _merged(table: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(table)
    for key, value in options.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merged(old, value) if both and old else value
    return merged

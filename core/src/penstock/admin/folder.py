"""Which state folder is meant, and how its socket is reached."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock.api.errors import ConfigError
from penstock.config.paths import config_file, state_dir

MAX_PATH_BYTES = 107
"""The longest path of a unix socket, on Linux."""

_MAX_CHARACTERS = 1_000_000
_NAMED = re.compile(r"^[^#\n]*\bstate_dir\b", re.MULTILINE)
_STATE_DIR = re.compile(
    r"""^[ \t]*(?:penstock\.)?state_dir[ \t]*=[ \t]*("[^"\\\n]*"|'[^'\n]*')[ \t]*(?:#.*|\r)?$""",
    re.MULTILINE,
)


def find_folder(option: str | None, file: str | None, environ: Mapping[str, str]) -> str:
    """Return the state folder: named, the environment's, the file's, the default; "" is none.

    ``ConfigError``: the file does not tell.
    """
    if option is not None:
        return option
    if named := environ.get("PENSTOCK_STATE_DIR"):
        return named
    path = config_file(file, environ)
    return state_dir(_setting(path, environ) if path else None, environ)


def _setting(path: str, environ: Mapping[str, str]) -> str | None:
    """Return ``[penstock] state_dir``; the rest of the file may be wrong."""
    from penstock.config.problems import Problems
    from penstock.config.scrub import Scrubber
    from penstock.config.substitute import Substitution, plain

    table = _tables(path).get("penstock")
    setting = table.get("state_dir") if isinstance(table, dict) else None
    problems = Problems()
    substitution = Substitution(Path(path).parent, environ, problems, Scrubber())
    value = plain(substitution.table({"state_dir": setting}).get("state_dir"))
    if problems.errors or not isinstance(value, str | None):
        said = problems.errors[0].message if problems.errors else "expected a string"
        raise ConfigError(f"{path}: penstock.state_dir: {said}; --state-dir names the folder")
    return value


def _tables(path: str) -> dict[str, Any]:
    """Return a file's tables; of one that is no TOML, what its text shows of ``state_dir``.

    Somebody may be at work on it, while the process runs on by what it was.
    """
    from penstock.config.file import read_file

    try:
        return read_file(path).tables
    except ConfigError:
        text = _text(path)
        found = _STATE_DIR.findall(text)
        if len(found) != 1 or len(_NAMED.findall(text)) != 1:
            raise
        return {"penstock": {"state_dir": found[0][1:-1]}}


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_CHARACTERS)
    except (OSError, ValueError):
        return ""


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Give an address for a socket's path, which may be longer than addresses can be."""
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)

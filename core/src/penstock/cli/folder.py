"""What ``status``, ``health`` and ``dlq`` share: which folder is meant, and how they end."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import click

from penstock.cli.options import EXIT_FAILED, config_exit

F = TypeVar("F", bound=Callable[..., Any])

NOTHING_KEPT = 'state_dir is "": nothing is kept'

state_dir_option = click.option(
    "--state-dir",
    metavar="DIR",
    help="The state folder; else $PENSTOCK_STATE_DIR, else that of FILE.",
)


def folder_or_exit(state_dir: str | None, file: str | None) -> str:
    """Return the state folder that is meant, "" for none; exit where the file does not tell."""
    from penstock.admin.folder import find_folder
    from penstock.api.errors import ConfigError

    try:
        return find_folder(state_dir, file, os.environ)
    except ConfigError as error:
        config_exit(str(error))


def fail(message: str) -> NoReturn:
    """Say why it does not work and exit."""
    click.echo(message, err=True)
    raise SystemExit(EXIT_FAILED)


def harmless(text: str) -> str:
    """Escape, as JSON does, what a terminal would act on: names and texts come from strangers."""
    return "".join(one if one.isprintable() or one == "\n" else _escaped(one) for one in text)


def line(text: str) -> str:
    """Return a text on one line, without anything that a terminal would act on."""
    return harmless(" ".join(text.split()))


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs)

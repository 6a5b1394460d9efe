"""What several commands share: the options of the own log, the file, and how they end."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import click
from msgspec import Struct

F = TypeVar("F", bound=Callable[..., Any])

EXIT_FAILED = 1
EXIT_CONFIG = 78


class LogOptions(Struct, frozen=True):
    """How Penstock's own log is written; None is not chosen."""

    format: str | None = None
    level: str | None = None

    def start(self) -> None:
        """Begin to log, by the options before the command where the command has none."""
        from penstock.log import setup_logging

        outer = click.get_current_context().obj or LogOptions()
        setup_logging(self.format or outer.format or "auto", self.level or outer.level or "info")


def log_options(function: F) -> F:
    """Add ``--log-format`` and ``--log-level``, handed over as ``log``."""
    return _log_options(function, "", "")


def outer_log_options(function: F) -> F:
    """Add the same before the command; only here the environment counts, as what is weakest."""
    return _log_options(function, "PENSTOCK_LOG_FORMAT", "PENSTOCK_LOG_LEVEL")


def _log_options(function: F, format_variable: str, level_variable: str) -> F:
    @click.option(
        "--log-format",
        envvar=format_variable or None,
        type=click.Choice(["auto", "human", "json"]),
        help="Form of Penstock's own log; auto is human on a terminal. $PENSTOCK_LOG_FORMAT",
    )
    @click.option(
        "--log-level",
        envvar=level_variable or None,
        type=click.Choice(["debug", "info", "warn", "error", "fatal"]),
        help="Least severity of Penstock's own log. $PENSTOCK_LOG_LEVEL",
    )
    @functools.wraps(function)
    def wrapped(*args: Any, log_format: str | None, log_level: str | None, **rest: Any) -> Any:
        return function(*args, log=LogOptions(log_format, log_level), **rest)

    return wrapped  # type: ignore[return-value]


def file_or_exit(file: str | None) -> str:
    """Return the configuration to use; without one, say what can be done and exit."""
    from penstock.config.paths import STANDARD_FILES, config_file

    found = config_file(file, os.environ)
    if found is None:
        places = " and ".join(STANDARD_FILES)
        config_exit(
            f"no configuration: no FILE was given, $PENSTOCK_CONFIG is not set, and {places} "
            "do not exist.\n`penstock init` writes one that fits this machine; "
            "`penstock quickstart` needs none."
        )
    return found


def config_exit(message: str) -> NoReturn:
    """Say what the operator has to change, and exit."""
    click.echo(message, err=True)
    raise SystemExit(EXIT_CONFIG)

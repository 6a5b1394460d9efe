"""``penstock check``: all that is wrong with a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from penstock.cli.options import (
    EXIT_CONFIG,
    EXIT_FAILED,
    LogOptions,
    file_or_exit,
    log_options,
)

if TYPE_CHECKING:
    from penstock.config.load import Loaded


@click.command("check", short_help="Say all that is wrong with a file.")
@click.argument("file", required=False)
@click.option("--no-env", is_flag=True, help="Take ${…} as any value, without looking it up.")
@click.option("--connect", is_flag=True, help="Also try every source and sink; sends nothing.")
@log_options
def command(file: str | None, no_env: bool, connect: bool, log: LogOptions) -> None:
    """Say everything that is wrong with FILE, each with its line, table and key.

    Exits 0 if Penstock would start, 78 if not, 1 if a connection failed.
    """
    if no_env and connect:
        raise click.UsageError("--connect needs the values that --no-env leaves out")
    from penstock.config.load import load

    path = file_or_exit(file)
    log.start()
    loaded = load(path, environ=None if no_env else os.environ, unused=True)
    _say(path, loaded)
    if loaded.errors or loaded.broken:
        raise SystemExit(EXIT_CONFIG)
    if connect and loaded.plan is not None:
        from penstock.cli.connect import try_all

        if not try_all(loaded.plan, loaded.scrub):
            raise SystemExit(EXIT_FAILED)


def _say(path: str, loaded: Loaded) -> None:
    from penstock.config.words import counted

    errors = (*loaded.errors, *loaded.broken)
    for line in (*errors, *loaded.warnings):
        click.echo(line)
    found = [counted(len(errors), "error")] if errors else []
    found += [counted(len(loaded.warnings), "warning")] if loaded.warnings else []
    click.echo(f"{path}: {', '.join(found) or 'ok'}")

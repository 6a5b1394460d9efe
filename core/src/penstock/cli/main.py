"""The ``penstock`` command and its list of commands."""

from __future__ import annotations

import errno
import importlib
import os
from collections.abc import Mapping
from typing import Any

import click

from penstock.cli.options import EXIT_FAILED, LogOptions, outer_log_options

COMMANDS = {
    "run": "run",
    "quickstart": "quickstart",
    "check": "check",
    "plugins": "plugins",
    "schema": "schema",
    "new": "new",
    "init": "init",
    "try": "try_",
    "health": "health",
    "status": "status",
    "dlq": "dlq",
}
"""Each command and its module, in which it is called ``command``."""

RESERVED = ("tail", "top", "explain")
"""Commands that are still to come."""

EXTENDED = "penstock.cli.extensions"
"""Where a context keeps what extensions add."""


class Commands(click.Group):
    """Imports a command's module when it is asked for; extensions when it is none of ours."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            click.echo(f"cannot write {error.filename or 'the output'}: {error.strerror}", err=True)
            # What is still in the buffer would be written, and fail, once more at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise SystemExit(EXIT_FAILED) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *_added(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return _added(ctx).get(cmd_name)
        module = importlib.import_module(f"penstock.cli.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from penstock.config.words import suggestion

            known = self.list_commands(ctx)
            if args[0] not in known:
                hint = suggestion(args[0], known, "commands")
                hint = f"it is kept for a later version; {hint}" if args[0] in RESERVED else hint
                ctx.fail(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


def _added(ctx: click.Context) -> Mapping[str, click.Command]:
    """Return the commands of extensions; looked for once."""
    if EXTENDED not in ctx.meta:
        from penstock.cli.extensions import commands

        ctx.meta[EXTENDED] = commands(COMMANDS)
    found: Mapping[str, click.Command] = ctx.meta[EXTENDED]
    return found


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="penstock", message="%(prog)s %(version)s", prog_name="penstock")
@outer_log_options
@click.pass_context
def main(ctx: click.Context, log: LogOptions) -> None:
    """Route logs from containers and services to where they belong, and lose none in silence."""
    ctx.obj = log
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())

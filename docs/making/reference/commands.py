"""The page on the command line, from click."""

from __future__ import annotations

from collections.abc import Iterator

import click
from docs.making.reference.markdown import code, heading, prose, table

from penstock.cli.main import main
from penstock.cli.options import EXIT_CONFIG, EXIT_FAILED

_CODES = (
    (0, "everything is settled or on disk; ready; nothing is wrong"),
    (
        EXIT_FAILED,
        "events were abandoned, something failed, a connection did; not ready; "
        "the ledger does not add up",
    ),
    (2, "the command line is wrong"),
    (EXIT_CONFIG, "the configuration is wrong, as `penstock check` says: no waiting mends it"),
)


def page() -> str:
    """Make the page."""
    context = click.Context(main, info_name="penstock", terminal_width=10_000)
    codes = table(("exit", "means"), ((code(str(number)), text) for number, text in _CODES))
    parts = [
        heading("Commands"),
        "`penstock --help` shows them, `penstock COMMAND --help` one of them.\n",
        "## Exit codes\n",
        codes,
        "SIGTERM and SIGINT stop it within `drain_timeout_s`, a second signal at once. SIGHUP has "
        "`penstock run` read its file again; a bad one changes nothing.\n",
        *_command(main, context, 2, list_only=True),
    ]
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        parts += _command(command, click.Context(command, info_name=name, parent=context), 2)
    return "\n".join(parts)


def _command(
    command: click.Command, context: click.Context, level: int, *, list_only: bool = False
) -> Iterator[str]:
    title = "For all commands" if list_only else code(context.command_path)
    yield f"{'#' * level} {title}\n"
    if not list_only:
        pieces = " ".join(command.collect_usage_pieces(context))
        yield f"{code(f'{context.command_path} {pieces}')}\n"
    yield f"{prose(command.help).replace(chr(8), '')}\n"
    if list_only:
        yield "They stand before the command; where it logs, also behind it.\n"
    if options := list(_options(command, context)):
        yield table(("option", "what it does"), options)
    if isinstance(command, click.Group) and not list_only:
        for name in command.list_commands(context):
            sub = command.get_command(context, name)
            assert sub is not None
            inner = click.Context(sub, info_name=name, parent=context)
            yield from _command(sub, inner, level + 1)


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """List what has a description, without what every command has."""
    common = {name for one in main.params for name in one.opts} if context.parent else set()
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and record[1] and not {"--help", *common} & set(parameter.opts):
            yield code(record[0]), record[1]

"""``penstock dlq``: what destinations refused, to be read, delivered again or dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.folder import (
    NOTHING_KEPT,
    fail,
    folder_or_exit,
    line,
    state_dir_option,
)
from penstock.cli.options import EXIT_FAILED

if TYPE_CHECKING:
    from penstock.admin.protocol import Changed, Drop, Replay, Selection
    from penstock.admin.stored import StoredLetters


@click.group("dlq", short_help="List, show, replay and drop dead letters.")
@state_dir_option
def command(state_dir: str | None) -> None:
    """Dead letters: events that a destination refused, kept with the reason.

    list and show read the state folder; replay and drop ask the process that uses it, and do it
    themselves where none runs.
    """


@command.command("list")
@click.argument("file", required=False)
@click.option("--sink", default="", help="Those of this sink.")
@click.option("--reason", default="", help="Those of this reason, such as rejected.")
@click.option("--limit", type=click.IntRange(0), default=0, help="So many, the oldest; 0 = all.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@state_dir_option
@click.pass_context
def list_(  # noqa: PLR0917 - click names them all
    ctx: click.Context,
    /,
    file: str | None,
    sink: str,
    reason: str,
    limit: int,
    as_json: bool,
    state_dir: str | None,
) -> None:
    """List dead letters, oldest first."""
    from penstock.cli.dlq_text import print_columns, print_json

    folder = _folder(ctx, state_dir, file)
    with _stored(folder) as letters:
        found = letters.chosen(_table(sink), reason, limit) if letters else iter(())
        if as_json:
            print_json(found)
        elif not print_columns(found):
            why = "" if letters else f": there is no state in {folder}"
            click.echo(line(f"no dead letters{why}") if folder else NOTHING_KEPT, err=True)


@command.command("show")
@click.argument("number", metavar="ID", type=int)
@click.argument("file", required=False)
@state_dir_option
@click.pass_context
def show(ctx: click.Context, number: int, file: str | None, state_dir: str | None) -> None:
    """Show one dead letter with its event, as JSON."""
    from penstock.cli.dlq_text import print_letter

    with _stored(_folder(ctx, state_dir, file)) as letters:
        if letters is None:
            fail(f"there is no dead letter {number}")
        try:
            letter, batch = letters.one(number)
        except (LookupError, ValueError) as error:
            fail(line(str(error)))
    print_letter(letter, batch)


def _selecting(function: Any) -> Any:
    """Add what says which letters are meant."""
    for decorate in (
        click.pass_context,
        state_dir_option,
        click.option("--all", "every", is_flag=True, help="All of them."),
        click.option("--reason", default="", help="Those of this reason, such as rejected."),
        click.option("--sink", default="", help="Those of this sink."),
        click.argument("words", nargs=-1, metavar="[ID]… [FILE]"),
    ):
        function = decorate(function)
    return function


@command.command("replay")
@_selecting
def replay(ctx: click.Context, **options: Any) -> None:
    """Have dead letters delivered again.

    They leave the dead letters and wait in their sink's buffer on disk; what is refused again
    comes back as a new one. Exits 1 if some of those meant stay.
    """
    from penstock.admin.protocol import Replay

    folder, file, letters = _meant(ctx, **options)
    _say(_change(folder, file, Replay(letters)), "replayed")


@command.command("drop")
@_selecting
def drop(ctx: click.Context, **options: Any) -> None:
    """Delete dead letters. Exits 1 if some of those meant stay."""
    from penstock.admin.protocol import Drop

    folder, file, letters = _meant(ctx, **options)
    _say(_change(folder, file, Drop(letters)), "dropped")


# --- which ---------------------------------------------------------------------------------


def _folder(ctx: click.Context, state_dir: str | None, file: str | None) -> str:
    outer = ctx.parent.params.get("state_dir") if ctx.parent else None
    return folder_or_exit(outer if state_dir is None else state_dir, file)


def _table(sink: str) -> str:
    return f"sinks.{sink}" if sink and not sink.startswith("sinks.") else sink


def _meant(
    ctx: click.Context,
    *,
    words: Sequence[str],
    sink: str,
    reason: str,
    every: bool,
    state_dir: str | None,
) -> tuple[str, str | None, Selection]:
    """Return the folder, the file and the letters meant. All of them only if that is said."""
    from penstock.admin.protocol import Selection

    ids = [int(word) for word in words if word.isdecimal() and word.isascii()]
    files = [word for word in words if not (word.isdecimal() and word.isascii())]
    if len(files) > 1:
        raise click.UsageError(f"neither ids nor one FILE: {' '.join(files)}")
    if every and (ids or sink or reason):
        raise click.UsageError("--all goes with no ids, --sink or --reason")
    if not (every or ids or sink or reason):
        raise click.UsageError("which? ids, --sink, --reason or --all")
    if any(one >= 2**63 for one in ids):
        raise click.UsageError("an id is too large")
    file = files[0] if files else None
    return (
        _folder(ctx, state_dir, file),
        file,
        Selection(ids=ids, sink=_table(sink), reason=reason),
    )


# --- reading -------------------------------------------------------------------------------


@contextmanager
def _stored(folder: str) -> Iterator[StoredLetters | None]:
    from penstock.admin.stored import UnreadableError, stored_letters

    if not folder:
        yield None
        return
    try:
        with stored_letters(folder) as letters:
            yield letters
    except UnreadableError as error:
        fail(line(str(error)))
    except PermissionError:
        fail(line(f"no permission to read {folder}: be its user"))


# --- changing ------------------------------------------------------------------------------


def _change(folder: str, file: str | None, request: Replay | Drop) -> Changed:
    """Have the running process do it, or do it here."""
    from penstock.admin.client import NotRunningError, ask
    from penstock.admin.protocol import AskHealth, Changed

    if not folder:
        fail(NOTHING_KEPT)
    try:
        ask(folder, AskHealth())  # Many letters take their time; a process that hangs does not.
        answer = ask(folder, request, patience_s=None)
    except NotRunningError:
        return _change_here(folder, file, request)
    except OSError as error:
        fail(line(str(error)))
    if not isinstance(answer, Changed):
        fail(line(getattr(answer, "error", str(answer))))
    return answer


def _change_here(folder: str, file: str | None, request: Replay | Drop) -> Changed:
    from penstock.admin.offline import change_offline
    from penstock.admin.protocol import Replay
    from penstock.admin.stored import UnreadableError
    from penstock.api.errors import ConfigError
    from penstock.cli.options import config_exit, file_or_exit
    from penstock.config.load import load_plan

    try:
        plan = load_plan(file_or_exit(file)) if isinstance(request, Replay) else None
    except ConfigError as error:
        config_exit(str(error))
    try:
        return change_offline(folder, request, plan)
    except (ConfigError, UnreadableError, OSError) as error:
        fail(line(str(error)))


def _say(changed: Changed, done: str) -> None:
    from penstock.config.words import counted

    click.echo(f"{done} {counted(changed.changed, 'dead letter')}")
    for why, count in changed.kept.items():
        click.echo(line(f"{counted(count, 'dead letter')} stay: {why}"), err=True)
    if changed.missing:
        click.echo(f"there are no dead letters {', '.join(map(str, changed.missing))}", err=True)
    if changed.trouble:
        click.echo(line(changed.trouble), err=True)
    if changed.kept or changed.missing or changed.trouble:
        raise SystemExit(EXIT_FAILED)

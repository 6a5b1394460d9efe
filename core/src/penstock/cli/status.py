"""``penstock status``: the ledger, buffers and retries of a running Penstock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from penstock.cli.folder import (
    NOTHING_KEPT,
    fail,
    folder_or_exit,
    harmless,
    line,
    state_dir_option,
)
from penstock.cli.options import EXIT_FAILED

if TYPE_CHECKING:
    from penstock.admin.status import Status


@click.command("status", short_help="Show the ledger, buffers and retries of a running Penstock.")
@click.argument("file", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@state_dir_option
def command(file: str | None, as_json: bool, state_dir: str | None) -> None:
    """Show what the Penstock of FILE does, and what became of every event.

    Exits 1 if none runs, or if its ledger does not add up.
    """
    folder = folder_or_exit(state_dir, file)
    if not folder:
        fail(f"{NOTHING_KEPT}, so there is no socket to ask: [admin] listen has /metrics")
    status = _ask(folder)
    if as_json:
        import msgspec.json

        text = msgspec.json.format(msgspec.json.encode(status), indent=2).decode()
        click.echo(harmless(text))
    else:
        from penstock.cli.status_text import print_status

        print_status(status)
    for row in status.residues:
        place = line(f"{row.table}, {row.origin}")
        click.echo(f"error: the ledger does not add up: {place}: {row.residue:+d}", err=True)
    if status.residues:
        raise SystemExit(EXIT_FAILED)


def _ask(folder: str) -> Status:
    from penstock.admin.client import NotRunningError, ask
    from penstock.admin.protocol import AskStatus, Told

    try:
        answer = ask(folder, AskStatus())
    except (NotRunningError, OSError) as error:
        fail(line(str(error)))
    if not isinstance(answer, Told):
        fail(line(str(answer)))
    return answer.status

"""``penstock health``: is it ready, for HEALTHCHECK and exec probes."""

from __future__ import annotations

import click

from penstock.cli.folder import NOTHING_KEPT, fail, folder_or_exit, line, state_dir_option


@click.command("health", short_help="Exit 0 if a running Penstock is ready, 1 if not.")
@click.argument("file", required=False)
@click.option("--live", is_flag=True, help="Whether it answers at all, ready or not.")
@state_dir_option
def command(file: str | None, live: bool, state_dir: str | None) -> None:
    """Say in one line whether the Penstock of FILE is ready; exit 0 if it is, 1 if not.

    Ready: started, every source runs or has ended, every sink takes what it is given, the state
    can be written, and the ledger adds up. Where being unhealthy means being restarted, use
    --live: a new process does not mend a destination that is down.
    """
    folder = folder_or_exit(state_dir, file)
    if not folder:
        fail(f"{NOTHING_KEPT}, so there is no socket to ask: [admin] listen has /readyz")
    from penstock.admin.client import NotRunningError, ask
    from penstock.admin.protocol import AskHealth, Felt

    try:
        answer = ask(folder, AskHealth())
    except (NotRunningError, OSError) as error:
        fail(line(str(error)))
    if not isinstance(answer, Felt):
        fail(line(f"not ready: {answer}"))
    wrong = "; ".join(map(str, answer.health.problems))
    said = line("ready" if answer.health.ready else f"not ready: {wrong}")
    if not (live or answer.health.ready):
        fail(said)
    click.echo(said)

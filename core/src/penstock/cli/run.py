"""``penstock run``: the main job."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from penstock.api.errors import ConfigError
from penstock.cli.options import LogOptions, config_exit, file_or_exit, log_options

if TYPE_CHECKING:
    from penstock.config.load import Loaded
    from penstock.config.plan import Plan
    from penstock.runtime import Companion


@click.command("run", short_help="Run the pipelines of a file.")
@click.argument("file", required=False)
@log_options
def command(file: str | None, log: LogOptions) -> None:
    """Run the pipelines of FILE until a signal comes; SIGHUP reads it again.

    Without FILE: $PENSTOCK_CONFIG, ./penstock.toml, /etc/penstock/penstock.toml.
    """
    from penstock.config.load import load

    path = file_or_exit(file)
    log.start()
    run_loaded(load(path), reload=lambda: _plan(load(path)), seen=True)


def run_loaded(loaded: Loaded, reload: Callable[[], Plan] | None, *, seen: bool = False) -> None:
    """Run what was loaded and exit with the code that came of it.

    ``seen``: with the control socket, and the admin server where it is asked for.
    """
    try:
        plan = _plan(loaded)
        from penstock.cli.descriptors import allow_many
        from penstock.runtime import run

        allow_many()
        code = run(plan, reload=reload, companions=_companions() if seen else ())
    except ConfigError as error:
        config_exit(loaded.scrub(str(error)))
    raise SystemExit(code)


def _companions() -> Sequence[Companion]:
    from penstock.admin.control import ControlSocket
    from penstock.admin.observers import Observers
    from penstock.admin.server import AdminServer

    def listening() -> str:
        return server.listening

    server = AdminServer()
    return (server, ControlSocket(listening), Observers(listening))


def _plan(loaded: Loaded) -> Plan:
    from penstock.config.load import runnable

    plan = runnable(loaded)
    for warning in loaded.warnings:
        logging.getLogger("penstock.config").warning(warning)
    return plan

"""``penstock quickstart``: what this machine has, on the console, without a file."""

from __future__ import annotations

import os
from typing import Any

import click

from penstock.cli.options import LogOptions, log_options

LAST_LINES = 10
_SETTINGS: dict[str, dict[str, Any]] = {
    "docker": {"start_at": "end", "start_lines": LAST_LINES},
    "journald": {"start_at": "end", "start_lines": LAST_LINES},
    "demo": {"containers": 3},
}
_WHAT = {
    "docker": f"the last {LAST_LINES} lines of every container, then live",
    "journald": f"the journal's last {LAST_LINES} entries, then live",
    "demo": "three demo containers",
}


@click.command("quickstart", short_help="Show this machine's logs, without a file.")
@log_options
def command(log: LogOptions) -> None:
    """Show the logs of this machine: Docker's, else the journal's, else demo containers'.

    Needs no file and writes no state.
    """
    from penstock.cli.machine import choose_source
    from penstock.cli.run import run_loaded
    from penstock.config.load import load_tables
    from penstock.plugins import Plugins

    plugins = Plugins()
    choice = choose_source(plugins, os.environ)
    log.start()
    click.echo(f"quickstart: {_WHAT[choice.type]}: {choice.reason}. Ctrl+C ends.", err=True)
    run_loaded(load_tables(_tables(choice.type), plugins), reload=None)


def _tables(source: str) -> dict[str, Any]:
    return {
        "penstock": {"state_dir": ""},
        "sources": {source: _SETTINGS[source]},
        "sinks": {"console": {}},
        "pipelines": {"quickstart": {"sources": [source], "sinks": ["console"]}},
    }

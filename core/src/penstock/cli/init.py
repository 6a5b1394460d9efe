"""``penstock init``: a commented configuration that fits this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.options import EXIT_FAILED

if TYPE_CHECKING:
    from penstock.plugins import Plugins

SOURCES = {
    "docker": """\
# Every container of the Docker engine: DOCKER_HOST, the current context, or the default socket.
[sources.docker]
# start_at = "beginning"                  # also what containers wrote before the first start
# include = { names = ["web-*"] }         # or images, labels, ids
# exclude = { labels = ["logs=off"] }
""",
    "journald": """\
# The local systemd journal; its user has to be in the group systemd-journal.
[sources.journald]
# start_at = "beginning"                  # also what was written before the first start
# units = ["ssh.service"]
# matches = { PRIORITY = ["0", "1", "2", "3"] }
""",
    "demo": """\
# Made-up containers. For real ones put [sources.docker] here and "docker" in the pipeline.
[sources.demo]
containers = 3
rate = 10                                 # events a second
""",
}
"""What a machine may have, and the file's part for it."""
SCHEMA = "penstock.schema.json"
"""The JSON Schema, beside the file."""
SCHEMA_LINE = f"#:schema ./{SCHEMA}"
"""What tells editors that know TOML schemas where it is; only the first line counts."""
_FILE = """\
{schema_line}
# By that schema editors complete and check this file; `penstock schema` prints it anew.
# `penstock check` says what is wrong with it, `penstock run` runs it, SIGHUP reads it again.
# In strings, ${{NAME}} is an environment variable, ${{NAME:-default}} has a default,
# and ${{file:PATH}} is a file's content; $${{ is a literal.

# [penstock]
# drain_timeout_s = 8                     # time to deliver the rest when stopping

{source}
[transforms.hostname]                     # fills in host.name where it is missing

# [transforms.tagging]
# add = {{ env = "prod", app = "{{service.name|container.name}}" }}

# [transforms.filter]
# drop = {{ message = ["*healthz*"] }}

[sinks.console]                           # pretty on a terminal, else JSON lines

# [sinks.central]
# type = "syslog"
# address = "tls://logs.example.com:6514" # or udp:// tcp:// unix:///dev/log

# Sources and sinks may be in several pipelines; transforms work in the order given.
[pipelines.main]
sources = ["{type}"]
transforms = ["hostname"]
sinks = ["console"]
"""


@click.command("init", short_help="Write a file that fits this machine.")
@click.argument("file", default="penstock.toml")
def command(file: str) -> None:
    """Write a commented FILE (./penstock.toml) that fits this machine; never overwrites.

    Beside it goes penstock.schema.json, by which editors complete and check it.
    """
    from penstock.cli.machine import choose_source
    from penstock.plugins import Plugins

    plugins = Plugins()
    choice = choose_source(plugins, os.environ)
    try:
        _write(file, file_text(choice.type))
    except FileExistsError:
        _fail(f"{file} exists already and is left as it is: name another, or remove it")
    except OSError as error:
        _fail(f"{file} cannot be written: {error.strerror}")
    click.echo(f"wrote {file} for {choice.type}: {choice.reason}.", err=True)
    _write_schema(Path(file).with_name(SCHEMA), plugins)
    click.echo(f"next: penstock check {file}; penstock run {file}", err=True)


def file_text(source: str) -> str:
    """Return the file for a machine that has this source."""
    return _FILE.format(schema_line=SCHEMA_LINE, source=SOURCES[source], type=source)


def _write_schema(path: Path, plugins: Plugins) -> None:
    """Write the schema; the configuration is right without it, so nothing of this is an error."""
    from penstock.cli.schema import schema_text
    from penstock.config.settings import discover

    try:
        _write(path, schema_text(discover(plugins)))
    except FileExistsError:
        click.echo(f"{path} exists already: renew it by `penstock schema > {path}`", err=True)
    except OSError as error:
        click.echo(f"{path} cannot be written: {error.strerror}", err=True)
    else:
        click.echo(f"wrote {path} for editors.", err=True)


def _write(path: str | Path, text: str) -> None:
    """Write a new file, all of it or none."""
    with open(path, "x", encoding="utf-8") as out:
        try:
            out.write(text)
            out.flush()
        except OSError:
            os.unlink(path)
            raise


def _fail(message: str) -> None:
    click.echo(message, err=True)
    raise SystemExit(EXIT_FAILED)

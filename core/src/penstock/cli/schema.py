"""``penstock schema``: the JSON Schema of the configuration."""

from __future__ import annotations

import click


@click.command("schema", short_help="Print the file's JSON Schema.")
def command() -> None:
    """Print the JSON Schema of the configuration, from the installed plugins.

    An editor completes and checks a file that begins with `#:schema ./penstock.schema.json`
    once `penstock schema > penstock.schema.json` has made that file.
    """
    import msgspec.json

    from penstock.config.schema import file_schema
    from penstock.config.settings import discover
    from penstock.plugins import Plugins

    found = discover(Plugins())
    for one in found:
        if one.error:
            click.echo(f"left out: {one.kind}-{one.type}: {one.error}", err=True)
    click.echo(msgspec.json.format(msgspec.json.encode(file_schema(found)), indent=2))

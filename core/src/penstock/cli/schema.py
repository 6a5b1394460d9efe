"""``penstock schema``: the JSON Schema of the configuration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from penstock.plugins import Installed


@click.command("schema", short_help="Print the file's JSON Schema.")
def command() -> None:
    """Print the JSON Schema of the configuration, from the installed plugins.

    An editor completes and checks a file that begins with `#:schema ./penstock.schema.json`,
    which `penstock init` writes and `penstock schema > penstock.schema.json` makes anew.
    """
    from penstock.config.settings import discover
    from penstock.plugins import Plugins

    found = discover(Plugins())
    for one in found:
        if one.error:
            click.echo(f"left out: {one.kind}-{one.type}: {one.error}", err=True)
    click.echo(schema_text(found), nl=False)


def schema_text(found: Iterable[Installed]) -> str:
    """Return the schema of a file that uses these plugins, as JSON for people too."""
    import msgspec.json

    from penstock.config.schema import file_schema

    encoded = msgspec.json.encode(file_schema(found))
    return f"{msgspec.json.format(encoded, indent=2).decode()}\n"

"""``penstock plugins``: what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penstock.config.settings import SettingInfo
    from penstock.plugins import Installed


@click.command("plugins", short_help="List what is installed, with its settings.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(as_json: bool) -> None:
    """List the installed plugins with their settings; broken ones with their reason."""
    from penstock.config.settings import discover
    from penstock.plugins import Plugins

    found = discover(Plugins())
    if as_json:
        _print_json(found)
        return
    for one in found:
        _print(one)
    if not found:
        click.echo("no plugins are installed: pip install penstock-all", err=True)


def _print(one: Installed) -> None:
    click.secho(f"{one.kind} {one.type}", bold=True, nl=False)
    click.echo(f"  {one.version or '?'}  ({one.distribution})")
    if one.error:
        click.secho(f"  broken: {one.error}", fg="red")
    elif one.component is not None:
        from penstock.config.settings import settings_of

        _print_settings(_about(one), settings_of(one.component.Config))
    click.echo()


def _print_settings(about: str, settings: list[SettingInfo]) -> None:
    from penstock.config.settings import toml_text

    if about:
        click.echo(f"  {about}")
    rows = [("setting", "type", "default", "description")] if settings else []
    for one in settings:
        default = "required" if one.required else toml_text(one.default)
        rows.append(
            (one.name, one.type.removeprefix("a ").removeprefix("an "), default, one.description)
        )
    widths = [min(max((len(row[i]) for row in rows), default=0), 36) for i in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo(f"    {'  '.join([*cells, row[3]]).rstrip()}")


def _about(one: Installed) -> str:
    return (one.component.__doc__ or "").strip().partition("\n")[0] if one.component else ""


def _print_json(found: list[Installed]) -> None:
    import msgspec.json

    encoded = msgspec.json.encode([_record(one) for one in found])
    click.echo(msgspec.json.format(encoded, indent=2))


def _record(one: Installed) -> dict[str, Any]:
    record: dict[str, Any] = {
        "kind": one.kind,
        "type": one.type,
        "version": one.version,
        "distribution": one.distribution,
    }
    if one.error:
        return {**record, "error": one.error}
    if one.component is None:
        return record
    from penstock.config.settings import settings_of

    settings = settings_of(one.component.Config)
    return {**record, "description": _about(one), "settings": settings}

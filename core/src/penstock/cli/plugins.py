"""``penstock plugins``: what is installed, what is wrong with it, and whether it was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.options import EXIT_FAILED

if TYPE_CHECKING:
    from penstock.plugins import Installed
    from penstock.plugins.record import Verified


WORDS = {"unexpected": "not installed by it", "elsewhere": "loaded from elsewhere"}
"""What is said of differences that no installation mends."""


@click.command("plugins", short_help="List what is installed, with its settings.")
@click.argument("wanted", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--verify", is_flag=True, help="Compare the files with those that were installed.")
def command(wanted: tuple[str, ...], as_json: bool, verify: bool) -> None:
    """List the installed plugins: version, API, stability, distribution, place and settings.

    A broken one comes with its reason and what mends it. WANTED are kinds, types or
    distributions to list alone: `penstock plugins sink syslog`.

    --verify loads nothing: it compares the files of core and of every plugin's distribution with
    its RECORD, and exits 1 if one was changed, is missing, or was added.
    """
    if verify:
        _verify(wanted, as_json)
        return
    from penstock.config.settings import discover
    from penstock.plugins import Plugins

    found = discover(Plugins(), lambda one: one.matches(wanted))
    _fail_without(found, wanted)
    if as_json:
        _print_json([_record(one) for one in found])
        return
    _print_core()
    for one in found:
        _print(one)
    if not found:
        click.echo("no plugins are installed: pip install penstock-all", err=True)


def _verify(wanted: tuple[str, ...], as_json: bool) -> None:
    from penstock.plugins import entry_points, listed
    from penstock.plugins.record import verify

    entries = [one for one in entry_points() if listed(one).matches(wanted)]
    _fail_without(entries, wanted)
    found = verify(entries)
    if as_json:
        _print_json([_verification(one) for one in found])
    else:
        for one in found:
            _print_verified(one)
    if any(one.differences for one in found):
        raise SystemExit(EXIT_FAILED)


def _fail_without(found: list[Any], wanted: tuple[str, ...]) -> None:
    if wanted and not found:
        click.echo(f"no installed plugin is {' '.join(wanted)}: see `penstock plugins`", err=True)
        raise SystemExit(EXIT_FAILED)


def _print_core() -> None:
    from penstock.api import API_VERSION
    from penstock.plugins import core_version

    click.echo(f"penstock {core_version()}, API {API_VERSION}\n")


def _print(one: Installed) -> None:
    click.secho(f"{one.kind} {one.type}", bold=True, nl=False)
    click.echo(f"  {'  '.join(_traits(one))}")
    if about := _about(one):
        click.echo(f"  {about}")
    where = f" at {one.location}" if one.location else ""
    click.echo(f"  {one.distribution}{', editable,' if one.editable else ''}{where}")
    if one.error:
        click.secho(f"  broken: {one.error}", fg="red")
    if one.warning:
        click.secho(f"  warning: {one.warning}", fg="yellow")
    if one.fix:
        click.echo(f"  mend it: {one.fix}")
    if one.component is not None:
        from penstock.cli.plugins_text import setting_lines
        from penstock.config.settings import settings_of

        for line in setting_lines(settings_of(one.component.Config)):
            click.echo(line)
    click.echo()


def _traits(one: Installed) -> list[str]:
    """Return version, stability and API; what does not load states nothing."""
    if one.error:
        return [one.version or "?"]
    return [one.version or "?", one.stability, f"API {one.api_range or 'not stated'}"]


def _about(one: Installed) -> str:
    return (one.component.__doc__ or "").strip().partition("\n")[0] if one.component else ""


def _print_verified(one: Verified) -> None:
    click.secho(f"{one.distribution} {one.version}", bold=True, nl=False)
    if one.differences:
        click.secho(f"  {len(one.differences)} of {one.files} files differ", fg="red")
    else:
        click.echo(f"  {one.reason}: not verifiable" if one.reason else f"  ok, {one.files} files")
    for difference in one.differences:
        click.echo(f"  {WORDS.get(difference.what, difference.what)}: {difference.path}")
    found = {difference.what for difference in one.differences}
    if found & {"changed", "missing"}:
        click.echo(f"  mend it: pip install --force-reinstall --no-deps {one.distribution}")
    if found & WORDS.keys():
        click.echo("  mend it: see where it comes from, and delete it if it is not yours")


def _verification(one: Verified) -> dict[str, Any]:
    return {
        "distribution": one.distribution,
        "version": one.version,
        "state": one.state,
        "reason": one.reason,
        "files": one.files,
        "differences": one.differences,
    }


def _record(one: Installed) -> dict[str, Any]:
    from penstock.api import API_VERSION

    record: dict[str, Any] = {
        "kind": one.kind,
        "type": one.type,
        "version": one.version,
        "distribution": one.distribution,
        "location": one.location,
        "editable": one.editable,
        "core_api": API_VERSION,
    }
    if one.error:
        return {**record, "error": one.error, "fix": one.fix}
    record |= {
        "requires_api": one.requires_api,
        "api_range": one.api_range,
        "stability": one.stability,
    }
    if one.warning:
        record |= {"warning": one.warning, "fix": one.fix}
    if one.component is None:
        return record
    from penstock.config.settings import settings_of

    settings = settings_of(one.component.Config)
    return {**record, "description": _about(one), "settings": settings}


def _print_json(records: list[dict[str, Any]]) -> None:
    import msgspec.json

    click.echo(msgspec.json.format(msgspec.json.encode(records), indent=2))

"""``penstock new``: a package for a plugin of one's own."""

from __future__ import annotations

import re
from pathlib import Path
from unicodedata import normalize

import click

from penstock.cli.options import EXIT_FAILED

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST = 32
_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+() -]*")


@click.command("new", short_help="Write a package for a plugin of your own.")
@click.argument("kind", type=click.Choice(["source", "transform", "sink"]))
@click.argument("name")
@click.option(
    "--folder",
    default=".",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the package's folder is made; default: here.",
)
@click.option(
    "--license",
    "licence",
    default="Apache-2.0",
    show_default=True,
    metavar="SPDX",
    help="The licence that pyproject.toml states; its text is yours to add.",
)
def command(kind: str, name: str, folder: Path, licence: str) -> None:
    """Write a package for a plugin: ./penstock-KIND-NAME, which works as it stands.

    It has the component, its tests with the conformance kit, pyproject.toml with the entry point,
    a README, a changelog and a file for CI. NAME is its type, as in `type = "NAME"`: small
    letters, digits, - and _. Nothing is ever overwritten.
    """
    from penstock.cli.new_package import Package

    _check_name(kind, name)
    if not _LICENSE.fullmatch(licence):
        raise click.BadParameter(f"{licence!r} is no SPDX expression, such as MIT")
    package = Package(kind, name, licence)
    target = folder / package.distribution
    if target.exists() or target.is_symlink():
        raise click.UsageError(f"{target} exists already and is left as it is: choose another NAME")
    try:
        package.write(target)
    except OSError as error:
        click.echo(f"{target} cannot be written: {error.strerror or error}", err=True)
        raise SystemExit(EXIT_FAILED) from None
    _say_next(kind, name, target)


def _check_name(kind: str, name: str) -> None:
    """Refuse a name that is no type or is taken; warn of one that may be."""
    from penstock.plugins import FIRST_PARTY, RESERVED, Plugins

    better = _better(kind, name)
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise click.BadParameter(
            f"{name!r}: a type begins with a small letter, goes on with small letters, digits and "
            f"single - or _, and has {_LONGEST} characters at most, such as {better}"
            f"{' (--folder says where it is made)' if '/' in name else ''}",
            param_hint="NAME",
        )
    if name.replace("_", "-").startswith(_prefix(kind)):
        raise click.BadParameter(
            f"{name}: NAME is the type alone, {better}: {_prefix(kind)} is put before it",
            param_hint="NAME",
        )
    if _is_one_of(name, FIRST_PARTY[kind]):
        raise click.BadParameter(
            f"{kind} {name} is one of Penstock's own (pip install penstock-{kind}-{name}): "
            "choose another",
            param_hint="NAME",
        )
    if _is_one_of(name, Plugins().types(kind)):
        raise click.BadParameter(
            f"a {kind} {name} is installed already (penstock plugins): choose another, as of two "
            "with one name neither is loaded",
            param_hint="NAME",
        )
    if _is_one_of(name, RESERVED[kind]):
        click.echo(
            f"note: {name} is kept for a {kind} of Penstock's own; fine for yourself, but publish "
            "under another name",
            err=True,
        )


def _prefix(kind: str) -> str:
    return f"penstock-{kind}-"


def _better(kind: str, name: str) -> str:
    """Return the nearest name that is a type."""
    plain = normalize("NFKD", Path(name).name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-").removeprefix(_prefix(kind))
    return words.lstrip("-0123456789")[:_LONGEST].rstrip("-") or f"my-{kind}"


def _is_one_of(name: str, names: tuple[str, ...] | list[str]) -> bool:
    """Say whether a name is taken: - and _ make the same distribution."""
    return name.replace("_", "-") in {one.replace("_", "-") for one in names}


def _say_next(kind: str, name: str, target: Path) -> None:
    click.echo(f"wrote {target}: a {kind} of type {name} that works and passes its tests.")
    click.echo("next:")
    for line in (
        f"cd {target}",
        "python3 -m venv .venv",
        ".venv/bin/python -m pip install --upgrade pip",
        ".venv/bin/pip install --editable . --group dev",
        ".venv/bin/pytest",
        ".venv/bin/penstock plugins",
    ):
        click.echo(f"  {line}")

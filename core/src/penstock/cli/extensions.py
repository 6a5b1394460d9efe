"""Commands of extensions: those of the file that ``penstock run`` would take."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

import click

from penstock.api.errors import ConfigError, PluginError


def commands(ours: Container[str]) -> Mapping[str, click.Command]:
    """Return the commands of all extensions by name; what is wrong with one is said on stderr.

    ``ours`` cannot be replaced, nor can what another extension has.
    """
    found: dict[str, click.Command] = {}
    for extension, command in _offered(_named()):
        name = command.name or ""
        if name in ours or name in found:
            _say(extension, f"its command {name!r} is left out: there is one of that name")
        else:
            found[name] = command
    return found


def _named() -> list[str]:
    """Return which extensions the file names; `penstock check` says what is wrong with a file."""
    from penstock.config.paths import config_file

    path = config_file(None, os.environ)
    try:
        with open(path or os.devnull, "rb") as file:
            named = tomllib.load(file).get("penstock", {}).get("extensions", [])
    except (OSError, ValueError, AttributeError):
        return []
    return [one for one in named if isinstance(one, str)] if isinstance(named, list) else []


def _offered(names: Iterable[str]) -> Iterator[tuple[str, click.Command]]:
    if not (wanted := list(names)):
        return
    from penstock.plugins import Plugins

    plugins = Plugins()
    for name in wanted:
        try:
            given = plugins.call(name, "penstock_commands") or []
            yield from ((name, one) for one in _checked(given))
        except (ConfigError, PluginError) as error:
            _say(name, str(error))
        except Exception as error:
            _say(name, f"penstock_commands failed: {type(error).__name__}: {error}")


def _checked(given: Any) -> list[click.Command]:
    if isinstance(given, list) and all(
        isinstance(one, click.Command) and one.name for one in given
    ):
        return given
    raise PluginError(f"penstock_commands returned {given!r:.80}, not a list of click commands")


def _say(extension: str, what: str) -> None:
    click.secho(f"extension {extension}: {what}", err=True, fg="yellow")

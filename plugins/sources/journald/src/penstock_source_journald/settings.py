"""The settings, and what they ask of a journal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from penstock.api import EMPTY, ConfigError, Patterns, Source
from penstock_source_journald.own import boot_id

Strings = str | tuple[str, ...]

_FIELD = re.compile(r"[A-Z0-9_]{1,64}")
_UNIT_TYPES = (
    *(".service", ".socket", ".target", ".timer", ".mount", ".automount", ".swap", ".path"),
    *(".slice", ".scope", ".device"),
)


class Settings(Source.Config, frozen=True, kw_only=True):
    """Which journal, which of its entries, and from where on."""

    units: Annotated[
        Strings, Meta(description="Only these units; globs where journalctl reads. Empty: all.")
    ] = ()
    matches: Annotated[
        Mapping[str, Strings],
        Meta(
            description="Only entries that have one of these values in every field, such as "
            '{ PRIORITY = ["0", "1", "2", "3"] }.'
        ),
    ] = EMPTY
    start_at: Annotated[
        Literal["end", "beginning"],
        Meta(description="Where a journal without a checkpoint begins."),
    ] = "end"
    start_lines: Annotated[
        int,
        Meta(ge=0, description='How many of the last entries come first, with start_at = "end".'),
    ] = 0
    boot: Annotated[
        Literal["all", "current"], Meta(description="Entries of every boot, or of this one only.")
    ] = "all"
    directory: Annotated[
        str,
        Meta(
            description="A folder of journal files, of any machines, in place of the local journal."
        ),
    ] = ""
    files: Annotated[
        Strings, Meta(description="Journal files, or globs, in place of the local journal.")
    ] = ()
    url: Annotated[
        str, Meta(description="A systemd-journal-gatewayd: http://host:19531, or https.")
    ] = ""
    field_attributes: Annotated[
        Patterns, Meta(description="Fields that become attributes; those of journald begin with _.")
    ] = Patterns("[!_]*")
    max_line_bytes: Annotated[
        int, Meta(ge=64, description="Longer messages are cut, with a mark that says by how much.")
    ] = 1_048_576
    container_uids: Annotated[
        tuple[int, ...],
        Meta(description="Users that run container engines: their CONTAINER_ fields are believed."),
    ] = (0,)


def check(settings: Settings) -> None:
    """Raise a ``ConfigError`` for what no journal could mend."""
    given = [name for name in ("directory", "files", "url") if getattr(settings, name)]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)}: only one of them can be read by one source")
    if settings.url:
        _check_url(settings.url)
    for name in settings.matches:
        if not _FIELD.fullmatch(name):
            raise ConfigError(
                f"matches: {name!r} is no field of the journal: they have capital letters, digits "
                "and _, such as PRIORITY or _SYSTEMD_UNIT"
            )
    values = [value for _, value in matches(settings)]
    for text in (*values, *strings(settings.units), *strings(settings.files), settings.directory):
        if "\0" in text:
            raise ConfigError(f"{text!r} holds a zero byte, which no argument can")


def strings(value: Strings) -> tuple[str, ...]:
    """Return a list of strings, of one where one is given."""
    return (value,) if isinstance(value, str) else value


def matches(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the fields and values that are asked for; the same field twice means either."""
    for name, values in settings.matches.items():
        for value in strings(values):
            yield name, value


def where(settings: Settings) -> list[str]:
    """Return journalctl's options for what to read."""
    if settings.directory:
        return [f"--directory={settings.directory}"]
    return [f"--file={file}" for file in strings(settings.files)]


def arguments(settings: Settings) -> list[str]:
    """Return journalctl's options and arguments for which entries to read."""
    found = [f"--unit={unit}" for unit in strings(settings.units)]
    found += [f"{name}={value}" for name, value in matches(settings)]
    if settings.boot == "current" and (boot := boot_id()):
        found.append(f"_BOOT_ID={boot}")
    return found


def parameters(settings: Settings) -> list[tuple[str, str]]:
    """Return a gateway's parameters for which entries to read."""
    units = (
        unit if unit.endswith(_UNIT_TYPES) else f"{unit}.service"
        for unit in strings(settings.units)
    )
    found = [("_SYSTEMD_UNIT", unit) for unit in units]
    found += matches(settings)
    if settings.boot == "current":
        found.append(("boot", ""))
    return found


def unknown_units(settings: Settings, known: Mapping[str, None]) -> list[str]:
    """Return the units that a journal has nothing of; globs are not looked for."""
    units = [unit for unit in strings(settings.units) if not any(char in unit for char in "*?[")]
    return [unit for unit in units if unit not in known and f"{unit}.service" not in known]


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"url: {url!r} is no gateway's address; use http://host:19531")

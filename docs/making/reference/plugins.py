"""One page for each plugin of ours, and the list of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from docs.making.reference.markdown import code, first, heading, prose, settings_table, table
from docs.making.reference.markdown import written as toml
from msgspec import Struct
from msgspec.structs import fields

from penstock.api import BatchSettings, BufferSettings, Component, Sink, Source, Transform
from penstock.config.settings import settings_of
from penstock.plugins import FIRST_PARTY, Installed, Plugins

_FILE = "file.md"
_BY_SETTINGS = "as its settings have it"


def pages() -> dict[str, str]:
    """Make the pages of all first-party plugins."""
    ours = list(_ours())
    made = {f"plugins/{one.kind}-{one.type}.md": _page(one) for one in ours}
    return {**made, "plugins.md": _list(ours)}


def _ours() -> Iterator[Installed]:
    for one in Plugins().discover():
        if one.type in FIRST_PARTY.get(one.kind, ()) and one.component is not None:
            yield one


def _list(ours: list[Installed]) -> str:
    rows = [
        (
            one.kind,
            f"[{code(one.type)}](plugins/{one.kind}-{one.type}.md)",
            code(one.distribution),
            getattr(one.component, "stability", ""),
            first(one.component.__doc__ if one.component else ""),
        )
        for one in ours
    ]
    return (
        f"{heading('Plugins')}\n"
        "`penstock plugins` shows the same of what is installed, strangers' plugins included.\n\n"
        + table(("kind", "type", "distribution", "stability", "what it does"), rows)
    )


def _page(one: Installed) -> str:
    assert one.component is not None
    component = one.component
    readme = f"../../../plugins/{one.kind}s/{one.type}/README.md"
    settings = settings_of(component.Config)
    parts = [
        heading(f"The {one.kind} {code(one.type)}"),
        f"{prose(component.__doc__)}\n",
        f"[What it is for, what it promises, and examples]({readme}).\n",
        table(("", ""), _facts(one, component)),
        "## Settings\n",
        settings_table(settings) if settings else "It has none of its own.\n",
        *_common(component),
    ]
    return "\n".join(parts)


def _facts(one: Installed, component: type[Component]) -> Iterator[tuple[str, str]]:
    yield "distribution", code(one.distribution)
    for name, what in (("requires_api", "API"), ("stability", "stability")):
        if value := getattr(component, name, ""):
            yield what, value
    yield "TLS", f"[`tls`]({'../' + _FILE}#tls)" if component.uses_tls else "no"
    if issubclass(component, Source):
        yield from _of_source(component)
    elif issubclass(component, Transform):
        yield "holds events between batches", "yes" if component.stateful else "no"
    elif issubclass(component, Sink):
        yield from _of_sink(component)


def _of_source(component: type[Source]) -> Iterator[tuple[str, str]]:
    yield "kinds of events", _kinds(component, "kinds")
    again = "yes: it goes on where it was" if component.replayable else "no: it has a buffer"
    yield "can be read again", again


def _of_sink(component: type[Sink]) -> Iterator[tuple[str, str]]:
    yield "kinds of events", _kinds(component, "accepts")
    order = getattr(component, "order", None)
    if isinstance(order, str):
        yield "keeps in order", _unless_set(component, "order") or code(order)
    timeout = getattr(component, "write_timeout_s", None)
    if timeout is None or isinstance(timeout, int | float):
        text = "for ever" if timeout is None else f"{timeout:g} s"
        yield "a write may take", _unless_set(component, "write_timeout_s") or text


def _kinds(component: type[Component], name: str) -> str:
    kinds = getattr(component, name)
    if not isinstance(kinds, frozenset):
        return _BY_SETTINGS
    return _unless_set(component, name) or ", ".join(sorted(code(kind.__name__) for kind in kinds))


def _unless_set(component: type[Component], name: str) -> str:
    """Say that instances differ from the class, if they do."""
    parts = [part for part in component.__mro__ if issubclass(part, Component)]
    sets = re.compile(rf"\bself\.{name}(: [^=]+)? \|?= ")
    found = any(sets.search(inspect.getsource(part)) for part in parts)
    return _BY_SETTINGS if found else ""


def _common(component: type[Component]) -> Iterator[str]:
    """Say which of core's keys it has, and where their defaults are its own."""
    tables: dict[str, Struct] = {}
    if issubclass(component, Source) and not component.replayable:
        tables = {"buffer": component.default_buffer}
    if issubclass(component, Sink):
        tables = {"batch": component.default_batch, "buffer": component.default_buffer}
        yield (
            "\n## Common keys\n\n`batch`, `buffer`, `retry` and `dead_letter`: "
            f"see [the file](../{_FILE}#keys-of-every-sink)."
        )
    elif tables:
        yield f"\n## Common keys\n\n`buffer`: see [the file](../{_FILE}#buffer)."
    usual = {"batch": BatchSettings(), "buffer": BufferSettings()}
    rows = [
        (code(f"{key}.{field.encode_name}"), code(toml(getattr(own, field.name))))
        for key, own in tables.items()
        for field in fields(own)
        if getattr(own, field.name) != getattr(usual[key], field.name)
    ]
    if rows:
        yield "Other defaults here:\n"
        yield table(("key", "default"), rows)

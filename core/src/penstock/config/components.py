"""Reads the component tables: finds the plugin, types the settings, tries the constructor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec.structs
from msgspec import Struct

from penstock.api.component import Component, Sink, Source, Transform
from penstock.api.errors import ConfigError, PluginError
from penstock.api.settings import DeadLetterSettings, RetrySettings, TlsSettings
from penstock.config.plan import SinkPlan, SourcePlan, TransformPlan
from penstock.config.problems import Problems
from penstock.config.scrub import Scrubber
from penstock.config.settings import default_value, description
from penstock.config.substitute import Filled
from penstock.config.typed import NO_VALUE, Reader, at_key
from penstock.config.words import Path, listed, nearest, quoted, suggestion
from penstock.plugins import (
    COMMON_KEYS,
    FIRST_PARTY,
    KINDS,
    RESERVED,
    Plugins,
    UnknownTypeError,
    check_instance,
    explain,
    failure,
    install_line,
)

S = TypeVar("S", bound=Struct)

TABLES = {"sources": "source", "transforms": "transform", "sinks": "sink"}
"""The top-level tables of components, and the kind in each."""


class Components:
    """Reads one component's table after the other into a part of the plan."""

    def __init__(
        self, plugins: Plugins, reader: Reader, problems: Problems, scrubber: Scrubber
    ) -> None:
        self._plugins = plugins
        self._reader = reader
        self._problems = problems
        self._scrubber = scrubber
        self.made: Component | None = None
        """What the constructor made of the table that was read last."""

    def read(
        self, group: str, name: str, table: Any
    ) -> SourcePlan | TransformPlan | SinkPlan | None:
        """Return the component's plan; None if it is wrong, broken or not wholly known."""
        path: Path = (group, name)
        if not isinstance(table, dict):
            self._problems.error(path, f"expected a table: [{group}.{name}]")
            return None
        component = self._component(TABLES[group], table.get("type", name), path, table)
        if component is None:
            return None
        try:
            return self._plan(component, table, path)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = explain(error, component.__module__)
            reason = self._scrubber.foreign(reason, _public(component))
            self._problems.isolate(path, failure(component, reason))
            return None

    def _component(
        self, kind: str, type_: Any, path: Path, table: Mapping[str, Any]
    ) -> type[Component] | None:
        if isinstance(type_, Filled):
            type_ = type_.text
        if type_ is None:
            return None
        where = (*path, "type") if "type" in table else path
        if not isinstance(type_, str):
            self._problems.error(where, "expected a string: the name of a plugin's type")
            return None
        try:
            component = self._plugins.component(kind, type_)
        except UnknownTypeError:
            self._problems.error(where, unknown_type(self._plugins, kind, type_, table))
        except PluginError as error:
            self._problems.isolate(where, f"the plugin {kind}-{type_} is broken: {error}")
        else:
            if warning := self._plugins.warning(kind, type_):
                self._problems.warn(where, warning)
            return component
        return None

    def _plan(
        self, component: type[Component], table: Mapping[str, Any], path: Path
    ) -> SourcePlan | TransformPlan | SinkPlan | None:
        own = {key: value for key, value in table.items() if key not in COMMON_KEYS}
        config = self._reader.struct(component.Config, own, path)
        common = self._common(component, table, path)
        if config is NO_VALUE or common is None:
            return None
        if not self._constructs(component, config, path):
            return None
        name = str(path[-1])
        if issubclass(component, Source):
            return SourcePlan(table=name, component=component, config=config, **common)
        if issubclass(component, Transform):
            return TransformPlan(table=name, component=component, config=config)
        assert issubclass(component, Sink)  # noqa: S101
        return SinkPlan(table=name, component=component, config=config, **common)

    def _common(
        self, component: type[Component], table: Mapping[str, Any], path: Path
    ) -> dict[str, Any] | None:
        """Read the keys that core carries out, None if one of them is wrong."""
        kinds: dict[str, tuple[type[Struct], Struct | None]] = {}
        if component.uses_tls:
            kinds["tls"] = (TlsSettings, None)
        if issubclass(component, Source) and not component.replayable:
            kinds["buffer"] = (type(component.default_buffer), component.default_buffer)
        if issubclass(component, Sink):
            kinds["batch"] = (type(component.default_batch), component.default_batch)
            kinds["buffer"] = (type(component.default_buffer), component.default_buffer)
            kinds["retry"] = (RetrySettings, None)
            kinds["dead_letter"] = (DeadLetterSettings, None)
        misplaced = [key for key in COMMON_KEYS[1:] if key in table and key not in kinds]
        for key in misplaced:
            self._problems.error((*path, key), _misplaced(key, component))
        read = {
            key: self._reader.struct(kind, table[key], (*path, key), default)
            if key in table
            else default or kind()
            for key, (kind, default) in kinds.items()
        }
        return None if misplaced or NO_VALUE in read.values() else read

    def _constructs(self, component: type[Component], config: Component.Config, path: Path) -> bool:
        """Call the constructor, which does no I/O, for the mistakes that only it can see."""
        try:
            self.made = component(config)
            check_instance(self.made)
        except ConfigError as error:
            message = self._scrubber.foreign(str(error), _public(component))
            self._problems.error(*at_key(message, component.Config, path))
            return False
        return True


def unknown_type(
    plugins: Plugins, kind: str, type_: str, table: Mapping[str, Any] | None = None
) -> str:
    """Say that no plugin brings a type, and what to do about it."""
    installed = plugins.types(kind)
    known = dict.fromkeys((*installed, *FIRST_PARTY.get(kind, ())))
    if type_ in known:
        bring = install_line(kind, type_)
        return f"the plugin for {kind} type {quoted(type_)} is not installed: {bring}"
    unset = table is not None and "type" not in table
    what = f"unknown {kind} type {quoted(type_)}"
    what += ' (the table\'s name, as it has no "type")' if unset else ""
    if type_ in RESERVED.get(kind, ()):
        return _reserved(plugins, kind, type_, what)
    if near := nearest(type_, known):
        bring = "" if near in installed else f" ({install_line(kind, near)})"
        return f"{what}; did you mean {quoted(near)}?{bring}"
    other = next((other for other in KINDS if type_ in plugins.types(other)), None)
    if other:
        return f"{what}; there is a {other} of that type"
    choices = suggestion(type_, installed, "installed types")
    return f"{what}; if it is a plugin's: {install_line(kind, type_)}; {choices}"


def _reserved(plugins: Plugins, kind: str, type_: str, what: str) -> str:
    """Say of a type that is still to come what there is today: no package of that name is ours."""
    installed = f"installed types: {listed(plugins.types(kind))}"
    return f"{what}: kept for a later Penstock, which does not have it yet; {installed}"


def _misplaced(key: str, component: type[Component]) -> str:
    if key == "tls":
        return f'the type "{component.name}" makes no TLS connections and takes no "tls"'
    if key == "buffer" and issubclass(component, Source):
        return (
            f'the type "{component.name}" can be read again and takes no "buffer"; '
            "its sinks have one each"
        )
    return f'only sinks take "{key}"'


def _public(component: type[Component]) -> list[str]:
    """List the texts of a plugin that anybody may read."""
    fields = msgspec.structs.fields(component.Config)
    about = [f"{f.encode_name} {default_value(f)} {description(f)}" for f in fields]
    return [component.name, component.__module__, component.__doc__ or "", *about]

"""What every plugin owes, whatever its kind: its name, its settings, and how it is made."""

from __future__ import annotations

import asyncio
import re
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import pytest
from msgspec import inspect

from penstock.api.component import Component, Sink, Source, Transform
from penstock.config.schema import file_schema
from penstock.plugins import Installed
from penstock.testing.obligation import require
from penstock.testing.watch import Watch

KINDS: Mapping[str, type[Component]] = {"source": Source, "transform": Transform, "sink": Sink}
ABOUT = frozenset({"description", "default"})
"""What a schema may say without naming a type."""

asynchronous = pytest.mark.asyncio
"""Has a test run in an event loop, whatever mode pytest-asyncio is in."""


Test = Callable[..., object]
"""The test whose obligation is at stake."""


class ComponentContract:
    """The part of each contract that is the same for sources, transforms and sinks.

    Cannot check: that a setting means what its description says.
    """

    patience_s: float = 5.0
    """How long something that has to happen may take before it counts as not happening."""

    @abstractmethod
    def make_component(self) -> Component:
        """Make a new instance; each kind's contract has a method of its own for this."""

    def test_name(self) -> None:
        """A component has a ``name``: the type that a configuration writes."""
        name = getattr(type(self.make_component()), "name", None)
        require(
            isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name),
            self.test_name,
            seen=f"name = {name!r}",
            do='set `name = "…"` on the class, in lower case, equal to the entry point behind '
            "its kind",
        )

    def test_construction_does_no_io(self) -> None:
        """Construction does no I/O: it only looks at the settings."""
        watch = Watch()
        watch.call(self.make_component)
        require(
            not watch.io,
            self.test_construction_does_no_io,
            seen="; ".join(watch.io[:3]),
            do="move it to `open`, which core calls when everything else is known to be right",
        )

    def test_unknown_settings_are_refused(self) -> None:
        """Unknown settings are refused, so that a misspelt key is not silently ignored."""
        config = self._config_class()
        known = {field.encode_name: None for field in msgspec.structs.fields(config)}
        refused = config.__struct_config__.forbid_unknown_fields
        require(
            refused and "no_such_setting" not in known,
            self.test_unknown_settings_are_refused,
            seen=f"{config.__qualname__} takes any key",
            do="derive it from the component's own base, such as `class Config(Sink.Config, "
            "frozen=True, kw_only=True)`, and leave `forbid_unknown_fields` alone",
        )

    def test_settings_are_frozen(self) -> None:
        """Settings do not change while the component lives."""
        config = self._config_class()
        require(
            config.__struct_config__.frozen,
            self.test_settings_are_frozen,
            seen=f"{config.__qualname__} is not frozen",
            do="write `class Config(…, frozen=True, kw_only=True)`",
        )

    def test_settings_are_described(self) -> None:
        """Every setting has a description: references and editors are made from it."""
        config = self._config_class()
        silent = [name for name, text in _descriptions(config).items() if not text.strip()]
        require(
            not silent,
            self.test_settings_are_described,
            seen=f"{config.__qualname__} says nothing of: {', '.join(silent)}",
            do='write `Annotated[type, msgspec.Meta(description="…")]`',
        )

    def test_settings_have_a_schema(self) -> None:
        """Editors and ``penstock check`` know the type of every setting."""
        component = type(self.make_component())
        kind = next(word for word, base in KINDS.items() if issubclass(component, base))
        installed = Installed(
            kind=kind, type=component.name, version="", distribution="", component=component
        )
        schema = file_schema([installed])["$defs"][f"{kind}-{component.name}"]
        settings = _descriptions(component.Config)
        untyped = [name for name in settings if not schema["properties"][name].keys() - ABOUT]
        error = _encoding_error(schema)
        require(
            not untyped and error is None,
            self.test_settings_have_a_schema,
            seen=f"no type is known of: {', '.join(untyped)}" if untyped else f"{error}",
            do="use plain types, literals, lists and tables of them, or a subclass of `Setting` "
            "that reads itself from its TOML value",
        )

    def test_no_setting_is_reserved(self) -> None:
        """A component's own settings do not redefine the keys that core reads itself."""
        reserved = {"type", "batch", "buffer", "retry", "dead_letter", "tls"}
        taken = reserved & _descriptions(self._config_class()).keys()
        require(
            not taken,
            self.test_no_setting_is_reserved,
            seen=f"it has settings named {', '.join(sorted(taken))}",
            do="rename them; `tls` comes as `self.context.tls` if the class sets `uses_tls`",
        )

    def _config_class(self) -> type[Component.Config]:
        return type(self.make_component()).Config


def _encoding_error(schema: object) -> Exception | None:
    try:
        msgspec.json.encode(schema)
    except (TypeError, ValueError) as error:
        return error
    return None


def _descriptions(config: type[Component.Config]) -> dict[str, str]:
    info = inspect.type_info(config)
    fields = info.fields if isinstance(info, inspect.StructType) else ()
    return {field.encode_name: _description(field.type) for field in fields}


def _description(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra_json_schema or {}).get("description", "")) or _description(kind.type)
    return ""


async def error_of(call: Awaitable[object]) -> Exception | None:
    """Return what a call raised, None if it did not."""
    try:
        await call
    except (Exception, asyncio.CancelledError) as error:
        return error if isinstance(error, Exception) else None
    return None

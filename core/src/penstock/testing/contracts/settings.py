"""What is asked of a component's settings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from msgspec import inspect

from penstock.api.component import Component
from penstock.api.setting import Secret
from penstock.config.schema import file_schema
from penstock.plugins import COMMON_KEYS, KINDS, Installed
from penstock.testing.contracts.base import ContractBase
from penstock.testing.obligation import require

ABOUT = frozenset({"description", "default"})
"""What a schema may say without naming a type."""
SECRETIVE = re.compile(
    r"(.*_)?(password|passwd|passphrase|token|secret|credentials?|(api|private|access|shared)_?key)",
    re.IGNORECASE,
)
"""Names of settings that hold what nobody may read."""


class SettingsContract(ContractBase):
    """Settings that ``penstock check``, editors and the reference can work with.

    Cannot check: that a setting means what its description says.
    """

    def test_unknown_settings_are_refused(self) -> None:
        """Unknown settings are refused, so that a misspelt key is not silently ignored."""
        config = self._config_class()
        lax = [
            f"{where or config.__qualname__}"
            for where, table in _tables(config)
            if not table.__struct_config__.forbid_unknown_fields
        ]
        require(
            not lax,
            self.test_unknown_settings_are_refused,
            seen=f"{', '.join(lax)} takes any key",
            do="derive it from the component's own base, such as `class Config(Sink.Config, "
            "frozen=True, kw_only=True)`, and leave `forbid_unknown_fields` alone; a table in "
            "it needs `forbid_unknown_fields=True` of its own",
        )

    def test_settings_are_frozen(self) -> None:
        """Settings do not change while the component lives."""
        config = self._config_class()
        thawed = [
            f"{where or config.__qualname__}"
            for where, table in _tables(config)
            if not table.__struct_config__.frozen
        ]
        require(
            not thawed,
            self.test_settings_are_frozen,
            seen=f"{', '.join(thawed)} is not frozen",
            do="write `class Config(…, frozen=True, kw_only=True)`",
        )

    def test_settings_are_described(self) -> None:
        """Every setting has a description: references and editors are made from it."""
        config = self._config_class()
        silent = [
            f"{where}.{name}" if where else name
            for where, table in _tables(config)
            for name, text in _descriptions(table).items()
            if not text.strip()
        ]
        require(
            not silent,
            self.test_settings_are_described,
            seen=f"{config.__qualname__} says nothing of: {', '.join(silent)}",
            do='write `Annotated[type, msgspec.Meta(description="…")]`',
        )

    def test_settings_have_a_schema(self) -> None:
        """Editors and ``penstock check`` know the type of every setting."""
        problem = _schema_problem(type(self.make_component()))
        require(
            not problem,
            self.test_settings_have_a_schema,
            seen=problem,
            do="use plain types, literals, lists and tables of them, or a subclass of `Setting` "
            "that reads itself from its TOML value",
        )

    def test_no_setting_is_reserved(self) -> None:
        """A component's own settings do not redefine the keys that core reads itself."""
        taken = {*COMMON_KEYS} & _descriptions(self._config_class()).keys()
        require(
            not taken,
            self.test_no_setting_is_reserved,
            seen=f"it has settings named {', '.join(sorted(taken))}",
            do="rename them; `tls` comes as `self.context.tls` if the class sets `uses_tls`",
        )

    def test_secrets_are_secret(self) -> None:
        """A setting that holds a password, token or key is a ``Secret``, which never prints."""
        config = self._config_class()
        open_ones = [
            f"{where}.{name}" if where else name
            for where, table in _tables(config)
            for name, kind in _types(table).items()
            if SECRETIVE.fullmatch(name) and _is_text(kind) and not holds_secret(kind)
        ]
        require(
            not open_ones,
            self.test_secrets_are_secret,
            seen=f"{', '.join(open_ones)} is plain text",
            do="declare it as `penstock.api.Secret`, and call `reveal` where it is sent",
        )


def kind_of(component: type[Component]) -> str:
    """Return ``source``, ``transform`` or ``sink``."""
    return next(word for word, base in KINDS.items() if issubclass(component, base))


def holds_secret(kind: inspect.Type) -> bool:
    """Say whether a setting's type has a ``Secret`` in it."""
    if isinstance(kind, inspect.CustomType):
        return isinstance(kind.cls, type) and issubclass(kind.cls, Secret)
    return any(holds_secret(part) for part in _parts(kind))


def secret_settings(config: type[Component.Config]) -> list[str]:
    """Return the names of settings, also of tables within, that hold a ``Secret``."""
    return [
        f"{where}.{name}" if where else name
        for where, table in _tables(config)
        for name, kind in _types(table).items()
        if holds_secret(kind)
    ]


def _is_text(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.StrType) or any(_is_text(part) for part in _parts(kind))


def _parts(kind: inspect.Type) -> Iterator[inspect.Type]:
    """Yield the types within one, but not those of the keys of a table."""
    if isinstance(kind, inspect.Metadata):
        yield kind.type
    elif isinstance(kind, inspect.UnionType):
        yield from kind.types
    elif isinstance(kind, inspect.DictType):
        yield kind.value_type
    elif isinstance(item := getattr(kind, "item_type", None), inspect.Type):
        yield item


def _tables(config: type[Component.Config]) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """Yield the settings and every table within them, by path, each class once."""
    seen: set[type] = set()
    waiting: list[tuple[str, type[msgspec.Struct]]] = [("", config)]
    while waiting:
        where, table = waiting.pop(0)
        if table in seen:
            continue
        seen.add(table)
        yield where, table
        for name, kind in _types(table).items():
            waiting += [(f"{where}.{name}" if where else name, one) for one in _structs(kind)]


def _structs(kind: inspect.Type) -> Iterator[type[msgspec.Struct]]:
    if isinstance(kind, inspect.StructType):
        yield kind.cls
    for part in _parts(kind):
        yield from _structs(part)


def _types(table: type[msgspec.Struct]) -> dict[str, inspect.Type]:
    info = inspect.type_info(table)
    fields = info.fields if isinstance(info, inspect.StructType) else ()
    return {field.encode_name: field.type for field in fields}


def _schema_problem(component: type[Component]) -> str:
    """Say what keeps the settings from having a schema, empty if they have one."""
    kind, name = kind_of(component), component.name
    installed = Installed(kind=kind, type=name, version="", distribution="", component=component)
    try:
        schema = file_schema([installed])["$defs"][f"{kind}-{name}"]
        msgspec.json.encode(schema)
    except (TypeError, ValueError, NotImplementedError) as error:
        return f"{type(error).__name__}: {error}"
    settings = _descriptions(component.Config)
    untyped = [key for key in settings if not schema["properties"][key].keys() - ABOUT]
    return f"no type is known of: {', '.join(untyped)}" if untyped else ""


def _descriptions(config: type[msgspec.Struct]) -> dict[str, str]:
    return {name: _description(kind) for name, kind in _types(config).items()}


def _description(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra_json_schema or {}).get("description", "")) or _description(kind.type)
    return ""

"""What a Config says of its settings: names, types, defaults and descriptions, as TOML has them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo

from penstock.api.pattern import Patterns
from penstock.api.setting import Secret, Setting
from penstock.plugins import Installed, Plugins


class SettingInfo(Struct, frozen=True, omit_defaults=True):
    """One setting. ``default`` is its TOML value, None if it is required or simply unset."""

    name: str
    type: str
    required: bool = False
    default: Any = None
    description: str = ""


def settings_of(config: type[Struct]) -> list[SettingInfo]:
    """List the settings of a Config in their order."""
    from penstock.config.describe import describe

    return [
        SettingInfo(
            field.encode_name,
            describe(field.type),
            required(field),
            default_value(field),
            description(field),
        )
        for field in msgspec.structs.fields(config)
    ]


def discover(
    plugins: Plugins, wanted: Callable[[Installed], bool] | None = None
) -> list[Installed]:
    """Discover the plugins; one whose settings cannot be described is broken too."""
    found = []
    for one in plugins.discover(wanted):
        try:
            if one.component is not None:
                settings_of(one.component.Config)
            found.append(one)
        except Exception as error:
            reason = f"its settings cannot be described: {type(error).__name__}: {error}"
            fix = f"pip install --upgrade {one.distribution}, or tell its authors"
            found.append(msgspec.structs.replace(one, component=None, error=reason, fix=fix))
    return found


def required(field: FieldInfo) -> bool:
    """Say whether a setting has no default."""
    return field.default is NODEFAULT and field.default_factory is NODEFAULT


def default_value(field: FieldInfo) -> Any:
    """Return a setting's default as a TOML value, None if it has none."""
    if required(field):
        return None
    made = field.default_factory() if field.default is NODEFAULT else field.default
    return msgspec.to_builtins(made, enc_hook=_builtin, str_keys=True)


def description(field: FieldInfo) -> str:
    """Return what a setting's annotation says of it, empty if it says nothing."""
    for meta in getattr(field.type, "__metadata__", ()):
        if isinstance(meta, msgspec.Meta) and meta.description:
            return meta.description
    return ""


def toml_text(value: Any) -> str:
    """Write a default as TOML would have it."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml_text, value))}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{key} = {toml_text(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return "unset" if value is None else json.dumps(value, ensure_ascii=False)


def _builtin(value: Any) -> Any:
    if isinstance(value, Secret):
        return str(value) if value else ""
    if isinstance(value, Patterns):
        return [pattern.text for pattern in value.patterns]
    if isinstance(value, Setting):
        text = getattr(value, "text", None)
        return text if isinstance(text, str) else None
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(type(value))

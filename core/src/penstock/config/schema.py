"""The JSON Schema (draft 2020-12) of the whole file, made from the installed plugins.

msgspec's own generator cannot write defaults that are settings such as templates, and knows
nothing of ``${…}``, which stands for a value of any type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec.inspect as types
from msgspec import Struct
from msgspec.structs import fields

from penstock.api.component import Component, Sink, Source
from penstock.api.setting import Setting
from penstock.api.settings import DeadLetterSettings, RetrySettings, TlsSettings
from penstock.config.components import TABLES
from penstock.config.pipelines import NAME, PipelineSettings
from penstock.config.plan import AdminSettings, PenstockSettings
from penstock.config.settings import default_value, description, required
from penstock.plugins import Installed

Schema = dict[str, Any]

_PLACEHOLDER: Schema = {"type": "string", "pattern": r"^\$\{[\s\S]+\}$"}
_SCALARS: dict[type[types.Type], Schema] = {
    types.StrType: {"type": "string"},
    types.IntType: {"type": "integer"},
    types.FloatType: {"type": "number"},
    types.BoolType: {"type": "boolean"},
    types.DateTimeType: {"type": "string", "format": "date-time"},
    types.AnyType: {},
}
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
    "min_length": "minLength",
    "max_length": "maxLength",
}
_NAMES = {"pattern": f"^{NAME.pattern}$"}


def file_schema(installed: Iterable[Installed]) -> Schema:
    """Return the schema of a file that uses these plugins."""
    usable = [(one.kind, one.type, one.component) for one in installed if one.component]
    defs: dict[str, Schema] = {"placeholder": _PLACEHOLDER}
    for kind, type_, component in usable:
        defs[f"{kind}-{type_}"] = _component(component)
    groups = {
        group: _group([type_ for its_kind, type_, _ in usable if its_kind == kind], kind)
        for group, kind in TABLES.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Penstock's configuration",
        "type": "object",
        "properties": {
            "penstock": _struct(PenstockSettings),
            "admin": _struct(AdminSettings),
            **groups,
            "pipelines": {
                "type": "object",
                "description": "Which sources go through which transforms to which sinks.",
                "propertyNames": _NAMES,
                "minProperties": 1,
                "additionalProperties": _struct(PipelineSettings),
            },
        },
        "required": ["pipelines"],
        "additionalProperties": False,
        "$defs": defs,
    }


def _group(installed: list[str], kind: str) -> Schema:
    """Describe a table of components; ``type`` may be left out where the name is a type."""
    return {
        "type": "object",
        "description": f"The {kind}s, each under a name of its own.",
        "propertyNames": _NAMES,
        "properties": {type_: _named(type_, installed, kind) for type_ in installed},
        "additionalProperties": _typed(installed, kind),
    }


def _named(type_: str, installed: list[str], kind: str) -> Schema:
    """Describe the table that has a type's name: of that type, unless it names another.

    Editors complete by ``anyOf`` and not by ``if``, so they offer the keys of this type only.
    """
    others = [other for other in installed if other != type_]
    another = {"if": _is_typed(others), "then": _typed(others, kind), "else": False}
    own = {"$ref": f"#/$defs/{kind}-{type_}"}
    return {"anyOf": [own, another]} if others else own


def _typed(installed: list[str], kind: str) -> Schema:
    if not installed:
        return {"not": {}}
    return {
        "type": "object",
        "required": ["type"],
        "anyOf": [{"$ref": f"#/$defs/{kind}-{type_}"} for type_ in installed],
    }


def _is_typed(installed: list[str]) -> Schema:
    return {"required": ["type"], "properties": {"type": {"enum": installed}}}


def _component(component: type[Component]) -> Schema:
    """Describe a component's table: its own settings and the keys that core carries out."""
    schema = _struct(component.Config)
    common: dict[str, Schema] = {
        "type": {
            "const": component.name,
            "description": "The plugin's type; defaults to the table's name.",
        }
    }
    if component.uses_tls:
        common["tls"] = _struct(TlsSettings)
    if issubclass(component, Source) and not component.replayable:
        common["buffer"] = _struct(type(component.default_buffer), component.default_buffer)
    if issubclass(component, Sink):
        common["batch"] = _struct(type(component.default_batch), component.default_batch)
        common["buffer"] = _struct(type(component.default_buffer), component.default_buffer)
        common["retry"] = _struct(RetrySettings)
        common["dead_letter"] = _struct(DeadLetterSettings)
    schema["properties"] = {**common, **schema["properties"]}
    if first := (component.__doc__ or "").strip().partition("\n")[0]:
        schema["description"] = first
    return schema


def _struct(kind: type[Struct], default: Struct | None = None) -> Schema:
    defaults = {} if default is None else {f.name: getattr(default, f.name) for f in fields(kind)}
    properties: Schema = {}
    for field in fields(kind):
        schema = _placed(_schema(types.type_info(field.type)))
        if about := description(field):
            schema["description"] = about
        value = defaults.get(field.name, default_value(field))
        if value is not None:
            schema["default"] = value
        properties[field.encode_name] = schema
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    needed = [field.encode_name for field in fields(kind) if required(field)]
    return {**schema, "required": needed} if needed else schema


def _placed(schema: Schema) -> Schema:
    """Allow ``${…}`` where the type itself has no room for it."""
    if not schema or schema.get("type") in ("object", "array") or schema == {"type": "string"}:
        return dict(schema)
    return {"anyOf": [schema, {"$ref": "#/$defs/placeholder"}]}


def _schema(info: types.Type) -> Schema:
    if isinstance(info, types.Metadata):
        return _schema(info.type)
    if isinstance(info, types.UnionType):
        parts = [_schema(part) for part in info.types if not isinstance(part, types.NoneType)]
        return parts[0] if len(parts) == 1 else {"anyOf": parts}
    if isinstance(info, types.LiteralType):
        return {"enum": list(info.values)}
    if isinstance(info, types.EnumType):
        return {"enum": [member.value for member in info.cls]}
    return _container(info) or {**_SCALARS.get(type(info), {}), **_bounds(info, _BOUNDS)}


def _container(info: types.Type) -> Schema:
    if isinstance(info, types.CustomType):
        return dict(info.cls.json_schema) if issubclass(info.cls, Setting) else {}
    if isinstance(info, types.StructType):
        return _struct(info.cls)
    if isinstance(info, types.DictType):
        names = {"min_length": "minProperties", "max_length": "maxProperties"}
        values = _placed(_schema(info.value_type))
        return {"type": "object", "additionalProperties": values, **_bounds(info, names)}
    item = getattr(info, "item_type", None)
    if item is None:
        return {}
    names = {"min_length": "minItems", "max_length": "maxItems"}
    return {"type": "array", "items": _placed(_schema(item)), **_bounds(info, names)}


def _bounds(info: types.Type, names: Mapping[str, str]) -> Schema:
    found = {name: getattr(info, name, None) for name in names}
    return {names[name]: value for name, value in found.items() if value is not None}

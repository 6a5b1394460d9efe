"""Makes components from the values that a configuration file would hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from penstock.api.component import Component
from penstock.api.setting import Setting

C = TypeVar("C", bound=Component)


def configured(component: type[C], table: Mapping[str, Any] | None = None) -> C:
    """Make a component from a table's values; ``msgspec.ValidationError`` if one is wrong."""
    return component(msgspec.convert(dict(table or {}), component.Config, dec_hook=_read))


def _read(kind: type, value: Any) -> Any:
    if issubclass(kind, Setting):
        return kind.from_setting(value)
    raise NotImplementedError(f"no setting: {kind}")

"""Settings that are more than a number or a string: each reads itself from its TOML value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self


class Setting(ABC):
    """A type that a ``Config`` may use for a field and that parses its own TOML value."""

    json_schema: ClassVar[dict[str, Any]] = {"type": "string"}
    """The JSON Schema of the TOML value."""

    @classmethod
    @abstractmethod
    def from_setting(cls, value: object) -> Self:
        """Return the setting for a TOML value; a ``ValueError`` says what is wrong with it."""


class Secret(Setting):
    """A string that never prints: not in logs, errors or ``repr``, and not when encoded."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def from_setting(cls, value: object) -> Self:
        if not isinstance(value, str):
            raise ValueError(f"expected a string, got {type(value).__name__}")
        return cls(value)

    def reveal(self) -> str:
        """Return the value itself; call it where it is sent and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

"""The public names of core with their signatures, read from the code.

``python -m tests.architecture.public_names`` writes them down, for a change that is meant.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from msgspec import Struct

MODULES = ("penstock.api", "penstock.http", "penstock.testing")
FILE = Path(__file__).with_name("public_names.txt")


def public_names() -> list[str]:
    """Return a line for each name of the modules' ``__all__``, their members, and each hook."""
    lines = [line for module in MODULES for line in _of_module(module)]
    hooks = importlib.import_module("penstock.api.hooks")
    specs = [vars(hooks)[name] for name in sorted(vars(hooks)) if name.startswith("penstock_")]
    return [*lines, *(f"hook {spec.__name__}{_signature(spec)}" for spec in specs)]


def written() -> list[str]:
    """Return what was written down."""
    return FILE.read_text().splitlines()


def _of_module(name: str) -> Iterator[str]:
    module = importlib.import_module(name)
    for public in sorted(module.__all__):
        yield from _of(f"{name}.{public}", getattr(module, public))


def _of(name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        yield f"{name}: {_kind(value)}"
        yield from _members(name, value)
    elif inspect.isroutine(value):
        yield _callable(name, value)
    else:
        yield f"{name}: {type(value).__name__}"


def _kind(value: type[Any]) -> str:
    bases = [base.__name__ for base in value.__bases__ if base is not object]
    return f"class({', '.join(bases)})" if bases else "class"


def _members(name: str, value: type[Any]) -> Iterator[str]:
    """Yield what a class defines itself; a Struct's fields and an Enum's members in their order."""
    if issubclass(value, Enum):
        yield from (f"{name}.{one.name} = {one.value!r}" for one in value)
        return
    own = vars(value)
    notes: dict[str, Any] = own.get("__annotations__", {})
    for field in dict.fromkeys((*notes, *sorted(own))):
        if re.match(r"_(?!_init__$)|test_", field):
            continue  # What a contract tests grows with every release.
        if field in notes:
            line = f"{name}.{field}: {_text(notes[field])}"
            yield line if _is_required(value, field) else f"{line} = …"
        elif inspect.isclass(own[field]):
            yield from _of(f"{name}.{field}", own[field])
        elif isinstance(own[field], property):
            yield f"{name}.{field}: property"
        elif callable(own[field]) or isinstance(own[field], staticmethod | classmethod):
            yield _callable(f"{name}.{field}", getattr(value, field))


def _is_required(value: type[Any], field: str) -> bool:
    if not issubclass(value, Struct):
        return field not in vars(value)
    required = len(value.__struct_fields__) - len(value.__struct_defaults__)
    by_position = value.__struct_fields__.index(field) < required
    return by_position if field in value.__struct_fields__ else True


def _callable(name: str, value: Any) -> str:
    is_awaited = inspect.iscoroutinefunction(value)
    return f"{'async ' if is_awaited else ''}{name}{_signature(value)}"


def _signature(value: Any) -> str:
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return "(…)"
    return _text(text)


def _text(annotation: Any) -> str:
    """Return an annotation as it is written, without quotes, addresses and descriptions."""
    text = annotation if isinstance(annotation, str) else repr(annotation)
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    text = re.sub(r"""(, )?description=(["']).*?\2(?=[,)])""", "", text)
    text = text.replace("''", '""').replace("'", "")
    return re.sub(r"Annotated\[(.+), Meta\(\)\]", r"\1", text)


if __name__ == "__main__":
    FILE.write_text("\n".join(public_names()) + "\n")

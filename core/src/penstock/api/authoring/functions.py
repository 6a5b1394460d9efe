"""What a decorated function says of itself: its parameters, their types, and its class."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace, UnionType
from typing import Any, TypeVar

from penstock.api.component import Component
from penstock.api.errors import PluginError
from penstock.api.event import KINDS, Resource

C = TypeVar("C", bound=Component)

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def place(function: object) -> str:
    """Return how a function is named in errors."""
    module = getattr(function, "__module__", "?")
    return f"{module}.{getattr(function, '__qualname__', repr(function))}"


def parameters(function: Callable[..., Any], least: int, form: str) -> list[str]:
    """Return the names of a function's parameters: so many, or one more."""
    found = inspect.signature(function).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    odd = [str(one) for one in found if one.kind not in positional]
    if odd or not least <= len(found) <= least + 1:
        takes = f"({', '.join(map(str, found))})"
        raise PluginError(f"{place(function)} takes {takes}, and has to take {form}")
    return [one.name for one in found]


def annotation(function: Callable[..., Any], name: str) -> object:
    """Return the type of a parameter, or of ``return``; Any without one.

    Only this one is resolved: the others may name what is not there at run time.
    """
    try:
        return _resolved(function, name)
    except Exception as error:
        raise PluginError(
            f"{place(function)}: the annotation of {name} cannot be resolved ({error}): import "
            "what it names at the top of the module, and not only under TYPE_CHECKING"
        ) from error


def _resolved(function: Callable[..., Any], name: str) -> object:
    hints = inspect.get_annotations(function)
    if name not in hints:
        return Any
    holder = SimpleNamespace(__annotations__={name: hints[name]})
    enclosing = inspect.getclosurevars(function).nonlocals
    hint: object = typing.get_type_hints(holder, function.__globals__, dict(enclosing))[name]
    return hint


def members(hint: object) -> tuple[object, ...]:
    """Return the types of a union, or the one type that it is."""
    is_union = isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union
    return typing.get_args(hint) if is_union else (hint,)


def kinds_of(function: Callable[..., Any], parameter: str) -> frozenset[type[Any]]:
    """Return the classes of event that a parameter takes."""
    found = members(annotation(function, parameter))
    kinds = frozenset(one for one in found if isinstance(one, type) and one in KINDS)
    if len(kinds) != len(found):
        raise PluginError(
            f"{place(function)}: annotate {parameter} with the events that it takes: Log, "
            "Log | Gap, or Event for all kinds"
        )
    return kinds


def returned_kinds(function: Callable[..., Any]) -> frozenset[type[Any]]:
    """Return the classes of event that a function returns or yields; empty if it does not say."""
    try:
        named = {*_leaves(annotation(function, "return"))} - {type(None), Resource}
    except PluginError:
        return frozenset()
    kinds = frozenset(kind for kind in KINDS if kind in named)
    return kinds if len(kinds) == len(named) else frozenset()


def _leaves(hint: object) -> Iterator[object]:
    """Yield the types that an annotation is built of, but for collections."""
    arguments = typing.get_args(hint)
    if not arguments:
        yield hint
    for argument in arguments:
        if argument is not Ellipsis:
            yield from _leaves(argument)


def make_class(
    base: type[C],
    function: Callable[..., Any],
    name: str,
    config: type[Component.Config] | None,
    attributes: Mapping[str, object],
) -> type[C]:
    """Make a component's class that looks as if the function had been a class all along."""
    name = name or function.__name__
    if not _NAME.fullmatch(name):
        raise PluginError(
            f"{place(function)}: {name!r} is no name of a type: begin with a lower-case letter, "
            'go on with these, digits, _ and -; `name="…"` gives another than the function\'s'
        )
    if config is not None and not (isinstance(config, type) and issubclass(config, base.Config)):
        raise PluginError(
            f"{place(function)}: config={config!r} has to be a class, derived from "
            f"{base.__mro__[1].__name__}.Config with frozen=True, kw_only=True"
        )
    body: dict[str, object] = {
        "name": name,
        "function": staticmethod(function),
        "__doc__": function.__doc__,
        "__module__": function.__module__,
        "__qualname__": function.__qualname__,
        **attributes,
    }
    if config is not None:
        body["Config"] = config
    return type(function.__name__, (base,), body)

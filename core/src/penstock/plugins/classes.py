"""What a plugin's hook has to return, and what a component's class has to be."""

from __future__ import annotations

from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec
import msgspec.structs

from penstock.api.component import Component, Sink, Source, Transform
from penstock.api.errors import PluginError
from penstock.api.settings import BatchSettings, BufferSettings
from penstock.plugins.broken import MismatchError
from penstock.plugins.versions import fits, is_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pluggy
    from msgspec.structs import FieldInfo

KINDS: dict[str, type[Component]] = {"source": Source, "transform": Transform, "sink": Sink}
"""The kinds of component, and the class of each."""
COMMON_KEYS = ("type", "batch", "buffer", "retry", "dead_letter", "tls")
"""The keys of a component's table that are core's; no plugin may have them as settings."""
STABILITIES = ("experimental", "beta", "stable")

_ESSENTIAL = {"source": "run", "transform": "apply", "sink": "write"}


def hook_result(manager: pluggy.PluginManager, module: ModuleType, kind: str) -> Any:
    """Call one plugin's hook; ``manager.hook`` would call those of all."""
    name = f"penstock_{kind}s"
    for caller in manager.get_hookcallers(module) or ():
        if not caller.has_spec():
            raise PluginError(f"{caller.name} is no hook of Penstock; a {kind} implements {name}")
        if caller.name == name:
            return next(i.function() for i in caller.get_hookimpls() if i.plugin is module)
    unmarked = " with @hookimpl" if hasattr(module, name) else ""
    raise PluginError(f"its module {module.__name__} does not implement {name}(){unmarked}")


def chosen(result: Any, kind: str, type_: str) -> type[Component]:
    """Return the class of a type out of what a hook returned."""
    hook, base = f"penstock_{kind}s()", KINDS[kind]
    if not isinstance(result, list | tuple):
        raise PluginError(f"{hook} returned {type(result).__name__}, not a list of classes")
    for item in result:
        if not isinstance(item, type) or not issubclass(item, base):
            raise PluginError(f"{hook} returned {item!r:.80}, which is no {base.__name__} class")
    names = [getattr(item, "name", None) for item in result]
    if type_ not in names:
        found = ", ".join(map(repr, names)) or "nothing"
        raise PluginError(f"the entry point promises the name {type_!r}, {hook} has {found}")
    component: type[Component] = result[names.index(type_)]
    check_statements(component)
    _check_component(component, kind)
    return component


def check_extension(manager: pluggy.PluginManager, module: ModuleType) -> None:
    """Hold an extension to the hooks that there are."""
    check_statements(module)
    for caller in manager.get_hookcallers(module) or ():
        if not caller.has_spec():
            raise PluginError(f"{caller.name} is no hook of Penstock")


def check_statements(stating: type[Component] | ModuleType) -> None:
    """Compare the API that a plugin states with ours: before all else, as it explains the rest."""
    stated = getattr(stating, "requires_api", "")
    if not is_version(stated):
        raise PluginError(f"its requires_api is {stated!r:.40}: expected text such as '1.0'")
    if not fits(stated):
        raise MismatchError(stated)
    stability = getattr(stating, "stability", STABILITIES[0])
    if stability not in STABILITIES:
        known = ", ".join(STABILITIES)
        raise PluginError(f"its stability is {stability!r:.40}, which is none of {known}")


def check_instance(component: Component) -> None:
    """Hold an instance to what core reads of it: these may depend on the settings."""
    if isinstance(component, Sink):
        _expect(component, "accepts", _are_types(component.accepts), "a frozenset of event types")
        known = component.order in ("stream", "resource", "none")
        _expect(component, "order", known, '"stream", "resource" or "none"')
        number = component.in_flight
        _expect(component, "in_flight", type(number) is int and number > 0, "1 or more")
        seconds = component.write_timeout_s
        fits_ = seconds is None or (isinstance(seconds, int | float) and seconds > 0)
        _expect(component, "write_timeout_s", fits_, "seconds, or None")
    if isinstance(component, Source):
        _expect(component, "kinds", _are_types(component.kinds), "a frozenset of event types")


def _expect(component: Component, name: str, fits_: bool, what: str) -> None:
    if not fits_:
        raise PluginError(f"its {name} is {getattr(component, name)!r:.60}: expected {what}")


def _are_types(value: object) -> bool:
    return isinstance(value, frozenset) and all(isinstance(one, type) for one in value)


def _check_component(component: type[Component], kind: str) -> None:
    method = _ESSENTIAL[kind]
    if getattr(component, method) is getattr(KINDS[kind], method):
        raise PluginError(f"{component.__name__} has no {method}()")
    for name, base in (("default_batch", BatchSettings), ("default_buffer", BufferSettings)):
        if not isinstance(getattr(component, name, None) or base(), base):
            raise PluginError(f"{component.__name__}.{name} is no {base.__name__}")
    _check_config(component.Config, f"{component.__name__}.Config")


def _fields(config: type[Component.Config], name: str) -> Sequence[FieldInfo]:
    try:
        return msgspec.structs.fields(config)
    except NameError as error:  # Of an annotation, which no line of a traceback points at.
        raise PluginError(f"{name}: NameError: {error}") from error


def _check_config(config: Any, name: str) -> None:
    if not isinstance(config, type) or not issubclass(config, Component.Config):
        raise PluginError(f"{name} does not subclass the Config of its kind")
    options = config.__struct_config__
    if not options.frozen or not options.forbid_unknown_fields:
        raise PluginError(f"{name} must be frozen and forbid unknown fields")
    for field in _fields(config, name):
        if field.encode_name in COMMON_KEYS:
            raise PluginError(f"{name} redefines the common key {field.encode_name!r}")
    with suppress(msgspec.ValidationError):  # Required settings; a TypeError is a wrong type.
        msgspec.convert({}, config)

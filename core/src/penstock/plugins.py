"""Finds plugins by their entry points, loads them by name, and isolates those that are broken.

Only what is asked for by name is imported and registered with pluggy: its own bulk loading would
let one broken plugin stop the program, and of two with one name it would skip the second silently.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import Distribution, EntryPoint, distributions
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec
import msgspec.structs
from msgspec import Struct

from penstock.api.component import Component, Sink, Source, Transform
from penstock.api.errors import ConfigError, PluginError

if TYPE_CHECKING:
    import pluggy

GROUP = "penstock"
KINDS: dict[str, type[Component]] = {"source": Source, "transform": Transform, "sink": Sink}
"""The kinds of component, and the class of each."""
FIRST_PARTY: dict[str, tuple[str, ...]] = {
    "source": ("docker", "journald", "firehose", "demo"),
    "transform": ("multiline", "tagging", "hostname", "filter"),
    "sink": ("http", "syslog", "mezmo", "datadog", "console"),
}
"""The types that Penstock's own distributions bring."""
COMMON_KEYS = ("type", "batch", "buffer", "retry", "dead_letter", "tls")
"""The keys of a component's table that are core's; no plugin may have them as settings."""

_NAME = re.compile(r"(source|transform|sink|extension)-([A-Za-z0-9_-]{1,64})")
_ESSENTIAL = {"source": "run", "transform": "apply", "sink": "write"}


class Entry(Struct, frozen=True):
    """One entry point of the group, and the distribution that brings it."""

    point: EntryPoint
    owner: Distribution

    @property
    def distribution(self) -> str:
        """The distribution's name, or where it lies if it does not say."""
        return _metadata(self.owner, "Name") or str(getattr(self.owner, "_path", "unknown"))

    @property
    def version(self) -> str:
        """The distribution's version, empty if it does not say."""
        return _metadata(self.owner, "Version")


ComponentClass = type[Component]


class Installed(Struct, frozen=True, kw_only=True):
    """A plugin as ``penstock plugins`` lists it; ``error`` says why it cannot be used."""

    kind: str
    type: str
    version: str
    distribution: str
    component: ComponentClass | None = None
    error: str = ""


class UnknownTypeError(ConfigError):
    """No installed plugin has this type."""


class Plugins:
    """The plugins that are installed, each loaded when it is first asked for."""

    def __init__(self) -> None:
        self._entries: dict[str, list[Entry]] = {}
        for entry in _entries():
            self._entries.setdefault(entry.point.name, []).append(entry)
        self._loaded: dict[str, type[Component] | ModuleType | ConfigError | PluginError] = {}
        self._manager: pluggy.PluginManager | None = None

    def types(self, kind: str) -> list[str]:
        """List the installed types of a kind, broken ones included."""
        matches = filter(None, map(_NAME.fullmatch, self._entries))
        return sorted(match[2] for match in matches if match[1] == kind)

    def component(self, kind: str, type_: str) -> type[Component]:
        """Return a component's class.

        ``UnknownTypeError`` and ``ConfigError`` (two plugins of that name) are the operator's to
        mend, ``PluginError`` says what is wrong with the plugin.
        """
        loaded = self._load(kind, type_)
        assert isinstance(loaded, type)  # noqa: S101
        return loaded

    def extension(self, name: str) -> None:
        """Load and register an extension; errors are those of ``component``."""
        self._load("extension", name)

    def discover(self) -> list[Installed]:
        """Load every plugin, each guarded, and tell what it is or what is wrong with it."""
        found = [self._installed(entry) for entries in self._entries.values() for entry in entries]
        return sorted(found, key=lambda one: (_order(one.kind), one.type, one.distribution))

    def _installed(self, entry: Entry) -> Installed:
        match = _NAME.fullmatch(entry.point.name)
        kind, type_ = match.groups() if match else ("?", entry.point.name)
        component, error = None, ""
        try:
            if match is None:
                raise PluginError("its name is not <kind>-<type>, such as sink-http")
            loaded = self._load(kind, type_)
            component = loaded if isinstance(loaded, type) else None
        except (ConfigError, PluginError) as problem:
            error = str(problem)
        return Installed(
            kind=kind,
            type=type_,
            version=entry.version,
            distribution=entry.distribution,
            component=component,
            error=error,
        )

    def _load(self, kind: str, type_: str) -> type[Component] | ModuleType:
        name = f"{kind}-{type_}"
        if name not in self._loaded:
            try:
                self._loaded[name] = self._import(kind, type_)
            except (ConfigError, PluginError) as error:
                self._loaded[name] = error
        loaded = self._loaded[name]
        if isinstance(loaded, Exception):
            raise loaded
        return loaded

    def _import(self, kind: str, type_: str) -> type[Component] | ModuleType:
        entries = self._entries.get(f"{kind}-{type_}", [])
        if not entries:
            raise UnknownTypeError(f"no plugin {kind}-{type_}: {install_line(kind, type_)}")
        if len(entries) > 1:
            owners = " and ".join(sorted(entry.distribution for entry in entries))
            raise ConfigError(f"{owners} both bring {kind}-{type_}: uninstall one of them")
        point = entries[0].point
        try:
            module = importlib.import_module(point.value.partition(":")[0].strip())
            return self._register(module, kind, type_)
        except (ConfigError, PluginError) as error:
            raise PluginError(" ".join(str(error).split())) from error
        except (Exception, SystemExit) as error:
            raise PluginError(explain(error, point.value)) from error

    def _register(self, module: ModuleType, kind: str, type_: str) -> type[Component] | ModuleType:
        manager = self._pluggy()
        if not manager.is_registered(module):
            try:
                manager.register(module, f"{kind}-{type_}")
            except Exception:
                # A hook that does not fit leaves the module half registered.
                with suppress(AssertionError):
                    manager.unregister(module)
                raise
        if kind == "extension":
            return module
        return _chosen(_hook_result(manager, module, kind), kind, type_)

    def _pluggy(self) -> pluggy.PluginManager:
        if self._manager is None:
            import pluggy

            from penstock.api import hooks

            self._manager = pluggy.PluginManager(GROUP)
            self._manager.add_hookspecs(hooks)
        return self._manager


def install_line(kind: str, type_: str) -> str:
    """Return the command that would bring a plugin."""
    return f"pip install {GROUP}-{kind}-{type_}"


def explain(error: BaseException, module: str) -> str:
    """Say in one line what a plugin raised, and where: the last frame of its own code."""
    text = " ".join(str(error).split())[:300]
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    place = _syntax_place(error) or _last_frame(error, module.partition(".")[0].partition(":")[0])
    return f"{message} ({place})" if place else message


def _syntax_place(error: BaseException) -> str:
    if not isinstance(error, SyntaxError) or not error.filename:
        return ""
    return f"{_short(error.filename)}, line {error.lineno}"


def _last_frame(error: BaseException, package: str) -> str:
    place = ""
    traceback = error.__traceback__
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if module == package or module.startswith(f"{package}."):
            place = f"{_short(traceback.tb_frame.f_code.co_filename)}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


def _short(file: str) -> str:
    return "/".join(file.replace("\\", "/").split("/")[-2:])


def _entries() -> Iterator[Entry]:
    """Yield the group's entry points; of one distribution on the path twice, the first counts."""
    seen: set[str] = set()
    for owner in distributions():
        try:
            points = [point for point in owner.entry_points if point.group == GROUP]
        except (OSError, ValueError, AttributeError, TypeError, KeyError):
            continue  # Another program's damaged metadata is not ours to report.
        if points:
            yield from _first_of_distribution(points, owner, seen)


def _first_of_distribution(
    points: Iterable[EntryPoint], owner: Distribution, seen: set[str]
) -> Iterator[Entry]:
    entries = [Entry(point, owner) for point in points]
    name = re.sub(r"[-_.]+", "-", entries[0].distribution).lower()
    if name not in seen:
        seen.add(name)
        yield from entries


def _metadata(owner: Distribution, key: str) -> str:
    try:
        return str(owner.metadata[key] or "")
    except Exception:
        return ""


def _hook_result(manager: pluggy.PluginManager, module: ModuleType, kind: str) -> Any:
    """Call one plugin's hook; ``manager.hook`` would call those of all."""
    name = f"penstock_{kind}s"
    for caller in manager.get_hookcallers(module) or ():
        if not caller.has_spec():
            raise PluginError(f"{caller.name} is no hook of Penstock; a {kind} implements {name}")
        if caller.name == name:
            return next(i.function() for i in caller.get_hookimpls() if i.plugin is module)
    unmarked = " with @hookimpl" if hasattr(module, name) else ""
    raise PluginError(f"its module {module.__name__} does not implement {name}(){unmarked}")


def _chosen(result: Any, kind: str, type_: str) -> type[Component]:
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
    _check_component(component, kind)
    return component


def _check_component(component: type[Component], kind: str) -> None:
    method = _ESSENTIAL[kind]
    if getattr(component, method) is getattr(KINDS[kind], method):
        raise PluginError(f"{component.__name__} has no {method}()")
    _check_config(component.Config, f"{component.__name__}.Config")


def _check_config(config: Any, name: str) -> None:
    if not isinstance(config, type) or not issubclass(config, Component.Config):
        raise PluginError(f"{name} does not subclass the Config of its kind")
    options = config.__struct_config__
    if not options.frozen or not options.forbid_unknown_fields:
        raise PluginError(f"{name} must be frozen and forbid unknown fields")
    for field in msgspec.structs.fields(config):
        if field.encode_name in COMMON_KEYS:
            raise PluginError(f"{name} redefines the common key {field.encode_name!r}")
    with suppress(msgspec.ValidationError):  # Required settings; a TypeError is a wrong type.
        msgspec.convert({}, config)


def _order(kind: str) -> int:
    return [*KINDS, "extension"].index(kind) if kind in (*KINDS, "extension") else len(KINDS) + 1

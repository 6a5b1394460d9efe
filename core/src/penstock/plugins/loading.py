"""Loads plugins by name, each when it is first asked for, and lists all of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from penstock.api.component import Component
from penstock.api.errors import ConfigError
from penstock.plugins.broken import BrokenError, ambiguous, broken, defect, upgrade
from penstock.plugins.classes import KINDS, check_extension, chosen, hook_result
from penstock.plugins.entries import GROUP, NAME, Entry, entry_points
from penstock.plugins.versions import api_range, range_problem

if TYPE_CHECKING:
    import pluggy

FIRST_PARTY: dict[str, tuple[str, ...]] = {
    "source": ("docker", "journald", "firehose", "demo"),
    "transform": ("multiline", "tagging", "hostname", "filter"),
    "sink": ("http", "syslog", "mezmo", "datadog", "console"),
}
"""The types that Penstock's own distributions bring."""

RESERVED: dict[str, tuple[str, ...]] = {
    "source": ("file", "syslog", "statsd", "nats"),
    "transform": ("redact", "sample", "rate_limit", "parse", "rename"),
    "sink": ("nats", "firehose", "opentsdb", "otlp", "file", "socket"),
}
"""The types that Penstock may bring itself one day."""

ComponentClass = type[Component]


class Installed(Struct, frozen=True, kw_only=True):
    """A plugin as ``penstock plugins`` lists it.

    ``error`` says why it cannot be used, ``warning`` why it may not work, and ``fix`` what mends
    that. ``requires_api`` is empty where it states none.
    """

    kind: str
    type: str
    version: str
    distribution: str
    component: ComponentClass | None = None
    error: str = ""
    warning: str = ""
    fix: str = ""
    requires_api: str = ""
    stability: str = ""
    location: str = ""
    editable: bool = False

    @property
    def api_range(self) -> str:
        """The versions of the API that it works with, empty if it states none."""
        return api_range(self.requires_api)

    def matches(self, words: tuple[str, ...]) -> bool:
        """Say whether each word is its kind, its type, both, or its distribution."""
        names = (self.kind, self.type, f"{self.kind}-{self.type}", self.distribution)
        return all(word in names for word in words)


class UnknownTypeError(ConfigError):
    """No installed plugin has this type."""


class Plugins:
    """The plugins that are installed, each loaded when it is first asked for."""

    def __init__(self) -> None:
        self._entries: dict[str, list[Entry]] = {}
        for entry in entry_points():
            self._entries.setdefault(entry.point.name, []).append(entry)
        self._loaded: dict[str, type[Component] | ModuleType | Exception] = {}
        self._manager: pluggy.PluginManager | None = None

    def types(self, kind: str) -> list[str]:
        """List the installed types of a kind, broken ones included."""
        matches = filter(None, map(NAME.fullmatch, self._entries))
        return sorted(match[2] for match in matches if match[1] == kind)

    def component(self, kind: str, type_: str) -> type[Component]:
        """Return a component's class.

        ``UnknownTypeError``: there is none. ``PluginError`` says what is wrong with it.
        """
        loaded = self._load(kind, type_)
        assert isinstance(loaded, type)  # noqa: S101
        return loaded

    def extension(self, name: str) -> ModuleType:
        """Load and register an extension; errors are those of ``component``."""
        loaded = self._load("extension", name)
        assert isinstance(loaded, ModuleType)  # noqa: S101
        return loaded

    def call(self, extension: str, hook: str, **arguments: object) -> Any:
        """Call a hook of an extension and return what it gives, None if it has none.

        What is no ordinary exception is a ``PluginError``.
        """
        from penstock.guard import contained  # It takes asyncio, which `check` does without.

        module = self.extension(extension)
        for one in getattr(self._pluggy().hook, hook).get_hookimpls():
            if one.plugin is module:
                with contained:
                    return one.function(*(arguments[name] for name in one.argnames))
        return None

    def warning(self, kind: str, type_: str) -> str:
        """Say that a plugin asks for another core than this, if so, and what mends it."""
        for entry in self._entries.get(f"{kind}-{type_}", ()):
            if asked := range_problem(entry.owner):
                return f"{entry.distribution} {entry.version}: {asked}: {upgrade(entry)}"
        return ""

    def discover(self, wanted: Callable[[Installed], bool] | None = None) -> list[Installed]:
        """Load every plugin, each guarded, and tell what it is or what is wrong with it.

        ``wanted`` chooses by what is known without loading.
        """
        pairs = [(listed(one), one) for several in self._entries.values() for one in several]
        found = [
            self._installed(one, entry) for one, entry in pairs if wanted is None or wanted(one)
        ]
        return sorted(found, key=lambda one: (_order(one.kind), one.type, one.distribution))

    def _installed(self, one: Installed, entry: Entry) -> Installed:
        """Complete what is known without loading by what loading it shows."""
        try:
            if NAME.fullmatch(entry.point.name) is None:
                raise BrokenError("its name is not <kind>-<type>, such as sink-http", defect(entry))
            loaded = self._load(one.kind, one.type)
        except BrokenError as problem:
            return replace(one, error=problem.reason, fix=problem.fix)
        warning = range_problem(entry.owner)
        return replace(
            one,
            component=loaded if isinstance(loaded, type) else None,
            requires_api=getattr(loaded, "requires_api", ""),
            stability=getattr(loaded, "stability", "experimental"),
            warning=warning,
            fix=upgrade(entry) if warning else "",
        )

    def _load(self, kind: str, type_: str) -> type[Component] | ModuleType:
        name = f"{kind}-{type_}"
        if name not in self._loaded:
            try:
                self._loaded[name] = self._import(kind, type_)
            except (UnknownTypeError, BrokenError) as error:
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
            raise ambiguous(f"{kind}-{type_}", entries)
        try:
            module = importlib.import_module(entries[0].module)
            return self._register(module, kind, type_)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # A plugin may raise anything, sys.exit() included.
            raise broken(error, entries[0]) from error

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
            check_extension(manager, module)
            return module
        return chosen(hook_result(manager, module, kind), kind, type_)

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


def listed(entry: Entry) -> Installed:
    """Return what is known of a plugin without loading it."""
    match = NAME.fullmatch(entry.point.name)
    kind, type_ = match.groups() if match else ("?", entry.point.name)
    return Installed(
        kind=kind,
        type=type_,
        version=entry.version,
        distribution=entry.distribution,
        location=entry.location,
        editable=entry.editable,
    )


def _order(kind: str) -> int:
    return [*KINDS, "extension"].index(kind) if kind in (*KINDS, "extension") else len(KINDS) + 1

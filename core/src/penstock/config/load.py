"""From a file to a plan, with all that is wrong with it at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from penstock.api.component import Component
from penstock.api.errors import ConfigError, PluginError
from penstock.api.settings import TlsSettings
from penstock.api.tls import tls_context
from penstock.config.components import TABLES, Components, unknown_type
from penstock.config.file import Text, read_file
from penstock.config.kinds import KindCheck
from penstock.config.paths import state_dir
from penstock.config.pipelines import Pipelines, check_names, read_pipelines
from penstock.config.plan import (
    AdminSettings,
    PenstockSettings,
    Plan,
    SinkPlan,
    SourcePlan,
    TransformPlan,
)
from penstock.config.problems import Problem, Problems, write_out
from penstock.config.scrub import Scrubber
from penstock.config.substitute import Substitution
from penstock.config.typed import NO_VALUE, NoValue, Reader
from penstock.config.words import Path, dotted, suggestion
from penstock.plugins import Plugins, UnknownTypeError

S = TypeVar("S", bound=Struct)

NO_TLS = TlsSettings()
TOP_LEVEL = ("penstock", "admin", *TABLES, "pipelines")


class Loaded(Struct, frozen=True, kw_only=True):
    """What came of a configuration; every message is ``file:line: table.key: what and why``.

    ``plan`` is None if there are errors or values are unknown. ``broken`` are components whose
    plugin does not work: the plan does without them. ``scrub`` takes values that must not print
    out of a text.
    """

    plan: Plan | None
    errors: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    scrub: Callable[[str], str] = str


def load(
    path: str,
    *,
    environ: Mapping[str, str] | None = os.environ,
    unused: bool = False,
    plugins: Plugins | None = None,
) -> Loaded:
    """Read a file and check all of it.

    ``environ`` None leaves values that come from the outside unknown. ``unused`` also checks
    components that no pipeline names, whose plugins are not loaded otherwise; what is wrong with
    them is a warning.
    """
    try:
        source = read_file(path)
    except ConfigError as error:
        return Loaded(plan=None, errors=(str(error),))
    return _Loading(source, path, environ, unused, plugins or Plugins()).loaded()


def load_plan(path: str) -> Plan:
    """Return a file's plan; ``ConfigError`` holds everything that is wrong, a line for each."""
    return runnable(load(path))


def load_tables(tables: dict[str, Any], plugins: Plugins | None = None) -> Loaded:
    """Check a configuration that was made in code instead of read from a file."""
    return _Loading(Text("", tables), "", os.environ, False, plugins or Plugins()).loaded()


def runnable(loaded: Loaded) -> Plan:
    """Return the plan if there is anything to run; ``ConfigError`` says why not."""
    if loaded.errors or loaded.plan is None:
        raise ConfigError("\n".join((*loaded.errors, *loaded.broken)))
    if not any(_runs(loaded.plan, name) for name in loaded.plan.pipelines):
        raise ConfigError("\n".join((*loaded.broken, "nothing is left to run")))
    return loaded.plan


def _runs(plan: Plan, name: str) -> bool:
    """Say whether a pipeline works without what is broken; it never does without a transform."""
    pipeline = plan.pipelines[name]
    return (
        any(source in plan.sources for source in pipeline.sources)
        and all(transform in plan.transforms for transform in pipeline.transforms)
        and any(sink in plan.sinks for sink in pipeline.sinks)
    )


class _Loading:
    """One pass over one configuration."""

    def __init__(
        self,
        source: Text,
        path: str,
        environ: Mapping[str, str] | None,
        unused: bool,
        plugins: Plugins,
    ) -> None:
        self._source = source
        self._path = path
        self._environ = environ
        self._unused = unused
        self._plugins = plugins
        self._scrubber = Scrubber()
        self._problems = Problems()
        self._components: dict[str, dict[str, Any]] = {group: {} for group in TABLES}
        self._made: dict[tuple[str, str], Component] = {}

    def loaded(self) -> Loaded:
        tables = self._tables()
        check_names(tables, self._problems)
        settings = self._settings("penstock", PenstockSettings, tables)
        admin = self._settings("admin", AdminSettings, tables)
        named, reader = self._filled("pipelines", tables, self._problems)
        pipelines = read_pipelines({**tables, "pipelines": named}, reader, self._problems)
        for group in TABLES:
            for name, table in tables.get(group, {}).items():
                self._component(group, name, table, pipelines)
        self._check_kinds(pipelines)
        plan = None
        if settings is not NO_VALUE and admin is not NO_VALUE:
            self._extensions(settings)
            plan = self._plan(settings, admin, pipelines)
        return self._result(plan)

    def _tables(self) -> dict[str, Any]:
        """Return the top-level tables that are known and are tables."""
        tables = dict(self._source.tables)
        for name in [*tables]:
            if name not in TOP_LEVEL:
                hint = suggestion(name, TOP_LEVEL, "there are")
                self._problems.error((name,), f"unknown table; {hint}")
            elif not isinstance(tables[name], dict):
                self._problems.error((name,), f"expected a table, such as {_sample(name)}")
            else:
                continue
            del tables[name]
        return tables

    def _filled(
        self, name: str, tables: Mapping[str, Any], problems: Problems, path: Path = ()
    ) -> tuple[Any, Reader]:
        """Return a table with its placeholders replaced, and the reader for it."""
        folder = FilePath(self._path).parent
        self._scrubber.begin_table()
        substitution = Substitution(folder, self._environ, problems, self._scrubber)
        filled = substitution.table({name: tables.get(name, {})}, path)
        return filled.get(name, {}), Reader(problems, substitution.absent, self._scrubber)

    def _settings(self, name: str, kind: type[S], tables: Mapping[str, Any]) -> S | NoValue:
        table, reader = self._filled(name, tables, self._problems)
        return reader.struct(kind, table, (name,))

    def _component(self, group: str, name: str, raw: Any, pipelines: Pipelines) -> None:
        used = pipelines.use(group, name) or not pipelines.certain
        problems = self._problems if used else Problems()
        if used or self._unused:
            table, reader = self._filled(name, {name: raw}, problems, (group,))
            components = Components(self._plugins, reader, problems, self._scrubber)
            plan = components.read(group, name, table)
            if plan is not None and self._environ is not None:
                plan = self._with_tls_files((group, name), plan, problems)
            if plan is not None and used:
                self._components[group][name] = plan
                if components.made is not None:
                    self._made[group, name] = components.made
        if not used:
            self._problems.warn((group, name), "no pipeline uses it")
            self._problems.demote(problems)

    def _check_kinds(self, pipelines: Pipelines) -> None:
        """Compare what pipelines bring with what their sinks carry."""
        check = KindCheck(self._made, self._problems, self._scrubber)
        for pipeline in pipelines.plans.values():
            check.check(pipeline)
        for name in check.failed:
            del self._components["transforms"][name]

    def _with_tls_files(
        self, path: Path, plan: SourcePlan | TransformPlan | SinkPlan, problems: Problems
    ) -> SourcePlan | TransformPlan | SinkPlan:
        """Check the files, which are a part of the outside, as the environment is."""
        if isinstance(plan, TransformPlan) or plan.tls == NO_TLS:
            return plan
        try:
            tls_context(plan.tls)
            return msgspec.structs.replace(plan, tls_files=_digest(plan.tls))
        except ConfigError as error:
            key, _, why = str(error).partition(": ")
            problems.error((*path, *key.split(".")), why)
            return plan

    def _extensions(self, settings: PenstockSettings) -> None:
        for index, name in enumerate(settings.extensions):
            path: Path = ("penstock", "extensions", index)
            try:
                self._plugins.extension(name)
            except UnknownTypeError:
                self._problems.error(path, unknown_type(self._plugins, "extension", name))
            except PluginError as error:
                self._problems.isolate(path, f"the plugin extension-{name} is broken: {error}")

    def _plan(
        self, settings: PenstockSettings, admin: AdminSettings, pipelines: Pipelines
    ) -> Plan | None:
        broken = {dotted(one.path[:2]): one.message for one in self._problems.broken}
        complete = all(
            name in self._components[group] or f"{group}.{name}" in broken
            for pipeline in pipelines.plans.values()
            for group in TABLES
            for name in getattr(pipeline, group)
        )
        home = self._home(settings)
        self._check_disk(home)
        if self._problems.errors or not (complete and pipelines.certain):
            return None
        return Plan(
            settings=msgspec.structs.replace(settings, state_dir=home),
            admin=admin,
            pipelines=pipelines.plans,
            broken={table: self._scrubber(message) for table, message in broken.items()},
            fingerprint=hashlib.sha256(self._source.text.encode()).hexdigest()[:12],
            **self._components,
        )

    def _home(self, settings: PenstockSettings) -> str:
        """Return the state folder; where the environment is left out, whatever it would be."""
        try:
            return state_dir(settings.state_dir, self._environ or {})
        except ConfigError as error:
            if self._environ is not None:
                self._problems.error(("penstock", "state_dir"), str(error))
            return "~"

    def _check_disk(self, home: str) -> None:
        """A buffer on disk needs a folder; ``overflow`` does without one."""
        for name, sink in self._components["sinks"].items():
            if sink.buffer.type == "disk" and not home:
                self._problems.error(
                    ("sinks", name, "buffer", "type"),
                    '"disk" needs a [penstock] state_dir, and this one keeps nothing',
                )

    def _result(self, plan: Plan | None) -> Loaded:
        found = self._problems
        lines: dict[Path, int] = {}
        if found.errors or found.broken or found.warnings:
            from penstock.config.locate import key_lines

            lines = key_lines(self._source.text)

        def written(problems: list[Problem]) -> tuple[str, ...]:
            return write_out(problems, self._path, lines, self._scrubber)

        return Loaded(
            plan=plan,
            errors=written(found.errors),
            broken=written(found.broken),
            warnings=(*self._source.warnings, *written(found.warnings)),
            scrub=self._scrubber,
        )


def _digest(tls: TlsSettings) -> str:
    """Return what tells the contents of the files from others."""
    files = [FilePath(file) for file in (tls.ca_file, tls.cert_file, tls.key_file) if file]
    digests = [hashlib.sha256(file.read_bytes()).digest() for file in files]
    return hashlib.sha256(b"".join(digests)).hexdigest() if files else ""


def _sample(name: str) -> str:
    return f"[{name}.main]" if name in (*TABLES, "pipelines") else f"[{name}]"

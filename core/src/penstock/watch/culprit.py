"""Whose code it is that runs: from a stack to a plugin, and to the table that it works for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from msgspec import Struct

from penstock.api.component import Component
from penstock.bus.sink_runner import SinkRunner
from penstock.bus.source_runner import SourceRunner
from penstock.bus.stage import Stage
from penstock.config.plan import Plan
from penstock.plugins import brought_by

_HELPERS = frozenset({"penstock.api", "penstock.http", "penstock.testing"})
"""Core's code that runs on a plugin's behalf."""
_FRAMES = ("cr_frame", "gi_frame", "ag_frame")
_AWAITED = ("cr_await", "gi_yieldfrom", "ag_await")


class Culprit(Struct, frozen=True):
    """Code that is at fault; ``table`` is empty where it is no plugin's."""

    table: str
    function: str
    place: str
    package: str

    def __str__(self) -> str:
        """Say what an operator needs: function, place and distribution."""
        entry = brought_by(self.package)  # Looked up only when there is something to say.
        by = f" ({entry.distribution} {entry.version})" if entry else ""
        return f"{self.function}, {self.place}{by}"


class Packages:
    """The packages of the components that run, and the tables that each of them works for."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, None]] = {}

    def learn(self, plan: Plan) -> None:
        """Add the components of a plan; those of earlier ones may still be at work."""
        for table, part in plan.components.items():
            packages = {_package(kind.__module__) for kind in part.component.__mro__}
            for package in packages.difference(_HELPERS, ("builtins",)):
                self.add(package, table)

    def add(self, module: str, table: str) -> None:
        """Add code that works for a table."""
        self._tables.setdefault(_package(module), {})[table] = None

    def culprit(self, frames: Iterable[FrameType]) -> Culprit | None:
        """Return whose code a stack is in, given from the innermost frame outwards.

        What a plugin calls is its own doing, up to where it hands over to the kernel. None: no
        frame is of a plugin or of core.
        """
        stack = list(frames)
        for index, frame in enumerate(stack):
            package = _package(frame.f_globals.get("__name__", ""))
            table = _own_table(frame)
            if package in self._tables:
                return _culprit(table or self._table(stack[index:], package), frame, package)
            if table and package in _HELPERS:
                return _culprit(table, frame, package)
            if package.startswith("penstock.") and package not in _HELPERS:
                return _culprit("", frame, package)
        return None

    def _table(self, outer: Iterable[FrameType], package: str) -> str:
        """Return the table that a plugin's function works for, by who called it."""
        tables = self._tables[package]
        for frame in outer:
            one = _own_table(frame) or _runners_table(frame)
            if one in tables:
                return one
        return " or ".join(tables)


def stack_of(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a running stack from its innermost frame outwards."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def chain_of(awaited: Any) -> list[FrameType]:
    """Return the frames of a coroutine that waits, from the innermost outwards."""
    frames: list[FrameType] = []
    while awaited is not None:
        frames += filter(None, (getattr(awaited, name, None) for name in _FRAMES))
        awaited = next(filter(None, (getattr(awaited, name, None) for name in _AWAITED)), None)
    return frames[::-1]


def _package(module: str) -> str:
    """Return a module's package; within core, which part of it."""
    first, _, rest = module.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first == "penstock" else first


def _own_table(frame: FrameType) -> str:
    """Return the table of the component whose method a frame is."""
    own = frame.f_locals.get("self")
    return own.context.table if isinstance(own, Component) else ""


def _runners_table(frame: FrameType) -> str:
    own = frame.f_locals.get("self")
    return own.table if isinstance(own, SinkRunner | SourceRunner | Stage) else ""


def _culprit(table: str, frame: FrameType, package: str) -> Culprit:
    code = frame.f_code
    file = "/".join(code.co_filename.replace("\\", "/").split("/")[-2:])
    return Culprit(table, code.co_qualname, f"{file}:{frame.f_lineno}", package)

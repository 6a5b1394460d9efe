"""Reads the pipelines, and tells which components they use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from penstock.config.components import TABLES
from penstock.config.plan import PipelinePlan
from penstock.config.problems import Problems
from penstock.config.substitute import plain
from penstock.config.typed import NO_VALUE, Reader
from penstock.config.words import Path, quoted, suggestion

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a table may be called: the name is its identity."""


class PipelineSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of ``[pipelines]``."""

    sources: Annotated[
        tuple[str, ...], Meta(min_length=1, description="Names of tables in [sources].")
    ]
    transforms: Annotated[
        tuple[str, ...], Meta(description="Names of tables in [transforms], in this order.")
    ] = ()
    sinks: Annotated[tuple[str, ...], Meta(min_length=1, description="Names of tables in [sinks].")]


class Pipelines(Struct, frozen=True):
    """What was read. ``certain`` is False if something of it was wrong or not known."""

    plans: dict[str, PipelinePlan]
    certain: bool

    def use(self, group: str, name: str) -> bool:
        """Say whether some pipeline names this component."""
        return any(name in getattr(plan, group) for plan in self.plans.values())


def read_pipelines(tables: Mapping[str, Any], reader: Reader, problems: Problems) -> Pipelines:
    """Read ``[pipelines]``; each must name components that have a table."""
    raw = tables.get("pipelines", {})
    if not raw:
        problems.error(
            (), "no pipeline: nothing would run; add [pipelines.main] with sources and sinks"
        )
        return Pipelines({}, False)
    plans: dict[str, PipelinePlan] = {}
    certain = True
    for name, table in raw.items():
        plan = _pipeline(name, table, reader)
        known = _names_are_known(name, table, tables, problems)
        certain = certain and plan is not None and known
        if plan is not None:
            plans[name] = plan
    return Pipelines(plans, certain)


def check_names(tables: Mapping[str, Any], problems: Problems) -> None:
    """Check what the tables are called."""
    for group in (*TABLES, "pipelines"):
        for name in tables.get(group, {}):
            if not NAME.fullmatch(name):
                problems.error((group, name), "a name is 1 to 64 of the characters A-Z a-z 0-9 _ -")


def _pipeline(name: str, table: Any, reader: Reader) -> PipelinePlan | None:
    settings = reader.struct(PipelineSettings, table, ("pipelines", name))
    if settings is NO_VALUE:
        return None
    return PipelinePlan(
        name=name,
        sources=settings.sources,
        transforms=settings.transforms,
        sinks=settings.sinks,
    )


def _names_are_known(
    pipeline: str, table: Any, tables: Mapping[str, Any], problems: Problems
) -> bool:
    """Check the names that a pipeline has, whatever else is wrong with it."""
    fine = True
    for group in TABLES if isinstance(table, dict) else ():
        names = plain(table.get(group, []))
        for index, name in enumerate(names if isinstance(names, list) else []):
            path: Path = ("pipelines", pipeline, group, index)
            if not isinstance(name, str):
                continue
            if name in names[:index]:
                problems.error(path, f"{quoted(name)} is named twice")
            elif name not in tables.get(group, {}):
                problems.error(path, _unknown(name, group, tables))
            else:
                continue
            fine = False
    return fine


def _unknown(name: str, group: str, tables: Mapping[str, Any]) -> str:
    what = f"there is no [{group}.{name}]" if NAME.fullmatch(name) else "there is no such table"
    others = [other for other in TABLES if other != group and name in tables.get(other, {})]
    if others:
        return f"{what}; {quoted(name)} is in [{others[0]}]"
    return f"{what}; {suggestion(name, tables.get(group, {}), f'[{group}] has')}"

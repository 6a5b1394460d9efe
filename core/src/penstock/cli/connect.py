"""Tries the sources and sinks of a plan, for ``penstock check --connect``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import click

from penstock.api.component import Context, Sink, Source
from penstock.api.errors import PenstockError
from penstock.config.plan import Plan, SinkPlan, SourcePlan
from penstock.guard import in_time

TIMEOUT_S = 10.0
"""How long one source or sink has for its answer."""

UNTRIED = "ok, though nothing was tried: its plugin has no check"
"""Said of what has neither a ``check`` nor an ``open`` of its own."""


def try_all(plan: Plan, scrub: Callable[[str], str]) -> bool:
    """Try all at once, say of each how it went, and return whether all went well."""
    parts: dict[str, SourcePlan | SinkPlan] = {
        **{f"sources.{name}": source for name, source in plan.sources.items()},
        **{f"sinks.{name}": sink for name, sink in plan.sinks.items()},
    }
    results = asyncio.run(_try(parts))
    for table in parts:
        click.echo(f"{table}: {scrub(results[table])}")
    return not any(result.startswith("failed: ") for result in results.values())


async def _try(parts: dict[str, SourcePlan | SinkPlan]) -> dict[str, str]:
    results = await asyncio.gather(*(_result(table, part) for table, part in parts.items()))
    return dict(zip(parts, results, strict=True))


async def _result(table: str, plan: SourcePlan | SinkPlan) -> str:
    """Return how it went: ``ok``, ``failed: why``, or that there is nothing to try."""
    try:
        component: Source | Sink = plan.component(plan.config)
    except BaseException as error:
        return f"failed: it cannot be made: {type(error).__name__}: {error}"
    if failure := await _failure(component, table, plan):
        return f"failed: {failure}"
    return "ok" if _tries_something(type(component)) else UNTRIED


def _tries_something(component: type) -> bool:
    """Tell whether anything that ``check`` calls is the plugin's own."""
    called = (getattr(component, name, None) for name in ("check", "open", "open_blocking"))
    return any(one and not one.__module__.startswith("penstock.api.") for one in called)


async def _failure(component: Source | Sink, table: str, plan: SourcePlan | SinkPlan) -> str:
    """Return why a component cannot connect, empty if it can."""
    log = logging.getLogger(f"penstock.{table}")
    component.context = Context(table=table, log=log, tls=plan.tls)
    try:
        await in_time(component.check, TIMEOUT_S)
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:g} seconds"
    except PenstockError as error:
        return " ".join(str(error).split())
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    finally:
        with suppress(Exception):
            await in_time(component.close, TIMEOUT_S)
    return ""

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


def try_all(plan: Plan, scrub: Callable[[str], str]) -> bool:
    """Try all at once, say of each how it went, and return whether all went well."""
    parts: dict[str, SourcePlan | SinkPlan] = {
        **{f"sources.{name}": source for name, source in plan.sources.items()},
        **{f"sinks.{name}": sink for name, sink in plan.sinks.items()},
    }
    failures = asyncio.run(_try(parts))
    for table in parts:
        failure = scrub(failures[table])
        click.echo(f"{table}: failed: {failure}" if failure else f"{table}: ok")
    return not any(failures.values())


async def _try(parts: dict[str, SourcePlan | SinkPlan]) -> dict[str, str]:
    results = await asyncio.gather(*(_failure(table, part) for table, part in parts.items()))
    return dict(zip(parts, results, strict=True))


async def _failure(table: str, plan: SourcePlan | SinkPlan) -> str:
    """Return why a component cannot connect, empty if it can."""
    try:
        component: Source | Sink = plan.component(plan.config)
    except BaseException as error:
        return f"it cannot be made: {type(error).__name__}: {error}"
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

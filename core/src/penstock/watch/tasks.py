"""What plugins' own tasks do that they should not: outlive their component, end the process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from penstock.api.component import Component
from penstock.guard import end
from penstock.watch.culprit import Packages, chain_of

GRACE_S = 0.1
"""How long what is left may take to end of itself: libraries tidy up a little later."""

T = TypeVar("T")

_log = logging.getLogger("penstock")


def run_through(runner: asyncio.Runner, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end, even if some task calls ``sys.exit``, which leaves the loop."""
    main = runner.get_loop().create_task(coroutine)
    while True:
        try:
            return runner.run(_result(main))
        except (SystemExit, KeyboardInterrupt) as error:
            if main.done():
                raise
            _log.error("a plugin's task tried to end the process: ignored", exc_info=error)


async def _result(task: asyncio.Task[T]) -> T:
    return await task


async def end_left_behind(packages: Packages) -> None:
    """Cancel every task that is still there, and say whose it is."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    # The task around this one only waits for it.
    left = {t for t in left if getattr(t.get_coro(), "cr_code", None) is not _result.__code__}
    await _end(left, packages)


async def end_left_by(component: Component, packages: Packages) -> None:
    """Cancel the tasks in which a method of a closed component still runs, and say so."""
    frames = {task: chain_of(task.get_coro()) for task in asyncio.all_tasks()}
    left = {
        task
        for task, chain in frames.items()
        if any(frame.f_locals.get("self") is component for frame in chain)
    }
    await _end(left - {asyncio.current_task()}, packages)


async def _end(left: set[asyncio.Task[Any]], packages: Packages) -> None:
    if not left:
        return
    _, pending = await asyncio.wait(left, timeout=GRACE_S)
    for task in pending:
        _say(task, packages, "left a task behind, which is cancelled: %s")
    await end(pending)
    for task in pending:
        if not task.done():
            _say(task, packages, "left a task behind that ignores its cancellation: %s")


def _say(task: asyncio.Task[Any], packages: Packages, what: str) -> None:
    culprit = packages.culprit(chain_of(task.get_coro()))
    table = culprit.table if culprit else ""
    log = logging.getLogger(f"penstock.{table}") if table else _log
    log.warning(what, culprit or task.get_coro())

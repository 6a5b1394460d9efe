"""How core calls a plugin: not for ever, and whatever it raises ends neither task nor process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from weakref import WeakSet

from penstock.api.component import Component, Sink, Source
from penstock.api.errors import ConfigError, PluginError, RetryableError

OPEN_TIMEOUT_S = 15.0
"""How long a component's ``open`` and ``close`` may take before they count as failed."""

LAST_WORDS_S = 0.25
"""How long cancelled tasks get to end."""

_told: WeakSet[asyncio.Task[Any]] = WeakSet()
"""Tasks that core cancelled."""


def is_cancelled() -> bool:
    """Say whether somebody cancelled the current task.

    A ``CancelledError`` alone does not tell: a plugin may have cancelled a task of its own and
    awaited it, and another may have swallowed the one that was meant for it.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel a task in which a plugin may swallow that."""
    _told.add(task)
    task.cancel()


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for them, but not for ever: some ignore it."""
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        cancel(task)
    if pending:
        await asyncio.wait(pending, timeout=LAST_WORDS_S)


def is_told_to_end() -> bool:
    """Say whether core cancelled the current task, and undo what a plugin did to it otherwise.

    Before Python 3.13 a ``TaskGroup`` that fails leaves the task around it as if cancelled.
    """
    task = asyncio.current_task()
    if task is None or task in _told:
        return True
    while task.cancelling():
        task.uncancel()
    return False


def own_error(error: BaseException) -> Exception:
    """Return what a call of a plugin in core's own task raised; what core did is raised again.

    A plugin may cancel the task that it was called in: that is one more error of it.
    """
    if isinstance(error, Exception):
        return error
    if isinstance(error, asyncio.CancelledError) and not is_told_to_end():
        return PluginError("it cancelled the task that it was called in")
    raise error


class _Contained:
    """Turns what a plugin raises to end a task or the process into a ``PluginError``."""

    def __enter__(self) -> None:
        """Begin to call the plugin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, Exception | GeneratorExit):
            return
        if not isinstance(error, asyncio.CancelledError):
            raise PluginError(f"it raised {type(error).__name__}: {error}") from error
        if not is_cancelled():
            raise PluginError("it was cancelled from within") from error


contained = _Contained()


async def call(method: Callable[[], Awaitable[None]]) -> None:
    """Await a component's method in a task of its own: ``SystemExit`` would leave the loop."""
    with contained:
        await method()


async def in_time(method: Callable[[], Awaitable[None]], timeout_s: float = OPEN_TIMEOUT_S) -> None:
    """Await a component's method, but not for ever: some ignore a cancellation."""
    task = asyncio.create_task(call(method))
    try:
        done, _ = await asyncio.wait((task,), timeout=timeout_s)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait((task,), timeout=LAST_WORDS_S)
    if not done:
        name = getattr(method, "__name__", "it")
        raise TimeoutError(f"{name} did not return within {timeout_s:g} s")
    with contained:
        task.result()


async def close(component: Source | Sink, log: logging.Logger) -> None:
    """Close a component; an error is only logged, as nothing depends on it any more."""
    try:
        await in_time(component.close)
    except Exception as error:
        complain(log, component, "close failed", error)


def complain(
    log: logging.Logger, component: Component, what: str, error: Exception, **extra: object
) -> None:
    """Log what came of a call: in one line if it tells of the outside, else as a defect."""
    if isinstance(error, RetryableError | ConfigError | OSError):
        log.warning("%s: %s", what, str(error) or type(error).__name__, extra=extra)
    else:
        blame(log, component, what, error, **extra)


def blame(
    log: logging.Logger, component: Component, what: str, error: BaseException, **extra: object
) -> None:
    """Log what only a plugin's authors can mend, where it was, and who they are."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    log.error(
        "%s: %s: a defect of its plugin, so upgrade it or tell its authors (`%s`)",
        what, said, f"penstock plugins {component.name}".rstrip(), exc_info=error, extra=extra,
    )  # fmt: skip

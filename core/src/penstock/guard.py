"""How core calls a plugin: not for ever, and whatever it raises ends neither task nor process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from penstock.api.delivery import Report
from penstock.api.errors import PluginError
from penstock.api.event import KINDS, Batch, Event, Resource

OPEN_TIMEOUT_S = 15.0
"""How long a component's ``open`` and ``close`` may take before they count as failed."""

LAST_WORDS_S = 0.25
"""How long cancelled tasks get to end."""


def is_cancelled() -> bool:
    """Say whether somebody cancelled the current task.

    A ``CancelledError`` alone does not tell: a plugin may have cancelled a task of its own and
    awaited it, and another may have swallowed the one that was meant for it.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


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


async def in_time(method: Callable[[], Awaitable[None]]) -> None:
    """Await a component's ``open`` or ``close``, but not for ever: some ignore a cancellation."""
    task = asyncio.create_task(call(method))
    try:
        done, _ = await asyncio.wait((task,), timeout=OPEN_TIMEOUT_S)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait((task,), timeout=LAST_WORDS_S)
    if not done:
        raise TimeoutError(f"it did not return within {OPEN_TIMEOUT_S:g} s")
    task.result()


def checked(batch: Batch) -> Batch:
    """Return a plugin's batch if it has what the books are kept by."""
    if not (isinstance(batch.size, int) and batch.size >= 0):
        raise PluginError(f"a batch of it has the size {batch.size!r:.40}: heap bytes are expected")
    if not isinstance(batch.resource, Resource):
        raise PluginError(f"a batch of it has {batch.resource!r:.40} as its resource")
    return batch


def checked_report(report: Report, batches: Sequence[Batch]) -> Report | PluginError:
    """Return what is wrong with a report, if something is: believing it would lose events."""
    if not isinstance(report.rejected, Mapping) or not isinstance(report.retry, Sequence):
        return PluginError("its Report has no mapping as rejected, or no sequence as retry")
    if not (report.rejected or report.retry):
        return report
    known = {id(event) for batch in batches for event in batch.events}
    named = {id(event) for event in (*report.rejected, *report.retry)}
    if strange := len(named - known):
        return PluginError(f"its Report names {strange} events that it was not given")
    return report


def kind_of(event: Event) -> str:
    """Return what kind an event is; what a plugin may have put among them is none."""
    return KINDS.get(type(event)) or f"{type(event).__name__}, which is no event"

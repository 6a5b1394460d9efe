"""Extensions that observe: told of the process when it starts, and when it has stopped."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from penstock.admin import collect
from penstock.admin.exposition import exposition
from penstock.admin.metrics import samples
from penstock.api.errors import ConfigError
from penstock.plugins import Plugins
from penstock.plugins.broken import BrokenError
from penstock.runtime import Runtime

ANSWER_S = 5.0
"""How long a thread waits for an answer: the loop may be busy, or at its end."""

T = TypeVar("T")
_log = logging.getLogger("penstock.extensions")


class Process:
    """What an extension may ask: an ``Observed``."""

    def __init__(self, runtime: Runtime, listen: Callable[[], str]) -> None:
        self._runtime = runtime
        self._listen = listen
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def status(self) -> dict[str, Any]:
        """Return what ``penstock status --json`` says. ``TimeoutError``: nobody answers."""
        found: dict[str, Any] = msgspec.to_builtins(
            self._ask(lambda: collect.status(self._runtime, listen=self._listen()))
        )
        return found

    def metrics(self) -> str:
        """Return all metrics, in Prometheus's text format. ``TimeoutError``: nobody answers."""
        histograms = self._runtime.services.telemetry.histograms
        return self._ask(lambda: exposition(samples(self._runtime), histograms()))

    def _ask(self, question: Callable[[], T]) -> T:
        """Ask where nothing changes meanwhile: on the loop."""
        if threading.get_ident() == self._thread:
            return question()

        async def answer() -> T:
            return question()

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result(ANSWER_S)


class Observers:
    """The extensions that ``[penstock] extensions`` names; none of them can stop Penstock."""

    def __init__(self, listen: Callable[[], str] = str) -> None:
        self._listen = listen
        self._told: list[str] = []

    async def start(self, runtime: Runtime) -> None:
        """Tell the extensions of the process."""
        self._runtime = runtime
        self._process = Process(runtime, self._listen)
        self._follow(runtime.plan.settings.extensions)

    async def changed(self, runtime: Runtime) -> None:
        """Tell those that a reload names now, and those that it no longer names."""
        self._follow(runtime.plan.settings.extensions)

    async def stop(self) -> None:
        """Tell all of them that it has stopped. Safe without ``start``, and twice."""
        self._follow(())

    @cached_property
    def _plugins(self) -> Plugins:
        return Plugins()  # It looks at every installed distribution: only for who has extensions.

    def _follow(self, wanted: Sequence[str]) -> None:
        before, self._told = self._told, list(wanted)
        for name in before:
            if name not in wanted:
                self._call(name, "penstock_stopped")
        for name in wanted:
            if name not in before:
                self._call(name, "penstock_started")

    def _call(self, name: str, hook: str) -> None:
        table = f"penstock.extensions.{name}"
        try:
            module = self._plugins.extension(name)
        except (BrokenError, ConfigError):
            return  # It was said when the file was read.
        self._runtime.packages.add(module.__name__, table)
        try:
            self._plugins.call(name, hook, process=self._process)
        except Exception as error:
            _log.exception("%s: %s failed: %s: %s", table, hook, type(error).__name__, error)

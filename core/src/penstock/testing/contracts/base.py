"""What every class of a contract stands on."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from importlib.util import find_spec

import pytest

from penstock.api.component import Component
from penstock.plugins.broken import explain

if find_spec("pytest_asyncio") is None:
    raise ImportError(
        "the contracts of penstock.testing need pytest-asyncio, which is not installed: "
        'pip install "penstock[testing]"'
    )

asynchronous = pytest.mark.asyncio
"""Has a test run in an event loop, whatever mode pytest-asyncio is in."""

Test = Callable[..., object]
"""The test whose obligation is at stake."""


class ContractBase:
    """The component whose contract it is, and how patient its tests are."""

    patience_s: float = 10.0
    """How long something that has to happen may take before it counts as not happening."""

    @abstractmethod
    def make_component(self) -> Component:
        """Make a new instance; each kind's contract has a method of its own for this."""

    def _config_class(self) -> type[Component.Config]:
        return type(self.make_component()).Config

    def _told(self, error: BaseException | None) -> str:
        """Say what a component raised, and at which line of its own."""
        return explain(error, type(self.make_component()).__module__) if error else "nothing"


async def error_of(call: Awaitable[object], timeout: float | None = None) -> Exception | None:
    """Return what a call raised, None if it did not; ``TimeoutError`` if it took longer."""
    try:
        async with asyncio.timeout(timeout):
            await call
    except (Exception, asyncio.CancelledError) as error:
        return error if isinstance(error, Exception) else None
    return None

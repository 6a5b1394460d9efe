"""The servers beside a test that is not async: a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, ParamSpec, Protocol, Self, TypeVar


class Server(Protocol):
    """What can be started and stopped."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Server)
_LIMIT_S = 60.0


class Servers:
    """Starts servers and calls their methods where they run; attributes may be read directly."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._started: list[Server] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._started:
            self.wait(server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, server: F) -> F:
        """Start a server; it is stopped at the end."""
        self._started.append(server)
        self.wait(server.start())
        return server

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the loop and return what it returns."""

        async def inside() -> T:
            return function(*args, **kwargs)

        return self.wait(inside())

    def wait(self, work: Coroutine[Any, Any, T], timeout: float = _LIMIT_S) -> T:
        """Run a coroutine in the loop to its end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def begin(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Run a coroutine in the loop and do not wait for its end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

"""A thread that makes blocking calls, one after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from threading import Condition, Thread
from typing import Any, TypeVar

from penstock.api.errors import PluginError, RetryableError

T = TypeVar("T")

_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]
_Outcome = tuple[object, Exception | None]


class Worker:
    """A daemon thread with a queue of calls.

    asyncio's own executor will not do: it has the process wait at its exit for a call that never
    returns, and many a client wants all its calls from one thread.
    """

    def __init__(self, name: str) -> None:
        self._jobs: deque[_Job] = deque()
        self._change = Condition()
        self._running: asyncio.Future[Any] | None = None
        self._last: asyncio.Future[None] | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether a call is under way, also one that nobody waits for any more."""
        return self._running is not None

    async def call(self, function: Callable[[], T]) -> T:
        """Call it in the thread; a call that is cancelled before its turn is not made."""
        done = self._submit(function)
        try:
            return await done
        finally:
            if done.cancelled():
                self._forget(done)

    async def end(self, last: Callable[[], None], timeout_s: float) -> bool:
        """Make one last call, after the one that is under way; say whether it was in time.

        It is made also if nobody waits for it any more; calls that wait before it are not.
        """
        self._last = self._submit(last)
        await asyncio.wait([self._last], timeout=timeout_s)
        if not self._last.done():
            return False
        self._thread.join(timeout_s)
        self._last.result()
        return True

    def _submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        context = copy_context()
        with self._change:
            self._jobs.append((lambda: context.run(function), done))
            self._change.notify()
        return done

    def _forget(self, done: asyncio.Future[Any]) -> None:
        """Let go of a call that will not be made: behind one that hangs, they would pile up."""
        with self._change:
            self._jobs = deque(job for job in self._jobs if job[1] is not done)

    # In the thread.

    def _run(self) -> None:
        while not self._do(*self._next()):
            pass

    def _next(self) -> _Job:
        with self._change:
            self._change.wait_for(lambda: self._jobs)
            return self._jobs.popleft()

    def _do(self, function: Callable[[], Any], done: asyncio.Future[Any]) -> bool:
        """Make one call and say whether it was the last; nothing of it is kept afterwards."""
        # In this order: a call that is cancelled now is either not made or seen to be busy.
        self._running = done
        is_last = done is self._last
        result, error = None, None
        if not done.cancelled():
            result, error = self._outcome(function, is_last=is_last)
        self._running = None
        self._tell(done, result, error)
        return is_last

    def _outcome(self, function: Callable[[], Any], *, is_last: bool) -> _Outcome:
        if self._last is not None and not is_last:
            return None, RetryableError("it is being closed")
        try:
            return function(), None
        except Exception as error:
            return None, _harmless(error)
        except BaseException as error:  # SystemExit would end the thread in silence.
            return None, PluginError(f"it raised {error!r}")

    def _tell(self, done: asyncio.Future[Any], result: object, error: Exception | None) -> None:
        with suppress(RuntimeError):  # The loop is closed: nobody waits.
            done.get_loop().call_soon_threadsafe(_answer, done, result, error)


def _harmless(error: Exception) -> Exception:
    """Return an error that a future may hold."""
    return PluginError("it raised StopIteration") if isinstance(error, StopIteration) else error


def _answer(done: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)

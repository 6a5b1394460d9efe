"""Watches what a plugin does behind the scenes: I/O, tasks, threads and sockets.

Whatever runs in the plugin's context is attributed to the plugin, and so is all that it starts
from there; what the test and the far end do meanwhile is not.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from penstock.testing.stepping import Steps
from penstock.testing.waiting import eventually

T = TypeVar("T")

_IO_EVENTS = frozenset(
    {
        "open",
        "os.listdir",
        "os.mkdir",
        "os.posix_spawn",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.scandir",
        "os.system",
        "os.truncate",
        "shutil.copyfile",
        "sqlite3.connect",
        "subprocess.Popen",
        "urllib.Request",
    }
)

_current: contextvars.ContextVar[Watch | None] = contextvars.ContextVar("watch", default=None)
_steps: contextvars.ContextVar[Steps | None] = contextvars.ContextVar("steps", default=None)
_state = {"hooked": False}


class Watch:
    """What one plugin did since the watch was made. Needs a running loop to see tasks."""

    def __init__(self) -> None:
        self.io: list[str] = []
        self.tasks: WeakKeyDictionary[asyncio.Task[Any], str] = WeakKeyDictionary()
        self.sockets: WeakSet[Any] = WeakSet()
        self.threads: WeakSet[threading.Thread] = WeakSet()
        if not _state["hooked"]:
            # An audit hook cannot be removed: one is enough for all watches.
            sys.addaudithook(_audit)
            # Python tells its audit hooks of threads only since 3.12.
            threading.Thread.start = _start  # type: ignore[assignment, method-assign]
            _state["hooked"] = True

    def call(self, function: Callable[[], T]) -> T:
        """Call something in the plugin's context."""
        return self._context().run(function)

    def start(
        self, coroutine: Coroutine[Any, Any, T], steps: Steps | None = None
    ) -> asyncio.Task[T]:
        """Start a coroutine in the plugin's context; this task itself is not the plugin's.

        ``steps`` count its awaits and those of the tasks that it starts.
        """
        loop = asyncio.get_running_loop()
        if loop.get_task_factory() is not _make_task:
            loop.set_task_factory(_make_task)  # type: ignore[arg-type]
        task = loop.create_task(coroutine, context=self._context(steps))
        self.tasks.pop(task, None)
        if steps:
            steps.victim = task
        return task

    async def run(
        self,
        coroutine: Coroutine[Any, Any, T],
        *,
        timeout: float = 30.0,
        steps: Steps | None = None,
    ) -> T:
        """Run a coroutine in the plugin's context to its end, or raise ``TimeoutError``."""
        async with asyncio.timeout(timeout):
            return await self.start(coroutine, steps)

    @property
    def leftovers(self) -> list[str]:
        """The plugin's tasks and threads that still run, and its sockets that are still open.

        The threads of the loop's own executor (``asyncio.to_thread``) are not the plugin's.
        """
        running = [task for task in self.tasks if not task.done()]
        tasks = [f"{task.get_name()}: {self.tasks[task]}" for task in running]
        threads = [f"thread {thread.name}" for thread in self.threads if thread.is_alive()]
        return [*tasks, *threads, *(str(sock) for sock in self.sockets if sock.fileno() != -1)]

    async def until_clean(self, patience_s: float) -> list[str]:
        """Wait until nothing is left over; return what still is when patience ends."""
        await eventually(lambda: not self.leftovers, patience_s)
        return self.leftovers

    def _context(self, steps: Steps | None = None) -> contextvars.Context:
        context = contextvars.copy_context()
        context.run(_current.set, self)
        context.run(_steps.set, steps)
        return context


def _audit(event: str, args: tuple[Any, ...]) -> None:
    watch = _current.get(None)
    if watch is None or not (event in _IO_EVENTS or event.startswith("socket.")):
        return
    if event == "socket.__new__":
        try:
            watch.sockets.add(args[0])
        except TypeError:  # One of the C class, which has no weak references.
            return
    if not _is_importing():
        watch.io.append(f"{event}{args!r}"[:200])


_start_thread = threading.Thread.start


def _start(thread: threading.Thread) -> None:
    watch = _current.get(None)
    if watch is not None and not thread.name.startswith("asyncio_"):
        watch.threads.add(thread)
    _start_thread(thread)


def _is_importing() -> bool:
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _make_task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, T],
    context: contextvars.Context | None = None,
    **options: Any,
) -> asyncio.Task[T]:
    of = context or contextvars.copy_context()
    watch, steps = of.get(_current), of.get(_steps)
    text = str(coroutine)
    counted = steps.counted(coroutine) if steps else coroutine
    task = asyncio.Task(counted, loop=loop, context=of, **options)
    if steps:
        # A task that is cancelled before its first step never comes to what it wraps.
        task.add_done_callback(lambda _: coroutine.close())
    if watch:
        watch.tasks[task] = text  # Its name is given to it only later.
    return task

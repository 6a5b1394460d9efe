"""Notices what blocks the event loop, and names the line that does."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Self

LOOK_EVERY_S = 0.02
OWN_FILES = ("/asyncio/", "/penstock/testing/", "/penstock/bus/", "/_pytest/", "/selectors.py")
"""Frames of these are how a call came about, not what blocks."""


class LoopGuard:
    """Watches the running loop from a thread for the length of a block.

    ``blocked`` holds, for each time that the loop stood still for ``limit_s``, where it stood.
    A busy machine is no block: only such looks count for which the watching thread itself got
    its turn in time, or during which the loop's thread had the processor.
    """

    def __init__(self, limit_s: float = 0.5) -> None:
        self.limit_s = limit_s
        self.blocked: list[str] = []
        self._beats = 0
        self._told = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="loop guard", daemon=True)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._ident = threading.get_ident()
        self._used = time.thread_time()
        self._beat()
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0)
        self._timer.cancel()
        self._beat()
        self._timer.cancel()
        self._over.set()
        await asyncio.to_thread(self._thread.join)

    def _beat(self) -> None:
        """Show that the loop moves on, and tell of a call that let no other thread look."""
        before, self._used = self._used, time.thread_time()
        if self._used - before > self.limit_s and self._told != self._beats:
            self._tell("a call that keeps Python's interpreter to itself, such as a match of `re`,")
        self._beats += 1
        self._timer = self._loop.call_later(LOOK_EVERY_S, self._beat)

    def _look(self) -> None:
        stood = _Standstill(self._ident, self._beats)
        while not self._over.is_set():
            late_s = _sleep(LOOK_EVERY_S)
            if stood.beats != self._beats:
                stood = _Standstill(self._ident, self._beats)
                continue
            stood.looked(late_s)
            if stood.seconds >= self.limit_s and self._told != stood.beats:
                self._tell(where(sys._current_frames().get(self._ident)))

    def _tell(self, what: str) -> None:
        self._told = self._beats
        self.blocked.append(f"{what} for more than {self.limit_s:g} s")


class _Standstill:
    """Looks at a loop that did not move on between them."""

    def __init__(self, ident: int, beats: int) -> None:
        self.beats = beats
        self._clock = _processor_clock(ident)
        self._processor = self._clock()
        self._calm = 0.0

    def looked(self, late_s: float) -> None:
        """Count a look for which the thread that looks had to wait no longer than it wanted."""
        if late_s < LOOK_EVERY_S:
            self._calm += LOOK_EVERY_S

    @property
    def seconds(self) -> float:
        """How long the loop stands, by calm looks or by its use of the processor."""
        return max(self._calm, self._clock() - self._processor)


def _processor_clock(ident: int) -> Callable[[], float]:
    if not hasattr(time, "pthread_getcpuclockid"):
        return lambda: 0.0
    clock = time.pthread_getcpuclockid(ident)
    return lambda: time.clock_gettime(clock)


def _sleep(seconds: float) -> float:
    """Sleep and return how much longer it took."""
    began = time.monotonic()
    time.sleep(seconds)
    return time.monotonic() - began - seconds


def where(frame: FrameType | None) -> str:
    """Name the innermost line of a stack that is not of asyncio, core or the kit."""
    stack = traceback.extract_stack(frame) if frame else []
    if not stack:
        return "the loop stood still, nobody knows where"
    inner = stack[-1]
    own = [one for one in stack if not any(part in one.filename for part in OWN_FILES)]
    place = own[-1] if own else inner
    return f"`{place.line}` in {place.name} ({_short(place.filename)}, line {place.lineno})"


def _short(file: str) -> str:
    return "/".join(file.split("/")[-2:])

"""Notices that the event loop does not come round, and says who keeps it from that.

A thread asks the loop for a sign of life once a second. While there is none, nothing else runs:
no source reads, no sink writes, no stop is heard.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from types import FrameType

from msgspec import Struct

from penstock.log import Quiet
from penstock.telemetry import LOOP_BLOCKED, Telemetry
from penstock.watch.culprit import Culprit, Packages, stack_of


class Patience(Struct, frozen=True, kw_only=True):
    """Times in seconds.

    ``interval`` lies between a sign of life and the next question, ``patience`` is what the loop
    has for its answer, ``tell_after`` how long the end is waited for to say it all in one line,
    ``again`` how often it is said while it lasts, and of one place.
    """

    interval: float = 1.0
    patience: float = 1.0
    tell_after: float = 5.0
    again: float = 60.0


NOBODY = Culprit("", "an unknown place", "no frame of a plugin or of Penstock", "")


class LoopWatch:
    """Watches the loop in which it is entered, until it is left."""

    def __init__(
        self, packages: Packages, telemetry: Telemetry, patience: Patience | None = None
    ) -> None:
        self._packages = packages
        self._telemetry = telemetry
        self._patience = patience or Patience()
        self._quiet = Quiet(self._patience.again)
        self._stopped = threading.Event()
        self._answered = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        """Begin; it has to be in the loop."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, name="loop watch", daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """End, without waiting for the thread: it ends at once."""
        self._stopped.set()
        self._answered.set()

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _watch(self) -> None:
        while not self._stopped.wait(self._patience.interval):
            try:
                self._ask()
            except RuntimeError:
                return  # The loop is closed: it ended without a stop.

    def _ask(self) -> None:
        assert self._loop  # noqa: S101
        if self._is_resting(self._frame()):
            return  # To ask would wake it for nothing.
        answered = self._answered = threading.Event()
        asked, used = time.monotonic(), time.process_time()
        self._loop.call_soon_threadsafe(answered.set)
        if answered.wait(self._patience.patience) or self._stopped.is_set():
            return
        waited = time.monotonic() - asked
        if waited > 1.5 * self._patience.patience and time.process_time() - used < waited / 2:
            return  # The process itself was not given the time: nobody in here is to blame.
        culprit = self._culprit()
        if culprit is not None:
            self._blocked(culprit, answered, asked)

    def _culprit(self) -> Culprit | None:
        """Return who runs at the moment; None if the loop only waits for its turn."""
        frame = self._frame()
        if self._is_resting(frame):
            return None
        return self._packages.culprit(stack_of(frame)) or NOBODY

    def _frame(self) -> FrameType | None:
        return sys._current_frames().get(self._loop_thread)

    @staticmethod
    def _is_resting(frame: FrameType | None) -> bool:
        """Say whether the loop waits for something to happen."""
        while frame is not None and frame.f_code.co_name == "select":
            frame = frame.f_back
            if frame is not None and frame.f_code.co_name == "_run_once":
                return True
        return frame is None

    def _blocked(self, culprit: Culprit, answered: threading.Event, asked: float) -> None:
        """Say it, and count it when it is over."""
        said = False
        over = answered.wait(self._patience.tell_after)
        while not over:
            said = self._say(culprit, asked, "has kept the event loop busy for at least") or said
            over = answered.wait(self._patience.again)
            culprit = culprit if over else (self._culprit() or culprit)
        if said:
            self._log(culprit, asked, "let go of the event loop after")
        else:
            self._say(culprit, asked, "kept the event loop busy for at least")
        self._count(culprit, time.monotonic() - asked)

    def _say(self, culprit: Culprit, asked: float, what: str) -> bool:
        if not self._quiet.allows(culprit.place):
            return False
        self._log(culprit, asked, what)
        return True

    @staticmethod
    def _log(culprit: Culprit, asked: float, what: str) -> None:
        log = logging.getLogger(f"penstock.{culprit.table}" if culprit.table else "penstock")
        seconds = time.monotonic() - asked
        log.warning("%s %.1f s, and nothing else ran: %s", what, seconds, culprit)

    def _count(self, culprit: Culprit, seconds: float) -> None:
        """Have the loop count it: the registry is not for several threads."""
        assert self._loop  # noqa: S101
        labels = (culprit.table or "penstock",)
        self._loop.call_soon_threadsafe(self._telemetry.add, LOOP_BLOCKED, labels, seconds)

"""Leaves the process, even if a plugin left something behind in it that does not end."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Collection
from typing import NoReturn

from penstock.watch.culprit import Packages, stack_of

LEAVE_S = 1.0
"""How long what was left behind may take to end, once everything is closed."""

_log = logging.getLogger("penstock")


class Departure:
    """The end of the process: by itself, else by force, with a word on what held it up.

    Threads that were there when it was made are nobody's here.
    """

    def __init__(self) -> None:
        self._before = set(threading.enumerate())
        self._timer: threading.Timer | None = None

    def begin(self, code: int, packages: Packages) -> None:
        """Leave with this code, at the latest in ``LEAVE_S``."""
        self._timer = threading.Timer(LEAVE_S, self._leave, (code, packages))
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """Use no force, unless a thread is left that the interpreter would wait for."""
        if self._timer and not self._left():
            self._timer.cancel()

    def _left(self) -> Collection[threading.Thread]:
        return [one for one in threading.enumerate() if not one.daemon and one not in self._before]

    def _leave(self, code: int, packages: Packages) -> NoReturn:
        frames = sys._current_frames()
        for thread in self._left():
            culprit = packages.culprit(stack_of(frames.get(thread.ident or 0)))
            table = f"penstock.{culprit.table}" if culprit and culprit.table else "penstock"
            said = culprit or thread.name
            logging.getLogger(table).warning("left a thread behind that does not end: %s", said)
        _log.warning("leaving without waiting for what plugins left behind")
        os._exit(code)

"""Opens a container's log, anew or exactly behind the last line that was sent."""

from __future__ import annotations

import asyncio

from penstock.api import Log, heap_size
from penstock_source_docker.beginning import ALL
from penstock_source_docker.budget import Budget
from penstock_source_docker.frames import FrameLines
from penstock_source_docker.frames import walk as walk_frames
from penstock_source_docker.lines import LineFormat, Lines
from penstock_source_docker.log_stream import LogStream
from penstock_source_docker.position import Position
from penstock_source_docker.recent import Recent
from penstock_source_docker.shared import Shared
from penstock_source_docker.terminal import TerminalLines
from penstock_source_docker.terminal import walk as walk_terminal

TAILS = ("100", "1000", "10000", "100000", "1000000", ALL)
"""Of how many frames to look through the last, until the last line that was sent is among them."""

FIRST_TAIL = "1000"
PATIENCE_S = 2.0
"""For the first look, which does not know whether that line is there at all."""

SEARCH_S = 120.0
"""For one that knows."""

PROBE_TAIL = "10"

AHEAD_NS = 2_000_000_000
"""A line may be stamped so far ahead of the engine's clock as it is known here."""


class Reading:
    """An open log: the stream, what makes events of it, and those that it made already."""

    __slots__ = ("events", "lines", "opened", "stream")

    def __init__(self, stream: LogStream, lines: Lines, opened: int) -> None:
        self.stream = stream
        self.lines = lines
        self.opened = opened
        """The engine's time at the opening: what is older came from the log, not from live."""
        self.events: list[Log] = []

    def close(self) -> None:
        """Hang up, and forget lines that are open: they will be read again."""
        self.stream.close()
        self.lines.close()


class Opening:
    """The ways into one container's log."""

    def __init__(self, shared: Shared, container: str, *, tty: bool, same_stamp: bool) -> None:
        self._shared = shared
        self._container = container
        self._form = LineFormat(
            shared.severities, shared.max_line_bytes, shared.budgets, same_stamp=same_stamp
        )
        self._kind: type[Lines] = TerminalLines if tty else FrameLines
        self.recent = Recent(shared.budgets.recent, walk_terminal if tty else walk_frames)
        self.oldest = 0
        """The stamp of the oldest line that the last search through everything saw; 0: none."""
        self._falls = shared.engine.clock.falls

    async def begin(self, position: Position, tail: str, *, follow: bool) -> Reading:
        """Open it from a position's time on, or with so many of its last lines."""
        return await self._open(self._lines(position), position.since, tail, follow=follow)

    async def open_rest(self, position: Position, *, follow: bool) -> tuple[Reading, int]:
        """Open all that is newer than a position whose last line is gone; return from when on."""
        since = self._since(position)
        return await self._open(self._lines(position), since, ALL, follow=follow), since

    async def newest(self, since: int) -> int:
        """Return the stamp of the newest frame since a time, 0 if there is none."""
        lines = self._kind(self._form, Position(), Recent(Budget(0), walk_frames))
        reading = await self._open(lines, since, PROBE_TAIL, follow=False)
        try:
            while data := await reading.stream.read():
                lines.feed(data)
            return lines.newest
        finally:
            reading.close()

    async def resume(
        self, position: Position, *, follow: bool, in_doubt: bool = False
    ) -> Reading | None:
        """Open it behind the last line of a position; None if Docker no longer has that line.

        ``in_doubt`` about its times, nothing is asked of them.
        """
        if in_doubt:
            self._falls = -1
        falls = self._shared.engine.clock.falls
        async with self._shared.scans:
            reading = await self._resume(position, follow=follow)
        if reading:
            self._falls = falls
        return reading

    async def _resume(self, position: Position, *, follow: bool) -> Reading | None:
        """Look for the line, in more and more of the log.

        Most often it is among the last thousand. If not, it is looked for without following:
        only an end tells that it is not there, and that there is no need to wait for it.
        """
        if follow:
            found = await self._look(position, FIRST_TAIL, follow=True, patience=PATIENCE_S)
            if found:
                return found
        for tail, wider in zip(TAILS, (*TAILS[1:], ALL), strict=True):
            found = await self._look(position, tail, follow=False)
            if found is None:
                continue
            if not follow:
                return found
            found.close()
            # While it is opened again the log may grow beyond what was just enough.
            found = await self._look(position, wider, follow=True, patience=SEARCH_S)
            if found:
                return found
        return None

    async def _look(
        self, position: Position, tail: str, *, follow: bool, patience: float | None = None
    ) -> Reading | None:
        """Read until the anchor came back; None if it is not in what was asked for."""
        since = self._since(position)
        lines = self._lines(position, closed=True, lenient=tail == ALL)
        reading = await self._open(lines, since, tail, follow=follow)
        history = lines.history
        try:
            async with asyncio.timeout(patience):
                while history.closed and not self._hopeless(lines, tail, follow=follow):
                    data = await reading.stream.read()
                    if not data:
                        break
                    reading.events += lines.feed(data)
        except TimeoutError:
            pass
        except BaseException:
            reading.close()
            raise
        if not history.closed:
            lines.size = heap_size(reading.events)
            return reading
        reading.close()
        self.oldest = history.oldest
        return None

    def _hopeless(self, lines: Lines, tail: str, *, follow: bool) -> bool:
        history = lines.history
        if lines.broken or (follow and tail != ALL and history.seen >= int(tail)):
            return True
        # Where the clock once went back, what is newer may well come before the anchor.
        return history.passed and (tail != ALL or not history.epoch)

    def _since(self, position: Position) -> int:
        """Return from when on to ask; 0 where the clock went back since: only order counts then."""
        clock = self._shared.engine.clock
        if clock.falls != self._falls or position.last_time > clock.now() + AHEAD_NS:
            return 0
        return position.resume_since

    def _lines(self, position: Position, *, closed: bool = False, lenient: bool = False) -> Lines:
        return self._kind(self._form, position, self.recent, closed=closed, lenient=lenient)

    async def _open(self, lines: Lines, since: int, tail: str, *, follow: bool) -> Reading:
        shared = self._shared
        opened = shared.engine.clock.now()
        stream = await shared.engine.logs(
            self._container, shared.streams, since=since, tail=tail, follow=follow
        )
        return Reading(stream, lines, opened)

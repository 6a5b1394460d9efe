"""The resend window: the writes whose bytes may still be in flight, and when each has left it.

TCP has no acknowledgement by the program at the other end. What was sent may be in the send
queue here or unread in the peer's kernel, and is gone when the peer dies. A write is done only
when its bytes can be in neither.
"""

from __future__ import annotations

import asyncio
from collections import deque

from msgspec import Struct

from penstock.api import RetryableError

MAX_REACH_BYTES = 16_777_216
"""The most that ``resend_bytes = "auto"`` amounts to."""
HIDDEN_BYTES = 1_048_576
"""What a kernel may hold beyond all windows that it announces: on Linux 16 segments, which are
64 KiB each on loopback."""
UNKNOWN_REACH_BYTES = 4_194_304
"""What it amounts to where the kernel does not tell."""
SPARE = 0.25
"""A peer whose window is smaller than usual by no more than this part has read everything.

Linux announces up to a fifth less than before for a while, though all is read.
"""
PATIENCE_S = 1.0
"""How long everything may stop before half of the usual window is enough for the oldest to go."""
STUCK_S = 60.0
"""Quiet time after which a window that stays smaller counts as the usual one."""
CROWD = 4
"""With this part of the writes that core may keep open, those that are old and read may go."""
MARK_S = 0.1
"""How exactly the age of writes is known."""


class Rules(Struct, frozen=True):
    """Bounds of a window.

    ``reach`` fixes the bytes after which earlier ones have left it; None = by the kernel's word.
    ``most_writes`` and ``most_heap`` are what core keeps open.
    """

    reach: int | None = None
    quiet_s: float = 5.0
    most_writes: int = 4096
    most_heap: int = 16_777_216


class Sample(Struct, frozen=True):
    """What the kernel says: offsets count from the start of the connection.

    ``taken`` is what it has been given, ``unacknowledged`` and ``peer_window`` are None where it
    does not tell.
    """

    taken: int
    unacknowledged: int | None
    peer_window: int | None


class _Entry:
    __slots__ = ("end", "future", "heap")

    def __init__(self, future: asyncio.Future[None], end: int, heap: int) -> None:
        self.future = future
        self.end = end
        self.heap = heap


class Window:
    """The open writes of one connection, oldest first.

    Call ``sent`` when a write's bytes are handed over, ``settle`` whenever there is news.
    """

    def __init__(self, rules: Rules, send_buffer: int) -> None:
        self._rules = rules
        self._send_buffer = send_buffer
        self._entries: deque[_Entry] = deque()
        self._marks: deque[tuple[float, int]] = deque()
        self._heap = 0
        self._end = 0
        self._last_sent = 0.0
        self._widest = 0
        self._usual = 0
        self.cut_short = False
        """Whether writes had to be let go although their bytes might still have been in flight."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_full(self) -> bool:
        """Whether core can start no further write before one of these returns."""
        rules = self._rules
        return self._heap >= rules.most_heap or len(self._entries) >= rules.most_writes

    def sent(self, future: asyncio.Future[None], end: int, heap: int, now: float) -> None:
        """Note that a write's bytes end at this offset."""
        self._entries.append(_Entry(future, end, heap))
        self._heap += heap
        self._end = end
        self._last_sent = now
        if not self._marks or now - self._marks[-1][0] >= MARK_S:
            self._marks.append((now, end))

    def settle(self, sample: Sample, now: float) -> None:
        """Let those writes return whose bytes cannot be in flight any more."""
        if sample.peer_window is not None:
            self._widest = max(self._widest, sample.peer_window)
            self._usual = max(self._usual, sample.peer_window)
            self.cut_short |= self._rules.reach is None and self._least_reach > MAX_REACH_BYTES
        self._release(sample.taken - self.reach)
        if not self._entries:
            return
        acknowledged = sample.taken - (sample.unacknowledged or 0)
        unread = self._unread(sample)
        quiet = now - self._last_sent
        if acknowledged >= self._end and self._is_quiet(quiet, unread, sample):
            self._release(self._end)
            return
        if len(self._entries) * CROWD >= self._rules.most_writes:
            self._release(min(acknowledged - unread, self._old(now)))
        is_reading = unread <= self._usual * (1 - 2 * SPARE)
        stuck = quiet >= PATIENCE_S and is_reading
        self._make_room(sample, acknowledged if stuck else acknowledged - unread)

    @property
    def reach(self) -> int:
        """So many later bytes show that earlier ones were read."""
        if self._rules.reach is not None:
            return self._rules.reach
        if not self._widest:
            return UNKNOWN_REACH_BYTES
        # A receive buffer of fixed size holds twice the window that it announces.
        return min(2 * self._widest + self._beside, MAX_REACH_BYTES)

    def deliver(self) -> None:
        """Let all writes return: the peer has read everything."""
        self._release(self._end)

    def fail(self, reason: str) -> None:
        """Have all writes raise ``RetryableError``."""
        while self._entries:
            future = self._entries.popleft().future
            if not future.done():
                future.set_exception(RetryableError(reason))
        self._heap = 0

    def _release(self, offset: int) -> None:
        entries = self._entries
        while entries and entries[0].end <= offset:
            entry = entries.popleft()
            self._heap -= entry.heap
            if not entry.future.done():
                entry.future.set_result(None)
        while self._marks and self._marks[0][1] <= offset:
            self._marks.popleft()

    def _unread(self, sample: Sample) -> int:
        """Estimate how much the peer's kernel holds: twice what its window lacks."""
        if sample.peer_window is None:
            return 0
        return max(0, 2 * (int(self._usual * (1 - SPARE)) - sample.peer_window))

    def _is_quiet(self, quiet: float, unread: int, sample: Sample) -> bool:
        if quiet >= STUCK_S and sample.peer_window is not None:
            self._usual = sample.peer_window
            return True
        return quiet >= self._rules.quiet_s and not unread

    def _old(self, now: float) -> int:
        """Return the offset before which bytes are as old as the quiet time is long."""
        quiet_s = self._rules.quiet_s
        return max((end for at, end in self._marks if now - at >= quiet_s), default=-1)

    def _make_room(self, sample: Sample, read: int) -> None:
        """Let go of the oldest rather than have core wait for them while they wait for core.

        Those first that are behind the least reach, then those the peer seems to have read.
        """
        passed = sample.taken - self._least_reach
        while self._entries and self._heap >= self._rules.most_heap:
            end = self._entries[0].end
            if end > max(passed, read):
                return
            self.cut_short |= end > passed
            self._release(end)

    @property
    def _least_reach(self) -> int:
        if self._rules.reach is not None:
            return self._rules.reach
        return self._widest * 5 // 4 + self._beside

    @property
    def _beside(self) -> int:
        """What may be in flight besides the peer's window: the send queue holds a little more than
        its size.
        """
        return self._send_buffer * 5 // 4 + HIDDEN_BYTES

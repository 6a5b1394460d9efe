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

MAX_HELD_BYTES = 16_777_216
"""The most that is sent and held with ``resend_bytes = "auto"``."""
HIDDEN_BYTES = 1_048_576
"""What a kernel may hold beyond all windows that it announces: on Linux 16 segments, which are
64 KiB each on loopback."""
UNKNOWN_REACH_BYTES = 4_194_304
"""What counts as the reach where the kernel does not tell."""
SPARE = 16
"""A window that lacks no more than this part of the widest is open: all is read.

Linux announces a few percent less than before for a while, though nothing is unread.
"""
TIGHT = 7 / 8
"""From this part of its bounds on, a window lets go of what is read rather than wait."""
ROOM = 3 / 4
"""Down to this part, so that this does not have to be asked for every write."""
PROOF_S = 2.0
"""How long everything may stop for want of room before the peer is asked to prove what it read."""
STUCK_S = 60.0
"""Quiet time after which it is asked in any case."""
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

    Call ``sent`` when a write's bytes are handed over, ``settle`` whenever there is news. That the
    peer ``reads`` at all is not to be told from the window of a new connection, which grows also
    where nobody reads.
    """

    def __init__(self, rules: Rules, send_buffer: int, *, reads: bool = False) -> None:
        self._rules = rules
        self._send_buffer = send_buffer
        self._entries: deque[_Entry] = deque()
        self._marks: deque[tuple[float, int]] = deque()
        self._heap = 0
        self._end = 0
        self._begin = 0
        self._last_sent = 0.0
        self._widest = 0
        self.reads = reads
        """Whether the peer's program is known to have read something."""
        self.cut_short = False
        """Whether writes had to be let go although their bytes might still have been in flight."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_tight(self) -> bool:
        """Whether there is little room left: what is sent now should tell the peer's window."""
        return self._fill >= TIGHT

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be sent before some of these writes return."""
        return self._fill >= 1

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
        self._widest = max(self._widest, sample.peer_window or 0)
        behind = sample.taken - self.reach
        self.reads |= behind > 0
        self._release(behind)
        if not self._entries:
            return
        acknowledged = _acknowledged(sample)
        read = acknowledged - self._unread(sample)
        quiet = now - self._last_sent
        if read >= self._end and quiet >= (self._rules.quiet_s if self.reads else STUCK_S):
            self._release(self._end)
        elif len(self._entries) * CROWD >= self._rules.most_writes:
            self._release(min(read, self._old(now)))
        self._make_room(sample, read)

    def needs_proof(self, sample: Sample, now: float) -> bool:
        """Say whether only the peer's own end can tell if it has read what it acknowledged.

        Nothing tells that it reads at all, or its window is neither as open as it was nor so small
        that its program must have stopped.
        """
        if not self._entries or _acknowledged(sample) < self._end:
            return False
        quiet = now - self._last_sent
        if quiet >= STUCK_S:
            return True
        if sample.peer_window is None or 2 * self._lack(sample) > self._widest:
            return False
        return quiet >= self._rules.quiet_s or (self.is_full and quiet >= PROOF_S)

    @property
    def reach(self) -> int:
        """So many later bytes show that earlier ones were read."""
        if self._rules.reach is not None:
            return self._rules.reach
        if not self._widest:
            return UNKNOWN_REACH_BYTES
        # A receive buffer of fixed size holds twice the window that it announces, and the send
        # queue a little more than its size.
        return 2 * self._widest + self._send_buffer * 5 // 4 + HIDDEN_BYTES

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
            self._begin = entry.end
            self._heap -= entry.heap
            if not entry.future.done():
                entry.future.set_result(None)
        while self._marks and self._marks[0][1] <= offset:
            self._marks.popleft()

    @property
    def _fill(self) -> float:
        """The part of the window's bounds that is used."""
        rules = self._rules
        fill = max(self._heap / rules.most_heap, len(self._entries) / rules.most_writes)
        if rules.reach is None:
            fill = max(fill, (self._end - self._begin) / MAX_HELD_BYTES)
        return fill

    def _lack(self, sample: Sample) -> int:
        """Return by how much the peer's window is smaller than it was."""
        return 0 if sample.peer_window is None else self._widest - sample.peer_window

    def _unread(self, sample: Sample) -> int:
        """Estimate how much the peer's kernel holds: at most twice what its window lacks."""
        lack = self._lack(sample)
        return 2 * lack if lack * SPARE > self._widest else 0

    def _old(self, now: float) -> int:
        """Return the offset before which bytes are as old as the quiet time is long."""
        quiet_s = self._rules.quiet_s
        return max((end for at, end in self._marks if now - at >= quiet_s), default=-1)

    def _make_room(self, sample: Sample, read: int) -> None:
        """Let go of the oldest rather than have core wait for them while they wait for core."""
        if not self.is_tight:
            return
        surely = _acknowledged(sample) - 2 * self._lack(sample)
        is_known = sample.peer_window is not None
        while self._entries and self._fill >= ROOM and self._entries[0].end <= read:
            end = self._entries[0].end
            self.cut_short |= end > surely or not is_known
            self._release(end)


def _acknowledged(sample: Sample) -> int:
    return sample.taken - (sample.unacknowledged or 0)

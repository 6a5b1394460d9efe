"""When a write has left the resend window, told by what the kernel says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from penstock.api import RetryableError
from penstock_sink_syslog.window import (
    HIDDEN_BYTES,
    MAX_HELD_BYTES,
    PROOF_S,
    STUCK_S,
    UNKNOWN_REACH_BYTES,
    Rules,
    Sample,
    Window,
)

SEND_BUFFER = 1000


class Play:
    """A window whose writes are numbered, and a kernel that says what the test tells it."""

    def __init__(self, *, reads: bool = True, **rules: object) -> None:
        self.window = Window(Rules(**rules), SEND_BUFFER, reads=reads)  # type: ignore[arg-type]
        self.futures: list[asyncio.Future[None]] = []
        self.end = 0
        self.now = 0.0

    def send(self, size: int = 100, count: int = 1, *, heap: int = 1) -> None:
        for _ in range(count):
            self.end += size
            self.futures.append(asyncio.get_running_loop().create_future())
            self.window.sent(self.futures[-1], self.end, heap, self.now)

    def settle(self, *, window: int | None = 0, unread: int | None = 0, untaken: int = 0) -> int:
        """Tell what the kernel says; return how many writes have returned."""
        self.window.settle(Sample(self.end - untaken, unread, window), self.now)
        return self.returned

    def needs_proof(self, window: int, *, unread: int = 0) -> bool:
        return self.window.needs_proof(Sample(self.end, unread, window), self.now)

    @property
    def returned(self) -> int:
        done = [future.done() for future in self.futures]
        assert done == sorted(done, reverse=True), "writes return in order"
        return sum(done)


Make = Callable[..., Play]


@pytest.fixture
async def play() -> Make:
    return Play


async def test_a_write_returns_when_so_many_later_bytes_were_taken(play: Make) -> None:
    one = play(reach=500)
    one.send(100, 5)
    assert one.settle(unread=400) == 0
    one.send(100)
    assert one.settle(unread=500) == 1
    assert one.settle(unread=500, untaken=100) == 1
    one.send(100, 10)
    assert one.settle(unread=500, untaken=900) == 2
    assert one.settle(unread=500) == 11


async def test_without_a_window_a_write_returns_when_the_kernel_took_it(play: Make) -> None:
    one = play(reach=0)
    one.send(100, 3)
    assert one.settle(unread=300, untaken=150) == 1
    assert one.settle(unread=300) == 3


async def test_the_reach_follows_the_largest_window_seen(play: Make) -> None:
    one = play()
    assert one.window.reach == UNKNOWN_REACH_BYTES
    one.send()
    one.settle(window=5000)
    one.settle(window=10)
    assert one.window.reach == 2 * 5000 + SEND_BUFFER * 5 // 4 + HIDDEN_BYTES


async def test_no_more_is_held_than_the_most_whatever_the_peer_announces(play: Make) -> None:
    one = play(most_heap=10**9)
    one.settle(window=10**9)
    one.send(MAX_HELD_BYTES // 8, 6)
    assert not one.window.is_tight
    one.send(MAX_HELD_BYTES // 8)
    assert one.window.is_tight
    assert not one.window.is_full
    one.send(MAX_HELD_BYTES // 8)
    assert one.window.is_full
    assert one.settle(window=0) == 0, "the peer has not read it"
    assert one.settle(window=10**9) > 0
    assert not one.window.is_full


async def test_where_the_kernel_does_not_tell_the_reach_is_fixed(play: Make) -> None:
    one = play()
    one.send(UNKNOWN_REACH_BYTES, 3)
    assert one.settle(window=None, unread=None) == 2


async def test_all_return_after_a_quiet_time_with_nothing_in_the_send_queue(play: Make) -> None:
    one = play(quiet_s=5.0)
    one.send(100, 3)
    one.now = 4.9
    assert one.settle(window=10**6) == 0
    one.now = 5.0
    assert one.settle(window=10**6, unread=1) == 0
    assert one.settle(window=10**6, untaken=1) == 0
    assert one.settle(window=10**6) == 3
    assert len(one.window) == 0


async def test_each_write_begins_the_quiet_time_anew(play: Make) -> None:
    one = play()
    for one.now in (0.0, 4.0, 8.0):
        one.send()
        assert one.settle(window=10**6) == 0
    one.now = 12.9
    assert one.settle(window=10**6) == 0
    one.now = 13.0
    assert one.settle(window=10**6) == 3


async def test_a_window_that_stays_smaller_than_it_was_holds_the_quiet_up(play: Make) -> None:
    one = play()
    one.send()
    one.settle(window=1_000_000)
    for one.now in (6.0, STUCK_S, 10 * STUCK_S):
        assert one.settle(window=900_000) == 0
    assert one.settle(window=950_000) == 1


async def test_quiet_tells_nothing_of_a_peer_that_was_never_seen_to_read(play: Make) -> None:
    one = play(reads=False, quiet_s=5.0, reach=1000)
    one.send()
    one.now = 6.0
    assert one.settle(window=10**6) == 0
    assert one.needs_proof(10**6)
    one.send(100, 10)
    assert one.settle(window=10**6) == 1
    one.now = 11.0
    assert one.settle(window=10**6) == 11, "what passed through it has been read"


async def test_a_peer_that_proves_nothing_is_taken_at_its_word_at_last(play: Make) -> None:
    one = play(reads=False)
    one.send()
    one.now = STUCK_S
    assert one.settle(window=10**6) == 1


async def test_what_quiet_does_not_tell_the_peer_has_to_prove(play: Make) -> None:
    one = play(quiet_s=5.0)
    one.settle(window=1_000_000)
    assert not one.needs_proof(900_000), "nothing is open"
    one.send()
    one.now = 4.9
    assert not one.needs_proof(900_000)
    one.now = 5.1
    assert one.needs_proof(900_000)
    assert not one.needs_proof(900_000, unread=1), "it is not acknowledged"
    assert not one.needs_proof(400_000), "the peer does surely not read"
    one.now = STUCK_S
    assert one.needs_proof(400_000), "or its window is smaller for good"


async def test_without_room_proof_is_asked_for_sooner(play: Make) -> None:
    one = play(most_heap=1000)
    one.settle(window=10**6)
    one.send(100, 4, heap=300)
    one.now = PROOF_S - 0.1
    assert one.settle(window=900_000) == 0
    assert not one.needs_proof(900_000)
    one.now = PROOF_S
    assert one.needs_proof(900_000)
    assert not one.needs_proof(400_000)


async def test_a_crowd_of_small_writes_goes_when_old_and_read(play: Make) -> None:
    one = play(most_writes=200, quiet_s=5.0)
    one.send(10, 25)
    one.now = 1.0
    one.send(10, 25)
    one.now = 4.9
    one.send(10, 10)
    assert one.settle(window=10**6) == 0
    one.now = 5.0
    assert one.settle(window=10**6 - 800_000) == 0, "the peer has not read everything"
    assert one.settle(window=10**6, unread=600) == 0, "nothing is acknowledged"
    assert one.settle(window=10**6, unread=600 - 10) == 1
    assert one.settle(window=10**6) == 1, "and each is as old as the first of its time"
    one.now = 6.0
    assert 1 < one.settle(window=10**6) <= 50


async def test_few_old_writes_are_no_crowd(play: Make) -> None:
    one = play(most_writes=200)
    for one.now in range(40):
        one.send()
        assert one.settle(window=10**6) == 0


async def test_the_oldest_that_were_read_go_rather_than_wait_for_what_core_cannot_start(
    play: Make,
) -> None:
    one = play(most_heap=1000)
    one.send(100, 4, heap=300)
    assert one.settle(window=10**6) == 2
    assert not one.window.cut_short
    one.send(100, 1, heap=50)
    assert one.settle(window=10**6) == 2


async def test_the_peer_may_hold_twice_what_its_window_lacks(play: Make) -> None:
    one = play(most_heap=1000)
    one.settle(window=1_000_000)
    one.send(100_000, 4, heap=300)
    assert one.settle(window=800_000) == 0
    assert one.settle(window=860_000) == 1
    assert one.settle(window=900_000) == 2
    assert not one.window.cut_short


async def test_what_memory_cuts_short_is_known(play: Make) -> None:
    one = play(most_heap=1000)
    one.settle(window=1_000_000)
    one.send(10_000, 4, heap=300)
    assert one.settle(window=950_000) == 2, "so little may just be the kernel's way of counting"
    assert one.window.cut_short


async def test_they_stay_while_the_peer_does_not_read(play: Make) -> None:
    one = play(most_heap=1000)
    one.send(100, 4, heap=300)
    one.settle(window=10**6, unread=400)
    assert one.settle(window=10**5) == 0
    assert not one.window.cut_short


async def test_a_failure_is_everybodys(play: Make) -> None:
    one = play(reach=150)
    one.send(100, 3)
    one.settle()
    one.futures[1].cancel()
    one.window.fail("reset")
    assert one.futures[0].exception() is None
    assert one.futures[1].cancelled()
    with pytest.raises(RetryableError, match="reset"):
        one.futures[2].result()
    assert len(one.window) == 0


async def test_memory_stays_small_at_a_low_rate_for_ever(play: Make) -> None:
    one = play(reach=10_000)
    for one.now in range(20_000):
        one.send()
        one.window.settle(Sample(one.end, None, None), one.now)
    assert len(one.window) <= 101
    assert len(one.window._marks) <= 101

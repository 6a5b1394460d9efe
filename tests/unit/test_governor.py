"""The governor: backoff that all writes share, and what it says of how they fare."""

from __future__ import annotations

import asyncio

import pytest

from penstock.api.settings import RetrySettings
from penstock.delivery.evidence import Record
from penstock.delivery.governor import Governor
from penstock.testing import ManualClock

SETTINGS = RetrySettings(initial_backoff_ms=100, max_backoff_ms=1000)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def governor(clock: ManualClock, jitter: float = 1.0) -> Governor:
    return Governor(SETTINGS, clock=clock, jitter=lambda: jitter)


def fail(one: Governor, clock: ManualClock) -> float:
    """Let the backoff pass, fail again and return the new wait."""
    clock.advance(one.wait)
    return one.failed()


def test_backoff_doubles_up_to_its_bound(clock: ManualClock) -> None:
    one = governor(clock)
    waits = [fail(one, clock) for _ in range(7)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0])


def test_backoff_never_overflows(clock: ManualClock) -> None:
    one = governor(clock)
    assert [fail(one, clock) for _ in range(2000)][-1] == pytest.approx(1.0)


def test_jitter_is_full(clock: ManualClock) -> None:
    assert governor(clock, 0.0).failed() == 0
    assert governor(clock, 0.5).failed() == pytest.approx(0.05)


def test_a_success_begins_anew(clock: ManualClock) -> None:
    one = governor(clock)
    for _ in range(4):
        fail(one, clock)
    one.succeeded()
    assert fail(one, clock) == pytest.approx(0.1)


def test_failures_of_one_outage_lengthen_the_backoff_once(clock: ManualClock) -> None:
    one = governor(clock)
    one.failed()
    clock.advance(0.05)
    assert one.failed() == pytest.approx(0.05)
    assert fail(one, clock) == pytest.approx(0.2)


def test_retry_after_is_a_lower_bound(clock: ManualClock) -> None:
    one = governor(clock)
    assert one.failed(retry_after=30) == pytest.approx(30)
    assert one.failed(retry_after=2) == pytest.approx(30)
    assert governor(clock).failed(retry_after=0.01) == pytest.approx(0.1)


def test_nobody_can_send_us_away_for_more_than_an_hour(clock: ManualClock) -> None:
    assert governor(clock).failed(retry_after=10**9) == pytest.approx(3600)


def test_who_is_held_is_left_alone_until_it_is_released(clock: ManualClock) -> None:
    one = governor(clock)
    one.hold("401")
    assert one.wait == pytest.approx(600)
    assert (one.circuit, one.held) == ("held", "401")
    one.release()
    assert one.wait == 0
    assert one.circuit == "held", "until a write comes through"
    one.succeeded()
    assert (one.circuit, one.held) == ("closed", "")


def test_circuit(clock: ManualClock) -> None:
    one = governor(clock)
    assert (one.circuit, one.wait) == ("closed", 0)
    one.failed()
    assert one.circuit == "open"
    assert one.wait == pytest.approx(0.1)
    clock.advance(0.1)
    assert (one.circuit, one.wait) == ("half-open", 0)
    one.succeeded()
    assert one.circuit == "closed"


async def test_ready_waits_on_while_the_wait_grows() -> None:
    one = Governor(RetrySettings(initial_backoff_ms=20, max_backoff_ms=20), jitter=lambda: 1.0)
    one.failed()
    ready = asyncio.create_task(one.ready())
    await asyncio.sleep(0)
    one.failed(retry_after=0.05)
    await asyncio.wait_for(ready, 5)
    assert one.wait == 0


def test_the_record_counts_all(clock: ManualClock) -> None:
    one = governor(clock)
    one.succeeded()
    one.failed()
    one.failed()
    assert one.record == Record(successes=1, failures=2)

"""Deadlines: set late, drawn nearer, and an end for what does not stop by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from penstock.bus.deadline import Deadline
from penstock.guard import end

LONG = 60.0


@pytest.fixture
async def clean() -> AsyncIterator[None]:
    """Hold a test to it that it leaves no task behind."""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}


def sleeper(seconds: float = LONG) -> asyncio.Task[None]:
    return asyncio.create_task(asyncio.sleep(seconds))


@pytest.mark.usefixtures("clean")
async def test_returns_when_all_are_done() -> None:
    tasks = [sleeper(0), sleeper(0.01)]
    await Deadline().bound(tasks)
    assert not any(task.cancelled() for task in tasks)
    assert all(task.done() for task in tasks)
    await Deadline().bound(tasks)
    await Deadline().bound(())


@pytest.mark.usefixtures("clean")
async def test_cancels_what_is_left_when_it_passes() -> None:
    deadline = Deadline()
    quick, slow = sleeper(0), sleeper()
    deadline.after(0.02)
    await deadline.bound((quick, slow))
    assert slow.cancelled()
    assert not quick.cancelled()


@pytest.mark.usefixtures("clean")
async def test_cancels_at_once_when_it_has_passed() -> None:
    deadline = Deadline()
    deadline.after(0)
    await asyncio.sleep(0.01)
    slow = sleeper()
    await deadline.bound((slow,))
    assert slow.cancelled()


@pytest.mark.usefixtures("clean")
async def test_grace_lets_what_has_just_begun_end() -> None:
    deadline = Deadline()
    deadline.after(0)
    await asyncio.sleep(0.01)
    closing, hanging = sleeper(0.01), sleeper()
    await deadline.bound((closing, hanging), grace_s=0.1)
    assert not closing.cancelled()
    assert hanging.cancelled()


@pytest.mark.usefixtures("clean")
async def test_may_be_set_while_it_is_waited_for() -> None:
    deadline = Deadline()
    slow = sleeper()
    waiting = asyncio.create_task(deadline.bound((slow,)))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    deadline.after(LONG)
    deadline.after(0)
    await asyncio.wait_for(waiting, 5)
    assert slow.cancelled()


@pytest.mark.usefixtures("clean")
async def test_is_drawn_nearer_but_never_put_off() -> None:
    deadline = Deadline()
    deadline.after(0.01)
    deadline.after(LONG)
    slow = sleeper()
    await asyncio.wait_for(deadline.bound((slow,)), 5)
    assert slow.cancelled()


@pytest.mark.usefixtures("clean")
async def test_at_most_bounds_one_wait() -> None:
    slow = sleeper()
    await asyncio.wait_for(Deadline().bound((slow,), at_most_s=0.01), 5)
    assert slow.cancelled()


@pytest.mark.usefixtures("clean")
async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    slow = sleeper()
    waiting = asyncio.create_task(Deadline().bound((slow,)))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert not slow.done()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)


async def test_does_not_wait_for_ever_for_what_ignores_its_cancellation() -> None:
    let_go = asyncio.Event()

    async def stubborn() -> None:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(end((task,)), 5)
    assert not task.done()
    let_go.set()
    await asyncio.wait_for(task, 5)

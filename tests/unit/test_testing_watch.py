"""The kit sees what a plugin does, cancels it anywhere, and says what it saw."""

from __future__ import annotations

import asyncio
import socket

import pytest

from penstock.testing.obligation import difference
from penstock.testing.stepping import Steps
from penstock.testing.watch import Watch


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (["a", "b"], ""),
        (["a"], "1 lines instead of 2; missing 'b'"),
        (["a", "b", "b"], "3 lines instead of 2; repeated 'b'"),
        (["a", "b", "c"], "3 lines instead of 2; not expected 'c'"),
        (["b", "a"], "out of order from line 0: 'b' instead of 'a'"),
    ],
)
def test_differences_are_said_in_a_line(got: list[str], said: str) -> None:
    assert difference(["a", "b"], got) == said


async def test_only_what_the_plugin_does_is_attributed_to_it() -> None:
    watch = Watch()
    mine = asyncio.create_task(asyncio.sleep(5))
    with socket.socket():
        assert watch.leftovers == []

        async def plugin() -> None:
            self_made = socket.socket()
            sockets.append(self_made)
            tasks.append(asyncio.create_task(asyncio.sleep(5), name="deep"))
            await asyncio.sleep(0)

        sockets: list[socket.socket] = []
        tasks: list[asyncio.Task[None]] = [mine]
        await watch.run(plugin())
        assert len(watch.leftovers) == 2
        assert any("deep" in left for left in watch.leftovers)
        assert any("socket.__new__" in call for call in watch.io)
    sockets[0].close()
    for task in tasks:
        task.cancel()
    assert await watch.until_clean(1) == []


async def test_a_coroutine_is_cancelled_at_the_chosen_await() -> None:
    reached: list[int] = []

    async def steps() -> str:
        for number in range(3):
            reached.append(number)
            await asyncio.sleep(0)
        return "end"

    third = Steps(3)
    with pytest.raises(asyncio.CancelledError):
        await Watch().run(steps(), steps=third)
    assert (reached, third.was_reached) == ([0, 1, 2], True)
    beyond = Steps(4)
    assert await Watch().run(steps(), steps=beyond) == "end"
    assert (beyond.count, beyond.was_reached) == (3, False)


async def test_awaits_of_started_tasks_count() -> None:
    places: list[str] = []

    async def child() -> None:
        await asyncio.sleep(0)
        places.append("child")
        await asyncio.sleep(0)
        places.append("never")

    async def parent() -> None:
        task = asyncio.create_task(child())
        try:
            await task
        finally:
            places.append("stopped")
            await asyncio.gather(task, return_exceptions=True)

    with pytest.raises(asyncio.CancelledError):
        await Watch().run(parent(), steps=Steps(3))
    assert places == ["child", "stopped"]


async def test_cancelling_at_an_await_cancels_what_is_awaited() -> None:
    inner = asyncio.create_task(asyncio.sleep(5))

    async def waiting() -> None:
        await inner

    with pytest.raises(asyncio.CancelledError):
        await Watch().run(waiting(), steps=Steps(1))
    assert inner.cancelled()


@pytest.mark.parametrize(
    ("count", "most", "chosen"), [(3, 5, [1, 2, 3]), (9, 3, [1, 5, 9]), (0, 3, [])]
)
def test_awaits_are_spread(count: int, most: int, chosen: list[int]) -> None:
    steps = Steps()
    for _ in range(count):
        steps.step()
    assert steps.spread(most) == chosen

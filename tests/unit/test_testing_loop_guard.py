"""The loop guard notices what blocks the loop, names it, and blames nothing else."""

from __future__ import annotations

import asyncio
import re
import time

from penstock.testing import LoopGuard


async def test_a_sleep_is_named() -> None:
    async with LoopGuard(limit_s=0.2) as guard:
        time.sleep(0.5)
    (blocked,) = guard.blocked
    assert "`time.sleep(0.5)` in test_a_sleep_is_named (unit/test_testing_loop_guard.py" in blocked
    assert "for more than 0.2 s" in blocked


async def test_computing_is_named() -> None:
    def compute() -> int:
        total, until = 0, time.thread_time() + 0.6
        while time.thread_time() < until:
            total += 1
        return total

    async with LoopGuard(limit_s=0.2) as guard:
        compute()
    (blocked,) = guard.blocked
    assert "in compute" in blocked


async def test_what_lets_no_thread_look_is_noticed() -> None:
    async with LoopGuard(limit_s=0.2) as guard:
        re.match("(a+)+$", "a" * 24 + "b")
    assert guard.blocked


async def test_waiting_is_no_block() -> None:
    async with LoopGuard(limit_s=0.1) as guard:
        await asyncio.to_thread(time.sleep, 0.4)
        await asyncio.sleep(0.2)
    assert guard.blocked == []


async def test_each_block_is_told_once() -> None:
    async with LoopGuard(limit_s=0.1) as guard:
        for _ in range(2):
            time.sleep(0.4)
            await asyncio.sleep(0.1)
    assert len(guard.blocked) == 2

"""A companion that raises ends the process: with what it raised, and whatever a sink does then."""

from __future__ import annotations

import asyncio

import pytest

from penstock.runtime import Runtime, run
from tests.delivery.lab import Lab


class Raising:
    """Has the plan put in place again while a write is open, and raises then."""

    def __init__(self, lab: Lab) -> None:
        self._far = lab.destination("x")

    async def start(self, runtime: Runtime) -> None:
        self._waiting = asyncio.create_task(self._reload(runtime))

    async def _reload(self, runtime: Runtime) -> None:
        await self._far.until(lambda: self._far.writing)
        runtime.hang_up()

    async def changed(self, runtime: Runtime) -> None:
        raise KeyError("a bug")

    async def stop(self) -> None:
        pass


async def made() -> Lab:
    return Lab()


def test_an_open_write_does_not_keep_a_process_whose_core_has_failed() -> None:
    lab = asyncio.run(made())
    lab.origin("a").write(["line"])
    lab.destination("x").hang()
    plan = lab.plan(main="a > x")
    with pytest.raises(KeyError, match="a bug"):
        run(plan, reload=lambda: plan, companions=[Raising(lab)])

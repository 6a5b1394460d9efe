"""Plugins that raise where a test says, and the good pipeline that has to go on beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import pytest

from penstock.api import Batch, Outlet, Report, Sink, Source, Transform
from tests.delivery.lab import Lab

LINES = [f"{number}" for number in range(20)]


class StrangeError(BaseException):
    """An error that is none of the usual ones."""


RAISED: dict[str, Callable[[], BaseException]] = {
    "error": lambda: KeyError("a bug"),
    "exit": lambda: SystemExit(3),
    "interrupt": KeyboardInterrupt,
    "cancelled": asyncio.CancelledError,
    "strange": lambda: StrangeError("who knows"),
}
anything = pytest.mark.parametrize("raised", RAISED.values(), ids=RAISED)


class Bad:
    """Raises in one method, as the test says."""

    method: ClassVar[str] = ""
    error: ClassVar[Callable[[], BaseException]]

    def at(self, method: str) -> None:
        if method == self.method:
            raise type(self).error()


class BadSink(Bad, Sink):
    name = "bad"

    async def open(self) -> None:
        self.at("open")

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        self.at("write")
        return None

    async def close(self) -> None:
        self.at("close")


class BadStreamSink(BadSink):
    order = "stream"
    in_flight = 4

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        await asyncio.sleep(1)
        return None

    async def drain(self) -> None:
        self.at("drain")


class BadTransform(Bad, Transform):
    name = "bad"

    def apply(self, batch: Batch) -> Batch | Iterable[Batch]:
        self.at("apply")
        return batch


class BadHolder(BadTransform):
    stateful = True

    def apply(self, batch: Batch) -> Batch | Iterable[Batch]:
        self.at("apply")
        self.hold(batch, batch.events)
        return ()

    def flush(self, now: float, final: bool) -> Iterable[Batch]:
        self.at("flush")
        return [self.emit(hold, hold.events, hold) for hold in [*self.tally.holds]]


class BadSource(Bad, Source):
    name = "bad"

    async def open(self) -> None:
        self.at("open")

    async def run(self, out: Outlet) -> None:
        self.at("run")
        await asyncio.sleep(3600)

    async def close(self) -> None:
        self.at("close")


def bad(kind: type[Any], method: str, raised: Callable[[], BaseException]) -> type[Any]:
    """Return a class that raises in a method."""
    return type(kind.__name__, (kind,), {"method": method, "error": staticmethod(raised)})


async def beside(lab: Lab, *, bad: str, sink: str = "") -> None:
    """Run a good pipeline and a bad one, and have the good one deliver before and at the stop."""
    lab.origin("g").write(LINES)
    if sink:
        lab.origin("a").write(LINES)
    runtime = await lab.start(lab.plan(good="g > y", bad=bad))
    await lab.until(lambda: len(lab.lines("y")) == len(LINES))
    await lab.until(lambda: not sink or ended(lab, sink) == len(LINES), timeout=7200)
    lab.origin("g").write(["last"])
    await lab.until(lambda: len(lab.lines("y")) == len(LINES) + 1)
    assert runtime.ready
    assert await lab.stop() == 0
    assert lab.lines("y") == [*LINES, "last"]
    assert lab.counts("y") == {"delivered": len(LINES) + 1}


def ended(lab: Lab, sink: str) -> int:
    return sum(lab.counts(sink).values())

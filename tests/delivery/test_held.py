"""A destination that an operator has to see to is left alone, and nothing is lost meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from penstock.api import Batch, ConfigError, Report, Sink
from tests.delivery.lab import Lab


class Locked(Sink):
    """Takes nothing but with the right key; ``tries`` are the keys it was tried with."""

    name = "locked"
    tries: list[str]
    taken: list[str]

    class Config(Sink.Config, frozen=True, kw_only=True):
        key: str = "old"

    config: Config

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        Locked.tries.append(self.config.key)
        if self.config.key != "new":
            raise ConfigError("401: the key is refused")
        Locked.taken += [getattr(e, "body", "") for batch in batches for e in batch.events]
        return None


def locked(lab: Lab) -> None:
    Locked.tries, Locked.taken = [], []
    lab.sinks["x"] = Locked


async def held(lab: Lab) -> None:
    await lab.until(lambda: lab.runtime and lab.runtime.graph.sinks["x"].governor.held)


async def test_a_refused_key_is_not_tried_again_and_again(lab: Lab) -> None:
    locked(lab)
    plan = lab.plan(main="a > x")
    await lab.start(plan)
    lab.origin("a").write(str(number) for number in range(5))
    await held(lab)
    assert lab.runtime
    assert lab.runtime.graph.sinks["x"].governor.circuit == "held"
    assert Locked.tries == ["old"]
    assert lab.letters("x") == []
    lab.settings("x", key="new")
    assert await lab.reload(lab.plan(main="a > x"))
    await lab.until(lambda: len(Locked.taken) == 5)
    assert Locked.taken == ["0", "1", "2", "3", "4"]


async def test_a_secret_that_changed_is_seen_without_a_signal(lab: Lab) -> None:
    locked(lab)
    await lab.start(lab.plan(main="a > x"))
    lab.settings("x", key="new")
    lab.has_changed(lab.plan(main="a > x"))
    lab.origin("a").write(["kept"])
    await held(lab)
    await lab.until(lambda: Locked.taken == ["kept"])
    assert Locked.tries == ["old", "new"]


async def test_a_configuration_that_changed_waits_for_its_signal(lab: Lab) -> None:
    locked(lab)
    await lab.start(lab.plan(main="a > x"))
    lab.settings("x", key="new")
    lab.has_changed(replace(lab.plan(main="a > x"), fingerprint="another"))
    lab.origin("a").write(["kept"])
    await held(lab)
    assert lab.runtime
    await asyncio.sleep(60)
    assert Locked.tries == ["old"]
    lab.runtime.hang_up()
    await lab.until(lambda: Locked.taken == ["kept"])

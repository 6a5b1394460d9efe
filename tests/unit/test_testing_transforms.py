"""The kit finds what is wrong with a transform: one broken transform for each obligation."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated

import pytest
from msgspec import Meta
from msgspec.structs import force_setattr, replace

from penstock.api import Batch, Event, Gauge, Hold, Log, Secret, Transform
from penstock.testing import TransformContract, batch, log
from penstock.testing.contracts.packaging import PackagingContract
from penstock.testing.obligation import ObligationError


class Same(Transform):
    """The transform that changes nothing: what is wrong comes with its subclasses."""

    name = "same"
    requires_api = "1.0"

    def apply(self, batch: Batch) -> Batch | Iterable[Batch]:
        return batch


class Pairs(Transform):
    """Joins every two events of a batch sequence; right, and the base of what is wrong."""

    name = "pairs"
    requires_api = "1.0"
    stateful = True

    def __init__(self, config: Transform.Config) -> None:
        super().__init__(config)
        self.held: Hold | None = None

    def apply(self, batch: Batch) -> Batch | Iterable[Batch]:
        logs = [event for event in batch.events if type(event) is Log]
        if len(logs) != len(batch.events) or not logs:
            return [*self.flush(0, True), batch]
        made = list(self.flush(0, True))
        if len(logs) % 2:
            self.held = self.hold(batch, logs[-1:])
        joined = [self.join(*logs[at : at + 2]) for at in range(0, len(logs) - 1, 2)]
        if joined:
            made.append(self.emit(batch, joined, merged=len(joined)))
        return made

    def flush(self, now: float, final: bool) -> Iterable[Batch]:
        held, self.held = self.held, None
        return [self.emit(held, held.events, held)] if held else []

    def join(self, first: Log, second: Log) -> Log:
        return replace(first, body=f"{first.body}\n{second.body}", merged=1)


class TransformUnderTest(TransformContract):
    """The contract for a transform class, without pytest around it."""

    def __init__(self, transform: type[Transform]) -> None:
        self.transform = transform

    def make_transform(self) -> Transform:
        return self.transform(self.transform.Config())


async def fails(transform: type[Transform], test: str) -> ObligationError:
    """Run one test of the contract and return how it fails."""
    with pytest.raises(ObligationError) as caught:
        await run(getattr(TransformUnderTest(transform), test))
    assert caught.value.do
    return caught.value


async def run(test: Callable[[], Awaitable[None] | None]) -> None:
    outcome = test()
    if outcome is not None:
        await outcome


INSTALLED = {name for name in dir(PackagingContract) if name.startswith("test_")}
TESTS = [n for n in dir(TransformContract) if n.startswith("test_") and n not in INSTALLED]


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("transform", [Same, Pairs])
async def test_sound_transforms_pass(transform: type[Transform], test: str) -> None:
    await run(getattr(TransformUnderTest(transform), test))


async def test_a_lossy_transform() -> None:
    class Lossy(Same):
        def apply(self, batch: Batch) -> Batch:
            return replace(batch, events=batch.events[:1])

    broken = await fails(Lossy, "test_accounts_for_every_event")
    assert "2 events lost without account" in broken.seen
    assert "keep" in broken.do


async def test_a_transform_that_hides_a_loss() -> None:
    class Cheating(Same):
        def apply(self, batch: Batch) -> Batch:
            return replace(batch, events=[*batch.events[:1]] * len(batch.events))

    assert "more than once" in (await fails(Cheating, "test_repeats_no_event")).seen


async def test_a_transform_that_loses_receipts() -> None:
    class Trailless(Same):
        def apply(self, batch: Batch) -> Batch:
            return Batch(batch.resource, batch.events, batch.size)

    class ForgetfulPairs(Pairs):
        def flush(self, now: float, final: bool) -> Iterable[Batch]:
            held, self.held = self.held, None
            if not held:
                return []
            return [replace(self.emit(held, held.events, held), trail=())]

    class WrongTrail(Pairs):
        """Puts what it held under the batch that comes next, and spends nothing."""

        def apply(self, batch: Batch) -> Batch | Iterable[Batch]:
            if not self.held:
                return super().apply(batch)
            late = Batch(batch.resource, self.held.events, 1, batch.trail)
            self.held = None
            made = super().apply(batch)
            return [late, *([made] if isinstance(made, Batch) else made)]

    class Creating(Same):
        """Makes events that nothing waits for."""

        def apply(self, batch: Batch) -> Batch | Iterable[Batch]:
            made = self.emit(batch, [log("made")], created=1)
            return [batch, replace(made, trail=())]

    for transform in (Trailless, ForgetfulPairs, WrongTrail, Creating):
        broken = await fails(transform, "test_keeps_trails")
        assert "without their receipts" in broken.seen


async def test_a_transform_that_keeps_receipts_open() -> None:
    class Hoarding(Same):
        def apply(self, batch: Batch) -> Batch:
            for receipt in batch.trail:
                receipt.retain()
            return batch

    assert "never settled" in (await fails(Hoarding, "test_everything_is_settled")).seen


async def test_a_transform_that_renames_an_origin() -> None:
    class Rehoming(Same):
        def apply(self, batch: Batch) -> Batch:
            return replace(batch, resource=replace(batch.resource, origin="docker:other"))

    assert "does not add up" in (await fails(Rehoming, "test_everything_is_settled")).seen


async def test_a_transform_that_does_not_let_go() -> None:
    class Holding(Pairs):
        def flush(self, now: float, final: bool) -> Iterable[Batch]:
            return [] if now > 1 else super().flush(now, final)

    assert (
        "1 events are still held" in (await fails(Holding, "test_flush_gives_up_everything")).seen
    )
    broken = await fails(Holding, "test_accounts_for_every_event")
    assert "left events behind" in broken.seen


async def test_a_transform_that_holds_until_it_is_stopped() -> None:
    class Patient(Pairs):
        def flush(self, now: float, final: bool) -> Iterable[Batch]:
            return super().flush(now, final) if final or now == 0 else []

    await run(TransformUnderTest(Patient).test_flush_gives_up_everything)
    broken = await fails(Patient, "test_holds_nothing_for_ever")
    assert "1 events are still held after 10800 s" in broken.seen


async def test_a_transform_that_waits_for_longer_than_most_may_say_so() -> None:
    class Slow(Pairs):
        def flush(self, now: float, final: bool) -> Iterable[Batch]:
            return super().flush(now, final) if final or now == 0 or now > 1e9 + 86_400 else []

    class ForADay(TransformUnderTest):
        may_hold_s = 86_400.0

    await run(ForADay(Slow).test_holds_nothing_for_ever)
    await fails(Slow, "test_holds_nothing_for_ever")


async def test_a_hold_that_is_spent_twice_is_said_so() -> None:
    class Twice(Pairs):
        def flush(self, now: float, final: bool) -> Iterable[Batch]:
            held, self.held = self.held, None
            return [self.emit(held, held.events, held, held)] if held else []

    broken = await fails(Twice, "test_accounts_for_every_event")
    assert broken.seen.startswith("a hold was spent that this instance has not")


@pytest.mark.parametrize("test", ["test_keeps_order", "test_keeps_trails", "test_repeats_no_event"])
async def test_what_is_no_batch_is_named_by_every_test_that_meets_it(test: str) -> None:
    class Forgetful(Same):
        def apply(self, batch: Batch) -> Batch:  # type: ignore[return]
            pass

    assert (await fails(Forgetful, test)).seen == "it returned None"


async def test_a_transform_that_hides_its_state() -> None:
    class Secretive(Pairs):
        stateful = False

    assert "stateful = False" in (await fails(Secretive, "test_says_that_it_is_stateful")).seen

    class Counting(Same):
        seen = 0

        def apply(self, batch: Batch) -> Batch:
            self.seen += 1
            return replace(batch, size=batch.size + self.seen)

    seen = (await fails(Counting, "test_is_stateless_unless_it_says_so")).seen
    first, _, then = seen.partition("… then …")
    assert first
    assert then
    assert first != then


async def test_a_transform_that_changes_what_is_shared() -> None:
    class Tagging(Same):
        def apply(self, batch: Batch) -> Batch:
            batch.resource.tags["env"] = "prod"  # type: ignore[index]
            return batch

    class Sorting(Same):
        def apply(self, batch: Batch) -> Batch:
            batch.events.reverse()  # type: ignore[attr-defined]
            return batch

    class Levelling(Same):
        def apply(self, batch: Batch) -> Batch:
            for event in batch.events:
                event.attributes["level"] = "info"  # type: ignore[index]
            return batch

    class Forcing(Same):
        """Changes what is frozen, in the way that there is around it."""

        def apply(self, batch: Batch) -> Batch:
            for event in batch.events:
                force_setattr(event, "time_unix_nano", 0)
            return batch

    class Converting(Same):
        def apply(self, batch: Batch) -> Batch:
            for event in batch.events:
                if type(event) is Gauge:
                    event.values.clear()  # type: ignore[attr-defined]
            return batch

    for transform in (Tagging, Sorting, Levelling, Forcing, Converting):
        assert "became" in (await fails(transform, "test_changes_nothing_in_place")).seen


async def test_a_transform_that_does_io() -> None:
    class Resolving(Same):
        def apply(self, batch: Batch) -> Batch:
            socket.gethostname()
            return batch

    class Reading(Same):
        def flush(self, now: float, final: bool) -> Iterable[Batch]:
            with open("/dev/null", "rb") as file:
                file.read()
            return ()

    assert "socket.gethostname" in (await fails(Resolving, "test_does_no_io")).seen
    assert "/dev/null" in (await fails(Reading, "test_does_no_io")).seen


async def test_a_transform_that_returns_something_else() -> None:
    class Forgetful(Same):
        def apply(self, batch: Batch) -> Batch:
            return None  # type: ignore[return-value]

    class Loose(Same):
        def apply(self, batch: Batch) -> Iterable[Batch]:
            return batch.events  # type: ignore[return-value]

    class Single(Same):
        def flush(self, now: float, final: bool) -> Iterable[Batch]:
            return batch(["not a list"])  # type: ignore[return-value]

    assert "returned None" in (await fails(Forgetful, "test_returns_batches")).seen
    assert "returned Log(" in (await fails(Loose, "test_returns_batches")).seen
    assert "returned Batch(" in (await fails(Single, "test_returns_batches")).seen


async def test_a_transform_that_blocks_the_loop() -> None:
    class Sleepy(Same):
        def apply(self, batch: Batch) -> Batch:
            if not batch.events:
                time.sleep(0.7)
            return batch

    broken = await fails(Sleepy, "test_does_not_block_the_loop")
    assert "`time.sleep(0.7)` in apply (unit/test_testing_transforms.py" in broken.seen


async def test_a_transform_that_says_the_wrong_kinds() -> None:
    class OnlyLogs(Same):
        def passes(self, kinds: frozenset[type[Event]]) -> frozenset[type[Event]]:
            return frozenset({Log})

    assert "Counter" in (await fails(OnlyLogs, "test_passes_the_kinds_that_it_says")).seen


async def test_a_transform_that_depends_on_chance() -> None:
    class Random(Same):
        def apply(self, batch: Batch) -> Batch:
            return replace(batch, size=random.randrange(1, 1_000_000))

    assert "then" in (await fails(Random, "test_is_repeatable")).seen


async def test_a_transform_that_reorders() -> None:
    class Turning(Same):
        def apply(self, batch: Batch) -> Batch:
            return replace(batch, events=batch.events[::-1])

    assert "places of the events" in (await fails(Turning, "test_keeps_order")).seen


async def test_a_transform_that_only_knows_logs() -> None:
    class Upper(Same):
        def apply(self, batch: Batch) -> Batch:
            events = [replace(event, body=event.body.upper()) for event in batch.events]  # type: ignore[union-attr]
            return replace(batch, events=events)

    broken = await fails(Upper, "test_hostile_input")
    assert "sample 3" in broken.seen
    assert "AttributeError" in broken.seen


async def test_a_transform_that_expects_text_to_be_sane() -> None:
    class Encoding(Same):
        def apply(self, batch: Batch) -> Batch:
            for event in batch.events:
                getattr(event, "body", "").encode()
            return batch

    assert "lone surrogate" in (await fails(Encoding, "test_hostile_input")).seen


async def test_a_transform_that_says_its_secret() -> None:
    class Keyed(Same):
        class Config(Transform.Config, frozen=True, kw_only=True):
            key: Annotated[Secret, Meta(description="Salt.")] = Secret("k3y-canary-0123")

        config: Config

    class Raising(Keyed):
        def apply(self, batch: Batch) -> Batch:
            raise ValueError(f"no hash with {self.config.key.reveal()}")

    class Printing(Keyed):
        def apply(self, batch: Batch) -> Batch:
            print(self.config.key.reveal())
            return batch

    for transform in (Raising, Printing):
        broken = await fails(transform, "test_no_secret_is_said")
        assert "<the secret>" in broken.seen
    TransformUnderTest(Keyed).test_no_secret_is_said()


async def test_inputs_of_a_subclass_are_used() -> None:
    class OnlyThese(TransformUnderTest):
        def inputs(self) -> list[Batch]:
            return [batch(["one", "two"])]

    class Lossy(Same):
        def apply(self, batch: Batch) -> Batch:
            lossy = any(getattr(event, "body", "") == "two" for event in batch.events)
            return replace(batch, events=batch.events[:1]) if lossy else batch

    TransformUnderTest(Lossy).test_accounts_for_every_event()
    with pytest.raises(ObligationError, match="1 events lost"):
        OnlyThese(Lossy).test_accounts_for_every_event()

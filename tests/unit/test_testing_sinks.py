"""The kit finds what is wrong with a sink: what it delivers, and what it says of that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from tests.contract.sinks import SinkUnderTest, fails, impatient

from penstock.api import Batch, Counter, Log, Report, RetryableError
from penstock.testing import MemorySink, lines
from penstock.testing.obligation import ObligationError


async def test_a_lossy_sink() -> None:
    class Lossy(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            return await super().write([msgspec.structs.replace(batches[0], events=())])

    broken = await fails(impatient(Lossy), "test_delivers")
    assert "0 lines instead of 20" in broken.seen
    assert "missing 'delivers 000'" in broken.seen
    assert "is at the destination" in broken.obligation


async def test_a_sink_that_delivers_late() -> None:
    class Late(MemorySink):
        """Says that it is delivered, and delivers with the next write or at the end."""

        pending: Sequence[Batch] = ()

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            await super().write(self.pending)
            self.pending = batches
            return None

        async def drain(self) -> None:
            await super().write(self.pending)

    broken = await fails(impatient(Late), "test_delivers_before_it_says_so")
    assert "missing" in broken.seen
    assert "without a further write" in broken.obligation


async def test_a_reordering_sink() -> None:
    class Reordering(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            turned = [
                msgspec.structs.replace(batch, events=batch.events[::-1]) for batch in batches
            ]
            return await super().write(turned)

    broken = await fails(SinkUnderTest(Reordering), "test_keeps_order_of_each_resource")
    assert "out of order from line 0" in broken.seen
    with pytest.raises(ObligationError, match="out of order"):
        await SinkUnderTest(Reordering).test_delivers()
    await SinkUnderTest(Reordering, order="none").test_delivers()


async def test_a_sink_that_writes_twice() -> None:
    class Twice(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            await super().write(batches)
            return await super().write(batches)

    broken = await fails(SinkUnderTest(Twice), "test_delivers")
    assert "repeated 'delivers 000'" in broken.seen


async def test_a_sink_that_remembers_what_it_saw() -> None:
    class Remembering(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            seen = self.__dict__.setdefault("seen", set())
            new = [batch for batch in batches if batch.events[0] not in seen]
            seen.update(batch.events[0] for batch in batches)
            await asyncio.sleep(0)
            return await super().write(new)

    broken = await fails(impatient(Remembering), "test_write_cancelled_anywhere")
    assert broken.seen.startswith("cancelled at await 1: ")
    assert "missing" in broken.seen
    broken = await fails(impatient(Remembering), "test_outage")
    assert "missing" in broken.seen


async def test_a_sink_that_takes_nothing_twice() -> None:
    class Strict(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            known = {event for _, event in self.destination.received}
            if any(event in known for batch in batches for event in batch.events):
                raise ValueError("I have that already")
            return await super().write(batches[:1])

    class Rejecting(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            known = {event for _, event in self.destination.received}
            await super().write(batches)
            given = {event for batch in batches for event in batch.events}
            return Report(dict.fromkeys(given & known, "I have that already"))

    broken = await fails(SinkUnderTest(Strict), "test_takes_the_same_events_again")
    assert "I have that already" in broken.seen
    broken = await fails(SinkUnderTest(Rejecting), "test_takes_the_same_events_again")
    assert "4 rejected" in broken.seen


async def test_a_sink_that_raises_what_it_gets() -> None:
    class Careless(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            try:
                return await super().write(batches)
            except RetryableError:
                raise ConnectionResetError("peer") from None

    broken = await fails(SinkUnderTest(Careless), "test_outage")
    assert "ConnectionResetError" in broken.seen
    assert "RetryableError" in broken.do


async def test_a_sink_that_raises_in_open() -> None:
    class Careless(MemorySink):
        async def open(self) -> None:
            try:
                await self.destination.take([])
            except RetryableError:
                raise ConnectionRefusedError("nobody there") from None

    class GivingUp(MemorySink):
        """Never recovers from a destination that was away when it was opened."""

        away = False

        async def open(self) -> None:
            try:
                await self.destination.take([])
            except RetryableError:
                self.away = True

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            if self.away:
                raise RetryableError("not open")
            return await super().write(batches)

    broken = await fails(SinkUnderTest(Careless), "test_outage_at_start")
    assert "ConnectionRefusedError" in broken.seen
    broken = await fails(impatient(GivingUp), "test_outage_at_start")
    assert "RetryableError('not open')" in broken.seen


async def test_a_sink_that_swallows_an_outage() -> None:
    class Swallowing(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            try:
                return await super().write(batches)
            except RetryableError:
                return None

    broken = await fails(impatient(Swallowing), "test_outage")
    assert "missing 'outage 004'" in broken.seen


async def test_a_sink_that_reports_events_it_was_not_given() -> None:
    class Inventing(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            await super().write(batches)
            return Report({Log(1, "not yours"): "refused"})

    broken = await fails(impatient(Inventing), "test_delivers")
    assert "names events that it was not given" in broken.seen


async def test_a_sink_that_returns_something_else() -> None:
    class Boolean(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            await super().write(batches)
            return True  # type: ignore[return-value]

    broken = await fails(SinkUnderTest(Boolean), "test_delivers")
    assert "write returned True" in broken.seen


async def test_a_sink_that_never_returns() -> None:
    class Endless(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            await asyncio.Event().wait()
            return None

    broken = await fails(impatient(Endless), "test_delivers")
    assert "did not return within" in broken.seen


async def test_a_sink_that_asks_again_for_what_is_refused() -> None:
    class Hopeful(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            report = await super().write(batches)
            return Report(retry=list(report.rejected)) if report else None

    broken = await fails(impatient(Hopeful), "test_refused_event")
    assert "every write returned" in broken.seen
    assert "will never take is rejected" in broken.do


async def test_a_sink_that_cannot_be_cancelled() -> None:
    released: list[bool] = []

    class Stubborn(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            while not released:
                try:
                    await asyncio.sleep(0.01)
                except asyncio.CancelledError:
                    continue
            return await super().write(batches)

    broken = await fails(impatient(Stubborn), "test_write_cancelled_anywhere")
    assert "a cancelled write does not return" in broken.seen
    released.append(True)


async def test_a_sink_that_waits_for_a_hung_destination() -> None:
    class Polite(MemorySink):
        """Wants to say goodbye before it closes."""

        async def close(self) -> None:
            await self.destination.take([])

    broken = await fails(impatient(Polite), "test_hung_destination")
    assert "close raised TimeoutError" in broken.seen


async def test_a_sink_that_never_gets_over_a_hang() -> None:
    hung = []

    class Numb(MemorySink):
        """Takes nothing seriously any more, and says that all is well."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            if hung:
                return None
            try:
                return await super().write(batches)
            except asyncio.CancelledError:
                hung.append(batches)
                raise

    broken = await fails(impatient(Numb), "test_hung_destination")
    assert "missing 'hung 0'" in broken.seen


async def test_a_sink_that_trusts_the_kernel() -> None:
    class Trusting(MemorySink):
        """Its destination's kernel takes what nobody reads, and loses it with the process."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            if self.destination.is_hanging:
                return None
            return await super().write(batches)

    broken = await fails(impatient(Trusting), "test_loses_nothing_to_a_hang")
    assert "missing 'hang 004'" in broken.seen


async def test_a_sink_that_hides_a_refusal() -> None:
    class Hiding(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            await super().write(batches)
            return None

    class Blunt(MemorySink):
        """Has all events of a write refused for one."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            report = await super().write(batches)
            events = [event for batch in batches for event in batch.events]
            return report and Report(dict.fromkeys(events, "one of them was refused"))

    class Losing(MemorySink):
        """Names the refused event, and loses what was written together with it."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            before = len(self.destination.received)
            if report := await super().write(batches):
                del self.destination.received[before:]
            return report

    broken = await fails(impatient(Losing), "test_refused_event")
    assert "missing 'taken" in broken.seen
    assert "rejected were []" in (await fails(SinkUnderTest(Hiding), "test_refused_event")).seen
    assert "'taken" in (await fails(SinkUnderTest(Blunt), "test_refused_event")).seen


async def test_a_sink_that_lets_records_be_forged() -> None:
    class Lines(MemorySink):
        """Its destination separates records by newlines, and it does not escape them."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            split = [
                Batch(batch.resource, [Log(1, text) for text in body.split("\n")], 1)
                for batch in batches
                for body in lines([batch])
            ]
            return await super().write(split)

    broken = await fails(SinkUnderTest(Lines), "test_hostile_input")
    assert "records" in broken.seen
    assert "escape or frame" in broken.do


async def test_a_sink_that_is_silent_after_strange_text() -> None:
    class Silenced(MemorySink):
        """Believes that all is well once a NUL has spoilt its connection."""

        spoilt = False

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            self.spoilt = self.spoilt or any("\0" in text for text in lines(batches))
            return None if self.spoilt else await super().write(batches)

    broken = await fails(impatient(Silenced), "test_hostile_input")
    assert "the last record is ['   ']" in broken.seen
    assert "fit for the next" in broken.do


async def test_a_sink_that_cannot_encode() -> None:
    class Encoding(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            for text in lines(batches):
                text.encode()
            return await super().write(batches)

    broken = await fails(SinkUnderTest(Encoding), "test_hostile_input")
    assert "UnicodeEncodeError" in broken.seen


async def test_a_sink_that_stumbles_over_a_kind() -> None:
    class OnlyLogs(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            for event in batches[0].events:
                event.body.encode("utf-8", "replace")  # type: ignore[union-attr]
            return await super().write(batches)

    contract = SinkUnderTest(OnlyLogs, kinds=["log", "counter"])
    broken = await fails(contract, "test_takes_every_kind_it_accepts")
    assert "AttributeError" in broken.seen


async def test_a_sink_that_accepts_nothing_or_what_is_no_event() -> None:
    class Loose(MemorySink):
        def __init__(self, config: MemorySink.Config) -> None:
            super().__init__(config)
            self.accepts = frozenset({Log, str})  # type: ignore[type-var]

    test = "test_takes_every_kind_it_accepts"
    broken = await fails(SinkUnderTest(MemorySink, kinds=[]), test)
    assert "accepts = frozenset()" in broken.seen
    assert "<class 'str'>" in (await fails(SinkUnderTest(Loose), test)).seen


async def test_a_sink_that_accepts_something_else_later() -> None:
    class Later(MemorySink):
        async def open(self) -> None:
            self.accepts = frozenset({Log, Counter})

    broken = await fails(SinkUnderTest(Later), "test_takes_every_kind_it_accepts")
    assert "and later frozenset" in broken.seen
    assert "Counter" in broken.seen


async def test_a_sink_that_changes_its_mind() -> None:
    class Fickle(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            for batch in batches:
                batch.resource.tags["seen"] = "yes"  # type: ignore[index]
            return await super().write(batches)

    broken = await fails(SinkUnderTest(Fickle), "test_leaves_batches_alone")
    assert "other sinks have the same objects" in broken.do


async def test_a_sink_that_changes_what_is_shared() -> None:
    class Levelling(MemorySink):
        async def write(self, batches: Sequence[Batch]) -> Report | None:
            for event in batches[0].events:
                event.attributes["level"] = "warn"  # type: ignore[index]
            return await super().write(batches)

    class Forcing(MemorySink):
        """Changes what is frozen, in the way that there is around it."""

        async def write(self, batches: Sequence[Batch]) -> Report | None:
            for event in batches[0].events:
                msgspec.structs.force_setattr(event, "body", "mine now")
            return await super().write(batches)

    broken = await fails(SinkUnderTest(Levelling), "test_leaves_batches_alone")
    assert "warn" in broken.seen
    assert "mine now" in (await fails(SinkUnderTest(Forcing), "test_leaves_batches_alone")).seen

"""One transform in a pipeline: guarded, held to its account, and its receipts kept."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.delivery.transforms import Forgetful, Fragile, Grep, Join, Pairs, Touchy, text

from penstock.api import Batch, Event, Hold, Log, Resource, Transform, heap_size
from penstock.bus.stage import Books, Stage
from penstock.delivery.positions import MemoryPositions
from penstock.delivery.receipts import BatchReceipt, Lane

LOG = logging.getLogger("penstock.transforms.test")
SILENT = logging.Logger("silent", logging.CRITICAL + 1)


class Desk:
    """A stage, the books it keeps, and the part of core around it."""

    def __init__(self, transform: type[Transform], log: logging.Logger = LOG) -> None:
        self.filtered: dict[str, int] = {}
        self.merged = 0
        self.held = 0
        self.created = 0
        self.refused: list[str] = []
        self.reasons: set[str] = set()
        self.made = 0
        self.out: list[Batch] = []
        self.sent = 0
        self.receipts: list[BatchReceipt] = []
        self._lane = Lane(("sources.test", "a"), MemoryPositions())
        books = Books(self._filtered, self._merged, self._held, self._created, self._refused)
        self.stage = Stage("transforms.test", lambda: self._make(transform), books, log)

    def send(self, *lines: str, origin: str = "a") -> list[Batch]:
        """Send a batch the way that a pipeline does, and return what comes out."""
        receipt = self._lane.open(None)
        self.receipts.append(receipt)
        logs = tuple(Log(number, line) for number, line in enumerate(lines))
        self.sent += len(logs)
        batch = Batch(Resource(origin), logs, heap_size(logs), (receipt,))
        made = self._pass_on(self.stage.apply(batch))
        receipt.release()
        return made

    def flush(self, final: bool = True, now: float = 0.0) -> list[Batch]:
        return self._pass_on(self.stage.flush(now, final))

    def lines(self) -> list[str]:
        return [text(event) for batch in self.out for event in batch.events]

    def balance(self) -> None:
        """Check that nothing is missing."""
        gone = len(self.lines()) + sum(self.filtered.values()) + self.merged + len(self.refused)
        assert self.sent + self.created == gone + self.held

    def settle(self) -> None:
        """Deliver all that came out, and check that every receipt is settled then."""
        self.balance()
        waiting = {receipt for batch in self.out for receipt in batch.trail}
        assert not waiting & {receipt for receipt in self.receipts if receipt.is_settled}
        for batch in self.out:
            for receipt in batch.trail:
                receipt.release()
        assert self.held == 0
        assert all(receipt.is_settled for receipt in self.receipts)

    def _pass_on(self, batches: Sequence[Batch]) -> list[Batch]:
        for batch in batches:
            for receipt in batch.trail:
                receipt.retain()
        self.stage.release_spent()
        self.out += batches
        self.balance()
        return list(batches)

    def _make(self, transform: type[Transform]) -> Transform:
        self.made += 1
        return transform(transform.Config())

    def _filtered(self, _origin: str, reason: str, events: int) -> None:
        self.filtered[reason] = self.filtered.get(reason, 0) + events

    def _merged(self, _origin: str, events: int) -> None:
        self.merged += events

    def _held(self, _origin: str, events: int) -> None:
        self.held += events

    def _created(self, _origin: str, events: int) -> None:
        self.created += events

    def _refused(self, _of: Resource, events: Sequence[Event], reason: str) -> None:
        self.refused += [text(event) for event in events]
        self.reasons.add(reason)


class Same(Transform):
    """Changes nothing."""

    name = "same"

    def apply(self, batch: Batch) -> Batch:
        return batch


class Sneaky(Join):
    """Holds events, but says that it is stateless."""

    stateful = False


class Hoarder(Join):
    """Never lets go of all, not even at the end; gives up the first origin only."""

    def flush(self, now: float, final: bool) -> Iterable[Batch]:
        for origin in list(self._held)[:1]:
            yield self._release(origin)


class Gaps(Transform):
    """Adds a marker to each batch and says so."""

    name = "gaps"

    def apply(self, batch: Batch) -> Batch:
        return self.emit(batch, (*batch.events, Log(9, "marker")), created=1)


class BadFlush(Join):
    """Raises when the clock asks."""

    def flush(self, now: float, final: bool) -> Iterable[Batch]:
        if not final:
            raise RuntimeError("no flush")
        return super().flush(now, final)


class Liar(Join):
    """Loses what it held without a word."""

    def flush(self, now: float, final: bool) -> Iterable[Batch]:
        for holds in self._held.values():
            yield self.emit(holds[0], (), *holds)
        self._held.clear()


def test_untouched_is_passed_through() -> None:
    desk = Desk(Same)
    (out,) = desk.send("a", "b")
    assert out.trail == (desk.receipts[0],)
    desk.settle()


def test_what_is_filtered_is_counted_under_its_rule() -> None:
    desk = Desk(Grep)
    desk.send("a", "drop b", "c")
    desk.send("drop d")
    assert desk.lines() == ["a", "c"]
    assert desk.filtered == {"transforms.test: drop": 2}
    assert desk.receipts[1].is_settled
    desk.settle()


def test_what_is_created_is_counted() -> None:
    desk = Desk(Gaps)
    desk.send("a")
    assert (desk.lines(), desk.created) == (["a", "marker"], 1)
    desk.settle()


def test_held_events_hold_their_receipts() -> None:
    desk = Desk(Join)
    desk.send("a")
    desk.send(" b")
    assert (desk.lines(), desk.held) == ([], 2)
    assert not any(receipt.is_settled for receipt in desk.receipts)
    desk.send("c")
    assert (desk.lines(), desk.held, desk.merged) == (["a\n b"], 1, 1)
    assert not any(receipt.is_settled for receipt in desk.receipts)
    desk.flush()
    assert desk.lines() == ["a\n b", "c"]
    desk.settle()


def test_the_clock_lets_go_of_what_waited() -> None:
    desk = Desk(Join)
    desk.send("a")
    assert desk.flush(final=False, now=1.0) == []
    assert desk.flush(final=False, now=1.0 + Join.wait_s) != []
    assert not desk.stage.holds
    desk.settle()


# --- a transform that raises ---------------------------------------------------------------


def test_only_the_culprit_of_a_stateless_transform_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk(Touchy)
    desk.send("a", "bang", "b", "c")
    assert desk.lines() == ["a", "b", "c"]
    assert desk.refused == ["bang"]
    assert desk.reasons == {"transforms.test raised ValueError: bang"}
    assert desk.made == 1
    desk.settle()
    assert "event by event" in caplog.text


def test_an_event_that_is_lost_without_account_is_refused() -> None:
    desk = Desk(Touchy)
    desk.send("a", "lose", "b")
    assert (desk.lines(), desk.refused) == (["a", "b"], ["lose"])
    assert "1 events lost without account" in desk.reasons.pop()
    desk.settle()


def test_an_event_that_is_invented_is_refused() -> None:
    desk = Desk(Touchy)
    desk.send("a", "invent", "b")
    assert (desk.lines(), desk.refused) == (["a", "b"], ["invent"])
    assert "1 events made without account" in desk.reasons.pop()
    desk.settle()


def test_a_batch_without_its_receipts_is_refused() -> None:
    desk = Desk(Forgetful)
    desk.send("a", "b")
    assert (desk.lines(), desk.refused) == ([], ["a", "b"])
    assert "lost its receipts" in desk.reasons.pop()
    desk.settle()


def test_holding_takes_a_stateful_transform() -> None:
    desk = Desk(Sneaky)
    desk.send("a", "b")
    assert desk.refused == ["a", "b"]
    assert "does not say that it is stateful" in desk.reasons.pop()
    desk.settle()


def test_a_stateful_transform_that_raises_is_made_anew() -> None:
    desk = Desk(Fragile)
    desk.send("a", origin="x")
    desk.send("b", origin="y")
    desk.send("c", "bang", "d", origin="x")
    assert desk.lines() == []
    assert sorted(desk.refused) == ["a", "b", "bang", "c", "d"]
    assert desk.made == 2
    assert all(receipt.is_settled for receipt in desk.receipts)
    desk.send("e", "f")
    desk.flush()
    assert desk.lines() == ["e", "f"]
    desk.settle()


def test_one_that_always_raises_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(Fragile)
    for _ in range(50):
        desk.send("bang")
    assert len(desk.refused) == 50
    assert len(caplog.records) == 1


@pytest.mark.parametrize("transform", [BadFlush, Liar])
def test_a_flush_that_fails_loses_nothing(transform: type[Transform]) -> None:
    desk = Desk(transform)
    desk.send("a", origin="x")
    desk.send("b", origin="y")
    assert desk.flush(final=False) == []
    assert sorted(desk.refused) == ["a", "b"]
    assert desk.made == 2
    desk.settle()


def test_what_a_last_flush_leaves_behind_is_refused_and_the_rest_goes_on() -> None:
    desk = Desk(Hoarder)
    for origin in "xyz":
        desk.send(origin, origin=origin)
    desk.flush()
    assert desk.lines() == ["x"]
    assert sorted(desk.refused) == ["y", "z"]
    desk.settle()


# --- whatever comes ------------------------------------------------------------------------

LINES = st.lists(st.sampled_from(["a", " b", "drop", "bang", "c"]), min_size=1, max_size=5)


@pytest.mark.parametrize("transform", [Same, Grep, Join, Pairs, Fragile, Touchy])
@given(steps=st.lists(st.tuples(LINES, st.sampled_from("xy"), st.booleans()), max_size=20))
def test_nothing_is_lost(
    transform: type[Transform], steps: list[tuple[list[str], str, bool]]
) -> None:
    desk = Desk(transform, SILENT)
    for number, (lines, origin, flush) in enumerate(steps):
        desk.send(*lines, origin=origin)
        if flush:
            desk.flush(final=False, now=number * Join.wait_s)
    desk.flush()
    desk.settle()
    assert not desk.stage.holds


def test_a_hold_that_is_spent_twice_is_refused() -> None:
    class Twice(Join):
        def _release(self, origin: str) -> Batch:
            holds: list[Hold] = self._held[origin]
            self.emit(holds[0], holds[0].events, *holds)
            return self.emit(holds[0], holds[0].events, *holds)

    desk = Desk(Twice)
    desk.send("a")
    desk.send("b")
    assert desk.lines() == []
    assert sorted(desk.refused) == ["a", "b"]
    assert all(receipt.is_settled for receipt in desk.receipts)

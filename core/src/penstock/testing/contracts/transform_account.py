"""What goes into a transform comes out, or is accounted for."""

from __future__ import annotations

from penstock.api.event import Batch
from penstock.testing.contracts.base import asynchronous
from penstock.testing.contracts.transform_rig import (
    TransformRig,
    ids,
    listed,
    staged,
    with_receipts,
)
from penstock.testing.obligation import require, short
from penstock.testing.pipeline import TransformLine


class TransformAccount(TransformRig):
    """Events, holds and receipts: every one of them comes to an end that is counted."""

    def test_accounts_for_every_event(self) -> None:
        """What goes in comes out, or is accounted for as filtered, merged or held."""
        stage, faults = staged(self.make_transform())
        for batch in self._all_inputs():
            stage.apply(batch)
        stage.flush(1e9, final=True)
        require(
            not faults,
            self.test_accounts_for_every_event,
            seen="; ".join(faults[:2]),
            do="leave events out with `keep`, hold them back with `hold`, join them with `emit`",
        )

    def test_repeats_no_event(self) -> None:
        """No event comes out twice, so that none can hide the loss of another."""
        made = [event for batch in self._outputs(self._all_inputs()) for event in batch.events]
        require(
            len(set(made)) == len(made),
            self.test_repeats_no_event,
            seen=f"{len(made) - len(set(made))} events came out more than once",
            do="emit each event once; say `created` for those that you make",
        )

    def test_flush_gives_up_everything(self) -> None:
        """``flush`` with ``final`` gives up all that is held: the pipeline ends after it."""
        transform = self.make_transform()
        for batch in self._all_inputs():
            listed(transform.apply(batch))
        listed(transform.flush(1e9, True))
        held = sum(len(hold.events) for hold in transform.tally.holds)
        require(
            not held,
            self.test_flush_gives_up_everything,
            seen=f"{held} events are still held",
            do="emit every hold when `final` is true, however short it was held",
        )

    def test_holds_nothing_for_ever(self) -> None:
        """``flush`` gives up what was held long enough, also without ``final``."""
        transform = self.make_transform()
        for batch in self._all_inputs():
            listed(transform.apply(batch))
        for number in range(4):
            listed(transform.flush(1e9 + number * self.may_hold_s, False))
        held = sum(len(hold.events) for hold in transform.tally.holds)
        require(
            not held,
            self.test_holds_nothing_for_ever,
            seen=f"{held} events are still held after {3 * self.may_hold_s:g} s: what is read "
            "stays uncommitted behind them",
            do="note `now` at the first `flush` that sees a hold, and emit it a limit of yours "
            "later; `may_hold_s` of the test says how long that may be",
        )

    def test_says_that_it_is_stateful(self) -> None:
        """A transform that holds events between calls says ``stateful = True``."""
        transform = self.make_transform()
        held = 0
        for batch in self._all_inputs():
            listed(transform.apply(batch))
            held += len(transform.tally.holds)
        require(
            transform.stateful or not held,
            self.test_says_that_it_is_stateful,
            seen="it holds events and says stateful = False: core would never call `flush`",
            do="set `stateful = True` on the class",
        )

    def test_keeps_trails(self) -> None:
        """A batch carries the receipts of every batch that its events came from."""
        transform = self.make_transform()
        came_from = {}
        outputs: list[Batch] = []
        for batch, receipt in with_receipts(self.inputs()):
            came_from.update(dict.fromkeys(ids(batch), receipt))
            outputs += listed(transform.apply(batch))
        outputs += listed(transform.flush(1e9, True))
        lost = [
            name
            for batch in outputs
            for name in ids(batch)
            if name in came_from and came_from[name] not in batch.trail
        ]
        require(
            not lost and all(batch.trail for batch in outputs if len(batch.events)),
            self.test_keeps_trails,
            seen=f"{len(lost)} events came out without their receipts: {', '.join(lost[:1])}",
            do="make batches with `msgspec.structs.replace(batch, …)`, `keep` or `emit`: a "
            "receipt too many only delays, one too few loses events",
        )

    @asynchronous
    async def test_everything_is_settled(self) -> None:
        """In the real pipeline every receipt settles in the end, and the ledger adds up."""
        line = TransformLine(self.make_transform)
        inputs = self._all_inputs()
        receipts = await line.run(inputs, self.patience_s)
        open_receipts = [receipt for receipt in receipts if not receipt.is_settled]
        require(
            not open_receipts,
            self.test_everything_is_settled,
            seen=f"{len(open_receipts)} of {len(inputs)} batches were never settled",
            do="spend every hold in an `emit`; never call `retain` or `release` yourself",
        )
        residues = line.line.ledger.residues()
        require(
            not residues,
            self.test_everything_is_settled,
            seen=f"by origin, it does not add up: {short(residues)}",
            do="leave `resource.origin` as it is, and filter and merge under the resource that "
            "events came with",
        )

"""What a transform owes: what goes in comes out, or is accounted for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import ClassVar

from penstock.api.delivery import Outcome
from penstock.api.event import Batch
from penstock.testing.contracts.base import asynchronous
from penstock.testing.contracts.transform_rig import (
    Account,
    TransformRig,
    ids,
    sample_batches,
    with_receipts,
)
from penstock.testing.hostile import hostile_batches
from penstock.testing.loop_guard import LoopGuard
from penstock.testing.obligation import require, short
from penstock.testing.pipeline import TransformLine
from penstock.testing.snapshot import as_text, changed, with_mutable_parts
from penstock.testing.watch import Watch


class TransformContract(TransformRig):
    """Subclass it, give it a transform and what it acts on, and it tests the transform.

    ``make_transform`` is needed; ``inputs`` should be given where the settings act on something
    that the samples do not have.

    Cannot check: that what comes out is what the settings ask for; input on which a regular
    expression of the settings takes for ever, unless ``inputs`` has it.
    """

    penstock_kind: ClassVar[str] = "transform"

    # --- the account -----------------------------------------------------------------------

    def test_accounts_for_every_event(self) -> None:
        """What goes in comes out, or is accounted for as filtered, merged or held."""
        account = Account(self.make_transform())
        events = out = 0
        for batch in self._all_inputs():
            events += len(batch.events)
            out += sum(len(made.events) for made in account.stage.apply(batch))
        out += sum(len(made.events) for made in account.stage.flush(1e9, final=True))
        require(
            not account.reasons,
            self.test_accounts_for_every_event,
            seen=short("; ".join(account.reasons[:2])),
            do="leave events out with `keep`, hold them back with `hold`, join them with `emit`",
        )
        require(
            events + account.created == out + account.filtered + account.merged,
            self.test_accounts_for_every_event,
            seen=f"{events} in, {account.created} created, {out} out, {account.filtered} "
            f"filtered, {account.merged} merged",
            do="count once what is left out, joined or made",
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
            _listed(transform.apply(batch))
        _listed(transform.flush(1e9, True))
        held = sum(len(hold.events) for hold in transform.tally.holds)
        require(
            not held,
            self.test_flush_gives_up_everything,
            seen=f"{held} events are still held",
            do="emit every hold when `final` is true, however short it was held",
        )

    def test_says_that_it_is_stateful(self) -> None:
        """A transform that holds events between calls says ``stateful = True``."""
        transform = self.make_transform()
        held = 0
        for batch in self._all_inputs():
            _listed(transform.apply(batch))
            held += len(transform.tally.holds)
        require(
            transform.stateful or not held,
            self.test_says_that_it_is_stateful,
            seen="it holds events and says stateful = False: core would never call `flush`",
            do="set `stateful = True` on the class",
        )

    # --- receipts --------------------------------------------------------------------------

    def test_keeps_trails(self) -> None:
        """A batch carries the receipts of every batch that its events came from."""
        transform = self.make_transform()
        came_from = {}
        outputs: list[Batch] = []
        for batch, receipt in with_receipts(self.inputs()):
            came_from.update(dict.fromkeys(ids(batch), receipt))
            outputs += _listed(transform.apply(batch))
        outputs += _listed(transform.flush(1e9, True))
        lost = [
            name
            for batch in outputs
            for name in ids(batch)
            if name in came_from and came_from[name] not in batch.trail
        ]
        require(
            not lost and all(batch.trail for batch in outputs if len(batch.events)),
            self.test_keeps_trails,
            seen=f"events came out without their receipts: {short(lost)}",
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
        row = line.line.ledger.total("sinks.contract")
        arrived = len(line.destination.events())
        require(
            not residues and arrived == row.outcomes.get((Outcome.DELIVERED, ""), 0),
            self.test_everything_is_settled,
            seen=f"residues {residues}, {arrived} events at the destination",
            do="count what is filtered and merged under the resource that it came with",
        )

    # --- purity ----------------------------------------------------------------------------

    def test_changes_nothing_in_place(self) -> None:
        """Batches, events and resources are shared with other pipelines: change copies."""
        transform = self.make_transform()
        for original in self._all_inputs():
            batch = with_mutable_parts(original)
            before = as_text(batch)
            _listed(transform.apply(batch))
            _listed(transform.flush(1e9, True))
            after = as_text(batch)
            require(
                after == before,
                self.test_changes_nothing_in_place,
                seen=changed(before, after),
                do="copy a map to change it, and make new objects with msgspec.structs.replace",
            )

    def test_does_no_io(self) -> None:
        """``apply`` and ``flush`` are pure and synchronous: no file, no socket, no name lookup."""
        watch = Watch()
        transform = self.make_transform()
        for batch in self._all_inputs():
            watch.call(lambda one=batch: _listed(transform.apply(one)))  # type: ignore[misc]
        watch.call(lambda: _listed(transform.flush(1e9, True)))
        require(
            not watch.io,
            self.test_does_no_io,
            seen="; ".join(watch.io[:3]),
            do="do it outside of the event's way: a transform that waits stops the whole pipeline",
        )

    def test_is_repeatable(self) -> None:
        """The same input gives the same output: a replay must not look different."""
        inputs = self.inputs()
        first = [as_text(batch) for batch in self._outputs(inputs)]
        second = [as_text(batch) for batch in self._outputs(inputs)]
        require(
            first == second,
            self.test_is_repeatable,
            seen=f"first {short(first)}, then {short(second)}",
            do="let the output depend on the settings and the batch alone, not on time or chance",
        )

    def test_is_stateless_unless_it_says_so(self) -> None:
        """A transform that is not ``stateful`` gives the same for a batch whatever came before."""
        transform = self.make_transform()
        if transform.stateful:
            return
        inputs = self.inputs()
        first = [[as_text(made) for made in _listed(transform.apply(one))] for one in inputs]
        again = [[as_text(made) for made in _listed(transform.apply(one))] for one in inputs]
        require(
            first == again,
            self.test_is_stateless_unless_it_says_so,
            seen=f"first {short(first)}, then {short(again)}",
            do="set `stateful = True`, or forget each batch before the next",
        )

    def test_returns_batches(self) -> None:
        """``apply`` returns a batch or several, ``flush`` several: nothing else comes out."""
        transform = self.make_transform()
        wrong = [
            made
            for batch in self._all_inputs()
            for made in _made(transform.apply(batch))
            if not isinstance(made, Batch)
        ]
        given_up = transform.flush(1e9, True)
        wrong += [made for made in _made(given_up) if not isinstance(made, Batch)]
        if isinstance(given_up, Batch):
            wrong.append(given_up)
        require(
            not wrong,
            self.test_returns_batches,
            seen=f"it returned {short(wrong[0]) if wrong else ''}",
            do="return the batch, a list of batches, or an empty list: never None, events or text",
        )

    @asynchronous
    async def test_does_not_block_the_loop(self) -> None:
        """No call stops the event loop for half a second: it would stop every other pipeline."""
        transform = self.make_transform()
        async with LoopGuard() as guard:
            for batch in self._all_inputs():
                _made(transform.apply(batch))
                await asyncio.sleep(0)
            _made(transform.flush(1e9, True))
        require(
            not guard.blocked,
            self.test_does_not_block_the_loop,
            seen=f"it stood at {'; '.join(guard.blocked[:2])}",
            do="do less for each event: nothing that sleeps or waits, and patterns of users with "
            "`penstock.api.Pattern`, whose time is linear",
        )

    def test_passes_the_kinds_that_it_says(self) -> None:
        """What comes out is of the kinds that ``passes`` promises for those that went in."""
        inputs = [*self.inputs(), *sample_batches()]
        given = frozenset(type(event) for batch in inputs for event in batch.events)
        promised = self.make_transform().passes(given)
        made = {type(event) for batch in self._outputs(inputs) for event in batch.events}
        require(
            made <= promised,
            self.test_passes_the_kinds_that_it_says,
            seen=f"{[kind.__name__ for kind in made - promised]} came out, and `passes` does not "
            "name them",
            do="return from `passes` all kinds that may come out: `penstock check` goes by it",
        )

    # --- what it lives through -------------------------------------------------------------

    def test_keeps_order(self) -> None:
        """Events of one stream of a resource come out in the order in which they went in.

        Streams may overtake each other: what waits for more of its own holds up no other.
        """
        inputs = self.inputs()
        order = {name: at for at, name in enumerate(n for batch in inputs for n in ids(batch))}
        seen: dict[tuple[str, str], list[int]] = {}
        for batch in self._outputs(inputs):
            for event, name in zip(batch.events, ids(batch), strict=True):
                places = seen.setdefault((batch.resource.origin, getattr(event, "stream", "")), [])
                places += [order[name]] if name in order else []
        require(
            all(places == sorted(places) for places in seen.values()),
            self.test_keeps_order,
            seen=f"places of the events in the input: {short(list(seen.values()))}",
            do="emit what was held before what came after it",
        )

    def test_hostile_input(self) -> None:
        """Text and names of strangers, every kind of event and the empty batch raise nothing."""
        for what, batch in {**hostile_batches(), **_samples_by_number()}.items():
            error = None
            try:
                _listed(self.make_transform().apply(batch))
            except Exception as raised:
                error = raised
            require(
                error is None,
                self.test_hostile_input,
                seen=f"{what}: {error!r}",
                do="take whatever text comes; return batches of other kinds untouched",
            )

    def _all_inputs(self) -> list[Batch]:
        return [*self.inputs(), *sample_batches(), *hostile_batches().values()]

    def _outputs(self, inputs: Sequence[Batch]) -> list[Batch]:
        transform = self.make_transform()
        made = [one for batch in inputs for one in _listed(transform.apply(batch))]
        return made + _listed(transform.flush(1e9, True))


def _made(result: object) -> list[object]:
    """Return what a call made, as it is: also what is no batch."""
    if isinstance(result, Batch):
        return [result]
    return list(result) if isinstance(result, Iterable) and result is not None else [result]


def _listed(made: Batch | Iterable[Batch]) -> list[Batch]:
    return [made] if isinstance(made, Batch) else list(made)


def _samples_by_number() -> dict[str, Batch]:
    return {f"sample {number}": batch for number, batch in enumerate(sample_batches())}

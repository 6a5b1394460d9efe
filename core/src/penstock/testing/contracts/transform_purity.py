"""A transform is a function of its settings and of what it is given."""

from __future__ import annotations

import asyncio

from penstock.api.event import Batch
from penstock.testing.contracts.base import asynchronous
from penstock.testing.contracts.transform_rig import (
    RETURN,
    TransformRig,
    listed,
    made_by,
    sample_batches,
)
from penstock.testing.loop_guard import LoopGuard
from penstock.testing.obligation import require, short
from penstock.testing.snapshot import as_text, changed, with_mutable_parts
from penstock.testing.watch import Watch


class TransformPurity(TransformRig):
    """What it changes, remembers, waits for, and returns."""

    def test_changes_nothing_in_place(self) -> None:
        """Batches, events and resources are shared with other pipelines: change copies."""
        transform = self.make_transform()
        for original in self._all_inputs():
            batch = with_mutable_parts(original)
            before = as_text(batch)
            listed(transform.apply(batch))
            listed(transform.flush(1e9, True))
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
            watch.call(lambda one=batch: listed(transform.apply(one)))  # type: ignore[misc]
        watch.call(lambda: listed(transform.flush(1e9, True)))
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
            seen=changed(" | ".join(first), " | ".join(second), "then"),
            do="let the output depend on the settings and the batch alone, not on time or chance",
        )

    def test_is_stateless_unless_it_says_so(self) -> None:
        """A transform that is not ``stateful`` gives the same for a batch whatever came before."""
        transform = self.make_transform()
        if transform.stateful:
            return
        inputs = self.inputs()
        first = [as_text(made) for one in inputs for made in listed(transform.apply(one))]
        again = [as_text(made) for one in inputs for made in listed(transform.apply(one))]
        require(
            first == again,
            self.test_is_stateless_unless_it_says_so,
            seen=changed(" | ".join(first), " | ".join(again), "then"),
            do="set `stateful = True`, or forget each batch before the next",
        )

    def test_returns_batches(self) -> None:
        """``apply`` returns a batch or several, ``flush`` several: nothing else comes out."""
        transform = self.make_transform()
        wrong = [
            made
            for batch in self._all_inputs()
            for made in made_by(transform.apply(batch))
            if not isinstance(made, Batch)
        ]
        given_up = transform.flush(1e9, True)
        wrong += [made for made in made_by(given_up) if not isinstance(made, Batch)]
        if isinstance(given_up, Batch):
            wrong.append(given_up)
        require(
            not wrong,
            self.test_returns_batches,
            seen=f"it returned {short(wrong[0]) if wrong else ''}",
            do=RETURN,
        )

    @asynchronous
    async def test_does_not_block_the_loop(self) -> None:
        """No call stops the event loop for half a second: it would stop every other pipeline."""
        transform = self.make_transform()
        async with LoopGuard() as guard:
            for batch in self._all_inputs():
                made_by(transform.apply(batch))
                await asyncio.sleep(0)
            made_by(transform.flush(1e9, True))
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
